"""The features of a tower: which columns it reads, and how each becomes a vector."""

import math

import msgspec

from turret.recipe.checks import (
    require,
)

__all__ = ["Categorical", "Feature"]


class _Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    column: str


class Categorical(_Column, frozen=True, kw_only=True, tag_field="kind", tag="categorical"):
    """A feature with one embedding row for each distinct value of a column.

    Args:
        column: the column of the query table or the candidate table that is encoded.
        embedding_dim: numbers in one embedding row; None takes the model's.
        table: the name of an embedding table that several features share; None makes one of its
            own.
        min_count: values seen less often in the training data share the out-of-vocabulary row.
        max_size: keep only that many of the most frequent values; None keeps all.
        learning_rate: the table's rate is the training's times this; at 0 it stays as it starts.

    Example:
        >>> Categorical("user_id").column
        'user_id'
    """

    embedding_dim: int | None = None
    table: str | None = None
    min_count: int = 1
    max_size: int | None = None
    learning_rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        place = f"feature {self.column!r}"
        require(self.column != "", "feature column", self.column, "the name of a column")
        dim, size = self.embedding_dim, self.max_size
        require(dim is None or dim >= 1, f"{place}: embedding_dim", dim, "at least 1")
        require(self.min_count >= 1, f"{place}: min_count", self.min_count, "at least 1")
        require(size is None or size >= 1, f"{place}: max_size", size, "at least 1")
        rate = self.learning_rate
        require(0 <= rate < math.inf, f"{place}: learning_rate", rate, "at least 0 and finite")


Feature = Categorical
