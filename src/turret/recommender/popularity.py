"""What is answered when nothing is known of a query: the candidates that training met most."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from jaxtyping import Int64

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

    def fill(
        self,
        hits: RowHits,
        queries: Int64[np.ndarray, " q"],
        *,
        exclude_rows: list[Int64[np.ndarray, " ..."]] | None,
        among: Filter | None,
    ) -> None:
        """Writes the most popular candidates as answers.

        Args:
            hits: room for the answers; the scores are the numbers of interactions.
            queries: the places in `hits` that are written.
            exclude_rows: for each place in `hits` the rows that may not be answers.
            among: the rows that may be answers; None: all.
        """
        k: int = hits.rows.shape[1]
        popular = self.order
        if among is not None:
            popular = popular[among.keeps(popular)]
        places: list[int] = queries.tolist()
        for query in places:
            best = popular
            if exclude_rows is not None and len(exclude_rows[query]) > 0:
                best = best[: k + len(exclude_rows[query])]
                best = best[~np.isin(best, exclude_rows[query])]
            best = best[:k]
            hits.rows[query, : len(best)] = best
            hits.scores[query, : len(best)] = self.counts[best]
            hits.counts[query] = len(best)
