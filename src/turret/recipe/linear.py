"""The section `[train.linear]` of a recipe: the linear model that stands beside the towers."""

import msgspec

from turret.recipe.checks import require, require_positive

__all__ = ["LinearPart"]


class LinearPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the features of kind `linear` are found before the first step.

    Args:
        regularization: EASE's lambda: more where there are more interactions or they say less.
        weight: what EASE's score, which is about 1 for what fits well, is multiplied by before it
            is added to the towers' score, a cosine where vectors are normalised.
        half_life: days; who met what counts half as much as what is so much later. None: all alike.
        max_candidates: refuse more candidates: memory grows with their square, time with their
            cube.

    Example:
        >>> LinearPart(regularization=800.0).weight
        0.5
    """

    regularization: float = 400.0
    weight: float = 0.5
    half_life: float | None = None
    max_candidates: int = 20_000

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for key in ("regularization", "weight"):
            require_positive(f"train.linear.{key}", getattr(self, key))
        if self.half_life is not None:
            require_positive("train.linear.half_life", self.half_life)
        most = self.max_candidates
        require(most >= 1, "train.linear.max_candidates", most, "at least 1")
