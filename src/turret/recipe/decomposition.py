"""The section `[train.decomposition]` of a recipe: what embedding rows start from."""

import msgspec

from turret.recipe.checks import require

__all__ = ["Decomposition"]


class Decomposition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The matrix that `train.initial = "decomposition"` decomposes, and what becomes of popularity.

    Args:
        query_power: who met what is divided by this power of how many candidates the query met.
        candidate_power: and by this power of how many queries met the candidate.
        popularity: a candidate's vector is then multiplied by this power of how many queries met
            it; with vectors that are normalised it has no effect.

    Example:
        >>> Decomposition(popularity=0.4).query_power
        0.5
    """

    query_power: float = 0.5
    candidate_power: float = 0.5
    popularity: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for key in ("query_power", "candidate_power", "popularity"):
            value = getattr(self, key)
            require(0 <= value <= 1, f"train.decomposition.{key}", value, "from 0 to 1")
