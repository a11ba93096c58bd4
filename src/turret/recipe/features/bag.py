"""The feature `bag`: several values a row."""

from typing import Literal

from turret.recipe.checks import require
from turret.recipe.features.base import Vocabularied, require_vocabularied

__all__ = ["Bag"]


class Bag(Vocabularied, frozen=True, kw_only=True, tag_field="kind", tag="bag"):
    """A feature with one embedding row for each distinct value of a column of lists, pooled.

    Values that have no row are passed over. A null, an empty list, and one without a known value
    give the zero vector. A value that stands twice in a list counts twice.

    Args:
        column: a column of lists, or of text in which `separator` divides the values.
        name: as for `Categorical`.
        embedding_dim: as for `Categorical`.
        table: as for `Categorical`; a categorical feature and a history may share it.
        learning_rate: as for `Categorical`.
        min_count: values seen less often in the training data have no row.
        max_size: keep only that many of the most frequent values; None keeps all.
        separator: what divides the values where the column is of text; blanks around them go.
        weights: a column of lists of finite numbers, one for each value; None weighs all alike.
        pooling: "sum" of weight times row; "mean", that over the sum of the weights' magnitudes; or
            "sqrtn", that over the root of the sum of their squares.
        length: so many values of a row are read at most, the first known ones.

    Example:
        >>> Bag("genres", separator="|", pooling="mean").reads
        ('genres',)
    """

    separator: str | None = None
    weights: str | None = None
    pooling: Literal["sum", "mean", "sqrtn"] = "sqrtn"
    length: int = 16

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the feature is made of."""
        return (self.column,) if self.weights is None else (self.column, self.weights)

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require_vocabularied(self)
        place = f"feature {self.key!r}"
        require(self.separator != "", f"{place}: separator", self.separator, "some text, or none")
        require(self.length >= 1, f"{place}: length", self.length, "at least 1")
