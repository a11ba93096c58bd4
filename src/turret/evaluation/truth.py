"""The truth: which candidates should be found for which query, each pair once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, Integer

from turret.data.dataset import Interactions

__all__ = ["Truth"]


@dataclass(frozen=True, eq=False)
class Truth:
    """The distinct candidates of each query that has any, query by query.

    Attributes:
        query_row: the queries, rows of the query table, ascending.
        indptr: the candidates of the i-th of them are `candidate_row[indptr[i]:indptr[i + 1]]`.
        candidate_row: rows of the candidate table, ascending within a query.
        events: how many events each pair stands for.
        gain: the sum of the weights of each pair's events; None where events have none.
    """

    query_row: Int32[np.ndarray, " queries"]
    indptr: Int64[np.ndarray, " bounds"]
    candidate_row: Int32[np.ndarray, " pairs"]
    events: Int64[np.ndarray, " pairs"]
    gain: Float64[np.ndarray, " pairs"] | None = None

    @classmethod
    def of(cls, interactions: Interactions, *, num_candidates: int) -> "Truth":
        """Collects the pairs of some events.

        Args:
            interactions: the events.
            num_candidates: the number of rows of the candidate table.

        Returns:
            Each distinct pair once, with the number of its events.

        Example:
            >>> rows = [np.array(rows, np.int32) for rows in ([2, 0, 2, 2], [1, 3, 0, 1])]
            >>> truth = Truth.of(Interactions(*rows), num_candidates=4)
            >>> truth.query_row.tolist(), truth.indptr.tolist(), truth.candidate_row.tolist()
            ([0, 2], [0, 1, 3], [3, 0, 1])
            >>> truth.events.tolist()
            [1, 1, 2]
        """
        query_row, candidate_row = interactions.query_row, interactions.candidate_row
        most = (int(query_row.max(initial=0)) + 1) * max(num_candidates, 1)
        dtype = np.int32 if most < 2**31 else np.int64
        keys = query_row.astype(dtype) * dtype(max(num_candidates, 1)) + candidate_row
        weight, gain = interactions.weight, None
        order = None if weight is None else np.argsort(keys, kind="stable")
        keys = np.sort(keys) if order is None else keys[order]
        first = _starts(keys)
        if weight is not None and len(keys):
            gain = np.add.reduceat(weight[order].astype(np.float64), first)
        queries, candidates = np.divmod(keys[first], dtype(max(num_candidates, 1)))
        begins = _starts(queries)
        return cls(
            query_row=queries[begins].astype(np.int32),
            indptr=np.append(begins, len(queries)),
            candidate_row=candidates.astype(np.int32),
            events=np.diff(np.append(first, len(keys))),
            gain=gain,
        )

    def __len__(self) -> int:
        """The number of queries."""
        return len(self.query_row)

    def take(self, queries: Int64[np.ndarray, " some"]) -> "Truth":
        """The truth of some of the queries.

        Args:
            queries: their positions in `query_row`, ascending.

        Returns:
            The truth of these alone.
        """
        sizes = np.diff(self.indptr)
        kept = np.zeros(len(self), dtype=np.bool_)
        kept[queries] = True
        pairs = np.repeat(kept, sizes)
        return Truth(
            query_row=self.query_row[kept],
            indptr=np.append(0, np.cumsum(sizes[kept])),
            candidate_row=self.candidate_row[pairs],
            events=self.events[pairs],
            gain=None if self.gain is None else self.gain[pairs],
        )

    def bounds(self, kept: Bool[np.ndarray, " pairs"]) -> Int64[np.ndarray, " bounds"]:
        """Where the pairs of each query begin and end once only some of all the pairs are kept.

        Args:
            kept: whether each pair is.

        Returns:
            An `indptr` over the same queries, some of which may be left without a pair.
        """
        running = np.zeros(len(kept) + 1, dtype=np.int64)
        np.cumsum(kept, out=running[1:])
        return running[self.indptr]


def _starts(ascending: Integer[np.ndarray, " n"]) -> Int64[np.ndarray, " distinct"]:
    """Where each distinct value of an ascending array begins."""
    changes = np.empty(len(ascending), dtype=np.bool_)
    changes[:1] = True
    np.not_equal(ascending[1:], ascending[:-1], out=changes[1:])
    return np.flatnonzero(changes)
