"""The baselines of a recipe: which simple recommenders stand beside the model in its report."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec

from turret.errors import RecipeError, nearest
from turret.recipe.checks import require, require_positive, require_seed

__all__ = [
    "EASE",
    "IALS",
    "KINDS",
    "Baseline",
    "ItemKNN",
    "Popularity",
    "RP3Beta",
    "Random",
    "Repeats",
    "resolve_baselines",
]


_MODEL = "model"
"""What reports call the model, beside the baselines."""


class _Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str | None = None

    @property
    def label(self) -> str:
        """What reports call it: its name, or else its kind."""
        return self.name or str(self.__struct_config__.tag)


class Popularity(_Named, frozen=True, kw_only=True, tag_field="kind", tag="popularity"):
    """The same list for every query: candidates by how many training events they have.

    Args:
        name: what reports call it; None takes the kind, with the days if there are any.
        days: count the events of the last so many days of training; None counts all.

    Example:
        >>> Popularity(days=30).label
        'popularity_30d'
    """

    days: float | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        if self.days is not None:
            msgspec.structs.force_setattr(self, "days", float(self.days))
            require_positive("evaluation.baselines: days", self.days)

    @property
    def label(self) -> str:
        """What reports call it."""
        own = "popularity" if self.days is None else f"popularity_{self.days:g}d"
        return self.name or own


class Repeats(_Named, frozen=True, kw_only=True, tag_field="kind", tag="repeats"):
    """What each query met most often, and then what is popular.

    Hard to beat where things are bought again and what was seen stays in the ranking; without that
    it is popularity.

    Args:
        name: what reports call it.
        half_life: an event counts half as much as one that is so many days later; None counts all
            alike.
    """

    half_life: float | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _settle_half_life(self)


class Random(_Named, frozen=True, kw_only=True, tag_field="kind", tag="random"):
    """Each query's candidates in an order of chance: what a report's figures are worth.

    Args:
        name: what reports call it.
        seed: decides the order.
    """

    seed: int = 42

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require_seed("evaluation.baselines: seed", self.seed)


class ItemKNN(_Named, frozen=True, kw_only=True, tag_field="kind", tag="item_knn"):
    """Candidates near those that a query met, by the cosine of who met them.

    Args:
        name: what reports call it.
        weighting: what is put into the cosine: plain ones, TF-IDF or BM25 (k1 = 1.2, b = 0.75).
        neighbours: how many neighbours of each candidate count.
        shrink: added to the denominator, against chance similarities of rare candidates.
        half_life: what was met counts half as much as what was met so many days later, by the last
            time of each; None counts all alike.
        max_candidates: above so many candidates it is left out: time grows with their square.
    """

    weighting: Literal["plain", "tfidf", "bm25"] = "plain"
    neighbours: int = 100
    shrink: float = 10.0
    half_life: float | None = None
    max_candidates: int = 50_000

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _settle_half_life(self)
        place = "evaluation.baselines: "
        require(self.neighbours >= 1, place + "neighbours", self.neighbours, "at least 1")
        require(0 <= self.shrink < 1e9, place + "shrink", self.shrink, "at least 0")
        most = self.max_candidates
        require(most >= 1, place + "max_candidates", most, "at least 1")


class RP3Beta(_Named, frozen=True, kw_only=True, tag_field="kind", tag="rp3beta"):
    """A walk of three steps from a query, with popular candidates held back.

    Args:
        name: what reports call it.
        alpha: power of the probabilities of a step.
        beta: power of the popularity that a candidate is divided by.
        neighbours: how many neighbours of each candidate count.
        half_life: what was met counts half as much as what was met so many days later, by the last
            time of each; None counts all alike.
        max_candidates: above so many candidates it is left out: time grows with their square.
    """

    alpha: float = 1.0
    beta: float = 0.3
    neighbours: int = 100
    half_life: float | None = None
    max_candidates: int = 50_000

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _settle_half_life(self)
        place = "evaluation.baselines: "
        require_positive(place + "alpha", self.alpha)
        require(0 <= self.beta < 100, place + "beta", self.beta, "at least 0")
        require(self.neighbours >= 1, place + "neighbours", self.neighbours, "at least 1")
        most = self.max_candidates
        require(most >= 1, place + "max_candidates", most, "at least 1")


class EASE(_Named, frozen=True, kw_only=True, tag_field="kind", tag="ease"):
    """The linear model of candidates on one another that has a closed form.

    Args:
        name: what reports call it.
        regularization: lambda, added to the diagonal of the Gram matrix.
        half_life: what was met counts half as much as what was met so many days later, by the last
            time of each; None counts all alike.
        max_candidates: above so many candidates it is left out: memory grows with their square,
            time with their cube.
    """

    regularization: float = 300.0
    half_life: float | None = None
    max_candidates: int = 20_000

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _settle_half_life(self)
        place = "evaluation.baselines: "
        require_positive(place + "regularization", self.regularization)
        most = self.max_candidates
        require(most >= 1, place + "max_candidates", most, "at least 1")


class IALS(_Named, frozen=True, kw_only=True, tag_field="kind", tag="ials"):
    """Implicit alternating least squares, by the library `implicit` (the extra `baselines`).

    Args:
        name: what reports call it.
        factors: numbers in a vector.
        regularization: factor of the squared lengths of the vectors.
        alpha: weight of a candidate that was met; one that was not weighs 1.
        iterations: passes over both sides.
        seed: of the initial vectors.
        half_life: what was met counts half as much as what was met so many days later, by the last
            time of each; None counts all alike.
    """

    factors: int = 128
    regularization: float = 50.0
    alpha: float = 10.0
    iterations: int = 15
    seed: int = 42
    half_life: float | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _settle_half_life(self)
        place = "evaluation.baselines: "
        require(self.factors >= 1, place + "factors", self.factors, "at least 1")
        require(self.iterations >= 1, place + "iterations", self.iterations, "at least 1")
        require_positive(place + "alpha", self.alpha)
        ridge = self.regularization
        require(0 <= ridge < 1e9, place + "regularization", ridge, "at least 0")
        require_seed(place + "seed", self.seed)


Baseline = Popularity | Repeats | Random | ItemKNN | RP3Beta | EASE | IALS

KINDS: Mapping[str, type[Baseline]] = MappingProxyType(
    {
        "popularity": Popularity,
        "repeats": Repeats,
        "random": Random,
        "item_knn": ItemKNN,
        "rp3beta": RP3Beta,
        "ease": EASE,
        "ials": IALS,
    }
)
"""Each baseline by the name that stands for it with its default settings."""


def resolve_baselines(given: "Sequence[str | Baseline]") -> tuple[Baseline, ...]:
    """Baselines of which some are given by their kind alone.

    Args:
        given: kinds, such as "ease", or baselines with their settings.

    Returns:
        The baselines.

    Raises:
        RecipeError: if there is no such kind, two have the same label, or one has the model's.

    Example:
        >>> [one.label for one in resolve_baselines(("popularity", EASE(regularization=100.0)))]
        ['popularity', 'ease']
    """
    found: dict[str, Baseline] = {}
    for one in given:
        if isinstance(one, str):
            if one not in KINDS:
                raise RecipeError("there is no such baseline", got=one, fix=nearest(one, KINDS))
            one = KINDS[one]()
        if one.label == _MODEL:
            raise RecipeError(
                "a baseline has the name of the model",
                got=one.label,
                fix="Give it another one: name = ...",
            )
        if one.label in found:
            raise RecipeError(
                "two baselines have the same name",
                got=one.label,
                fix="Give one of them another one: name = ...",
            )
        found[one.label] = one
    return tuple(found.values())


def _settle_half_life(config: "Repeats | ItemKNN | RP3Beta | EASE | IALS") -> None:
    """Keep a float and refuse what is none."""
    if config.half_life is not None:
        msgspec.structs.force_setattr(config, "half_life", float(config.half_life))
        require_positive("evaluation.baselines: half_life", config.half_life)
