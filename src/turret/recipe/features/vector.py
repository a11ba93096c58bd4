"""The feature `vector`: an embedding that was computed elsewhere."""

from turret.recipe.features.base import Described, require_described

__all__ = ["Vector"]


class _Column(Described, frozen=True):
    column: str


class Vector(_Column, frozen=True, kw_only=True, tag_field="kind", tag="vector"):
    """A feature of a column of vectors, projected.

    The vectors are divided by one number, the root mean square of the training rows. A null has a
    vector of its own.

    Args:
        column: a column of lists of finite numbers, all of one length.
        name: as for `Categorical`.
        embedding_dim: as for `Categorical`.
        normalize: scale each to length 1 first; the zero vector stays.

    Example:
        >>> Vector("cover", normalize=True).reads
        ('cover',)
    """

    normalize: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the feature is made of."""
        return (self.column,)

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require_described(self)
