"""The feature `number`: one number a row."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from turret.recipe.checks import require, require_positive
from turret.recipe.features.base import TabledColumn, refuse_keys_of_a_table, require_tabled

__all__ = ["Number"]


class Number(TabledColumn, frozen=True, kw_only=True, tag_field="kind", tag="number"):
    """A feature of a column of numbers.

    A missing value (null, NaN or infinite) has a vector of its own.

    Args:
        column: a column of numbers, or of text that holds numbers.
        name: what the feature is called in its tower, once there; None takes the column's name.
        embedding_dim: numbers in the feature's vector; None takes the model's.
        table: with "buckets", as for `Categorical`.
        learning_rate: with "buckets", as for `Categorical`.
        encoding: "standard", less the training mean and over the training deviation, projected;
            "log", likewise of sign(x) log(1 + abs(x)); "buckets", an embedding row for each of some
            ranges; or "periodic", the sines and cosines of 2 pi h x / period, projected.
        buckets: how many ranges, each with as many training rows as the next.
        edges: where one range ends and the next begins, which belongs to the next; instead of
            `buckets`.
        period: of "periodic", after which numbers mean the same again.
        harmonics: of "periodic", h goes from 1 to this.

    Example:
        >>> Number("price", encoding="log").has_table, Number("x", encoding="buckets").has_table
        (False, True)
    """

    encoding: Literal["standard", "log", "buckets", "periodic"] = "standard"
    buckets: int = 16
    edges: Sequence[float] = ()
    period: float | None = None
    harmonics: int = 2

    @property
    def has_table(self) -> bool:
        """Whether the feature looks rows of an embedding table up."""
        return self.encoding == "buckets"

    @property
    def rule(self) -> tuple[str, ...]:
        """Keys that say how the table is made: features that share it agree in them."""
        return ("encoding", "buckets", "edges")

    def __post_init__(self) -> None:
        """Keep a tuple and refuse impossible values."""
        require_tabled(self)
        msgspec.structs.force_setattr(self, "edges", tuple(self.edges))
        place, edges = f"feature {self.key!r}", self.edges
        if not self.has_table:
            refuse_keys_of_a_table(self, why='encoding = "buckets" has one')
            require(not edges, f"{place}: edges", edges, 'none unless encoding = "buckets"')
        require(self.buckets >= 2, f"{place}: buckets", self.buckets, "at least 2")
        rising = bool(np.all(np.diff(edges) > 0) and np.all(np.isfinite(edges)))
        require(rising, f"{place}: edges", edges, "finite numbers, each above the one before")
        periodic, period = self.encoding == "periodic", self.period
        expected = "a number" if periodic else 'none unless encoding = "periodic"'
        require((period is not None) == periodic, f"{place}: period", period, expected)
        if period is not None:
            require_positive(f"{place}: period", float(period))
        require(self.harmonics >= 1, f"{place}: harmonics", self.harmonics, "at least 1")
