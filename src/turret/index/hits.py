"""The answers of a search, by external id and by row."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, Shaped

__all__ = ["Hits", "RowHits"]


class Hits(NamedTuple):
    """Answers by external id, best first.

    Attributes:
        ids: `[q, k]` array of objects: `str`, and None behind `counts`.
        scores: `[q, k]` float32; NaN behind `counts`.
        counts: `[q]` int64, how many answers each query has; fewer than `k` only when fewer exist.
    """

    ids: Shaped[np.ndarray, "q k"]
    scores: Float32[np.ndarray, "q k"]
    counts: Int64[np.ndarray, " q"]


class RowHits(NamedTuple):
    """Answers by row, best first.

    Attributes:
        rows: `[q, k]` int64; behind `counts` the number of candidates, which is no row.
        scores: `[q, k]` float32; NaN behind `counts`.
        counts: `[q]` int64, how many answers each query has.
    """

    rows: Int64[np.ndarray, "q k"]
    scores: Float32[np.ndarray, "q k"]
    counts: Int64[np.ndarray, " q"]

    @classmethod
    def empty(cls, *, queries: int, k: int, size: int) -> "RowHits":
        """Makes room for answers that are filled in afterwards.

        Args:
            queries: number of queries `q`.
            k: number of places for each.
            size: number of candidates, written in every place of `rows`.

        Returns:
            Arrays that say "no answer" everywhere.

        Example:
            >>> RowHits.empty(queries=1, k=2, size=7).rows.tolist()
            [[7, 7]]
        """
        return cls(
            rows=np.full((queries, k), size, dtype=np.int64),
            scores=np.full((queries, k), np.nan, dtype=np.float32),
            counts=np.zeros(queries, dtype=np.int64),
        )
