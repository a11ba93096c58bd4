"""The feature `cross`: what several columns say together."""

from collections.abc import Sequence

import msgspec

from turret.recipe.checks import require
from turret.recipe.features.base import Tabled, require_tabled

__all__ = ["Cross"]


class _Columns(Tabled, frozen=True):
    columns: Sequence[str]


class Cross(_Columns, frozen=True, kw_only=True, tag_field="kind", tag="cross"):
    """A feature with a vector for each combination of the values of several columns.

    A combination is the sum of two embedding rows, by two hashes. Missing is a value like others,
    unless all are. A combination that training did not meet has the out-of-vocabulary row.

    Args:
        columns: two or more columns of ids: text or whole numbers.
        name: what the feature is called; None takes the columns' names, divided by " x ".
        embedding_dim: as for `Categorical`.
        table: as for `Categorical`, shared among crosses.
        learning_rate: as for `Categorical`.
        hash_buckets: rows of the table, the out-of-vocabulary row aside.

    Example:
        >>> Cross(["country", "month"]).key
        'country x month'
    """

    hash_buckets: int = 65536

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the feature is made of."""
        return tuple(self.columns)

    @property
    def rule(self) -> tuple[str, ...]:
        """Keys that say how the table is made: features that share it agree in them."""
        return ("hash_buckets",)

    def __post_init__(self) -> None:
        """Keep a tuple and refuse impossible values."""
        msgspec.structs.force_setattr(self, "columns", tuple(self.columns))
        require_tabled(self)
        place, columns = f"feature {self.key!r}", self.columns
        apart = len(columns) >= 2 and len(set(columns)) == len(columns)
        require(apart, f"{place}: columns", columns, "two or more, each once")
        size = self.hash_buckets
        require(size >= 1, f"{place}: hash_buckets", size, "at least 1")
