"""The body `dot`: the features' vectors, two at a time."""

from turret.recipe.bodies.base import BodyKind

__all__ = ["DotInteraction"]


class DotInteraction(BodyKind, frozen=True, kw_only=True, tag_field="kind", tag="dot"):
    """The inner product of each two features' vectors, as in DLRM.

    It is the first body of its tower, and the features' vectors are equally wide.

    Args:
        self_interaction: each vector's product with itself too.
        keep_features: the features' vectors stand before the products.

    Example:
        >>> DotInteraction().keep_features
        True

    Reference:
        Naumov et al., "Deep learning recommendation model for personalization and recommendation
        systems", 2019.
    """

    self_interaction: bool = False
    keep_features: bool = True

    @property
    def reads_features(self) -> bool:
        """Whether it reads the features' vectors one by one, and so stands first."""
        return True
