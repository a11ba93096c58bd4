"""The section `[tune]` of a recipe: between which values settings are looked for."""

import itertools
import math
from typing import Any

import msgspec

from turret.recipe.checks import require

__all__ = ["Range", "Tune"]

_YARDSTICK = ("train.early_stopping", "train.validation_queries", "train.checkpoint", "train.seed")
_TUNED = ("model", "loss", "train")


class Range(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The values that one key may take: an interval, or a list of choices.

    Args:
        low: the least value.
        high: the greatest value; values are whole numbers where `low`, `high` and `step` are.
        log: draw the logarithm evenly instead of the value.
        step: the distance of one value from the next, from `low` on; None is 1 for whole numbers,
            and leaves others free.
        choices: the values one by one, of any type, instead of an interval.

    Example:
        >>> Range(low=1, high=9, step=4).count, Range(low=0.1, high=1.0).count
        (3, None)
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: list[Any] | None = None

    @property
    def whole(self) -> bool:
        """Whether the values of an interval are whole numbers."""
        return all(isinstance(n, int | None) for n in (self.low, self.high, self.step))

    @property
    def count(self) -> int | None:
        """How many values there are; None where they lie densely."""
        if self.choices is not None:
            return len(self.choices)
        assert self.low is not None and self.high is not None
        if self.step is None and not self.whole:
            return None
        return 1 + round((self.high - self.low) / (self.step or 1))

    @property
    def examples(self) -> list[Any]:
        """The choices, or the ends of the interval."""
        return [self.low, self.high] if self.choices is None else list(self.choices)


class Tune(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where `turret tune` looks for settings: the section `[tune]`.

    Args:
        space: for each key of the recipe, by its dotted path, the values it may take; empty takes
            a space that fits the recipe.
        prune: end a trial whose validation lags behind the median of those before it.
    """

    space: dict[str, Range] = {}
    prune: bool = True

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for key, one in self.space.items():
            place = f'tune.space."{key}"'
            inside = key.startswith(tuple(f"{name}." for name in _TUNED)) or key in _TUNED
            require(inside, place, key, "a key of the model, the loss or the training")
            measured = key.startswith(_YARDSTICK)
            require(not measured, place, key, "no key that decides how trials are measured")
            _check_range(place, one)
        for one, other in itertools.permutations(self.space, 2):
            within = other.startswith(f"{one}.")
            require(
                not within, f'tune.space."{other}"', other, f'a key that is not part of "{one}"'
            )


def _check_range(place: str, one: Range) -> None:
    low, high, step = one.low, one.high, one.step
    if one.choices is not None:
        alone = low is None and high is None and step is None and not one.log
        require(alone, place, msgspec.to_builtins(one), "choices alone, or low and high")
        distinct = {msgspec.json.encode(choice) for choice in one.choices}
        fine = len(distinct) == len(one.choices) > 0
        require(fine, f"{place}.choices", one.choices, "at least one, each once")
        return
    if low is None or high is None:
        require(False, place, msgspec.to_builtins(one), "low and high, or choices")
        return
    finite = -math.inf < low < high < math.inf
    require(finite, place, {"low": low, "high": high}, "low below high, both finite")
    require(not one.log or low > 0, f"{place}.low", low, "above 0, since log is true")
    if step is not None:
        require(not one.log, f"{place}.step", step, "none, since log is true")
        require(0 < step < math.inf, f"{place}.step", step, "above 0 and finite")
        steps = (high - low) / step
        even = math.isclose(steps, round(steps), rel_tol=1e-9)
        require(even, f"{place}.step", step, f"a number that {low} goes up to {high} by")
