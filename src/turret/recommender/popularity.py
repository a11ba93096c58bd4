"""What is answered when nothing is known of a query: the candidates that training met most."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int64

from turret.index.base import Index
from turret.index.filters import Filter
from turret.index.hits import RowHits

__all__ = ["Popularity"]


class Popularity:
    """The candidates by their number of training interactions.

    Args:
        counts: training interactions of each row that training knew.
        index: whose rows are ranked; those behind the end of `counts` have none.
        moved: rows that stand for others now: new row by old one.
    """

    def __init__(
        self, counts: Int64[np.ndarray, " c"], index: Index, moved: Mapping[int, int]
    ) -> None:
        """Keep the parts."""
        self._given, self._index, self._moved = counts, index, moved

    @cached_property
    def counts(self) -> Int64[np.ndarray, " n"]:
        """Training interactions of each row."""
        counts = np.zeros(len(self._index.candidates), dtype=np.int64)
        counts[: self._given.shape[0]] = self._given
        for before, now in self._moved.items():
            counts[now] = counts[before]
        return counts

    @cached_property
    def order(self) -> Int64[np.ndarray, " m"]:
        """The rows that can be answers, those with the most interactions first."""
        order = np.argsort(-self.counts, kind="stable")
        alive = self._index.alive
        return order if alive is None else order[alive.keeps(order)]

    def beside(
        self,
        found: RowHits,
        fallback: Bool[np.ndarray, " n"],
        *,
        exclude_rows: list[Int64[np.ndarray, " ..."]] | None,
        among: Filter | None,
    ) -> RowHits:
        """Puts the most popular candidates beside answers that a search has found.

        Args:
            found: the answers of the other queries, in their order.
            fallback: which of `n` queries get the popular candidates, with the numbers of
                interactions as scores.
            exclude_rows: for each query the rows that may not be answers.
            among: the rows that may be answers; None: all.

        Returns:
            The answers of all queries.
        """
        k: int = found.rows.shape[1]
        hits = RowHits.empty(queries=fallback.shape[0], k=k, size=len(self._index))
        for whole, part in zip(hits, found, strict=True):
            whole[~fallback] = part
        popular = self.order
        if among is not None:
            popular = popular[among.keeps(popular)]
        places: list[int] = np.flatnonzero(fallback).tolist()
        for query in places:
            best = popular
            if exclude_rows is not None and len(exclude_rows[query]) > 0:
                best = best[: k + len(exclude_rows[query])]
                best = best[~np.isin(best, exclude_rows[query])]
            best = best[:k]
            hits.rows[query, : len(best)] = best
            hits.scores[query, : len(best)] = self.counts[best]
            hits.counts[query] = len(best)
        return hits
