"""The body `cross`: the cross network of DCN-v2."""

import math

from turret.recipe.bodies.base import BodyKind
from turret.recipe.checks import require

__all__ = ["CrossNetwork"]


class CrossNetwork(BodyKind, frozen=True, kw_only=True, tag_field="kind", tag="cross"):
    """Layers that multiply what they get with the first one's input: `x0 * (x W + b) + x`.

    With `n` of them the result holds products of up to `n + 1` of the numbers that go in. It is as
    wide as what goes in.

    Args:
        layers: how many.
        rank: of the matrix `W`, which is then a product of two narrow ones; None makes it full.
        diag_scale: this times the identity is added to `W`; steadies a training.

    Example:
        >>> CrossNetwork(layers=3, rank=16).rank
        16

    Reference:
        Wang et al., "DCN V2: improved deep & cross network and practical lessons for web-scale
        learning to rank systems", WWW 2021.
    """

    layers: int = 2
    rank: int | None = None
    diag_scale: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require(self.layers >= 1, "body 'cross': layers", self.layers, "at least 1")
        require(self.rank is None or self.rank >= 1, "body 'cross': rank", self.rank, "at least 1")
        possible = 0 <= self.diag_scale < math.inf
        require(possible, "body 'cross': diag_scale", self.diag_scale, "at least 0 and finite")
