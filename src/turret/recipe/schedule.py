"""The section `[train.schedule]` of a recipe: how the learning rate changes over a training."""

from typing import Literal

import msgspec

from turret.recipe.checks import require

__all__ = ["Schedule"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the learning rate changes over a training.

    A whole number counts steps; a number with a point is a fraction of the training.

    Args:
        kind: what follows the warm-up: the full rate, or a decay along a line or half a cosine.
        warmup: where the full rate is reached, which grows evenly until there.
        end: where the decay is over.
        final: the share of the rate that is left there.

    Example:
        >>> Schedule(kind="cosine", warmup=0.05).end
        1.0
    """

    kind: Literal["constant", "linear", "cosine"] = "constant"
    warmup: int | float = 0
    end: int | float = 1.0
    final: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for key in ("warmup", "end"):
            value = getattr(self, key)
            share = value >= 0 if isinstance(value, int) else 0 <= value <= 1
            expected = "a whole number of steps, or a fraction of the training from 0.0 to 1.0"
            require(share, f"train.schedule.{key}", value, expected)
        require(self.end > 0, "train.schedule.end", self.end, "above 0")
        final = self.final
        require(0 <= final <= 1, "train.schedule.final", final, "from 0 to 1")
        decays = self.kind != "constant" or (self.end, self.final) == (1.0, 0.0)
        require(decays, "train.schedule.kind", self.kind, "'linear' or 'cosine' with an end")
