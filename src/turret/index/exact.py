"""Brute force: every inner product is computed, so the answer is the true one.

This is the oracle that approximate indexes are measured against, and what they fall back on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float32, Int64, Integer

from turret.errors import CandidateIndexError
from turret.index.base import Candidates, Index, RowHits, check_search
from turret.index.description import read_description, write_description

__all__ = ["ExactIndex", "best_rows", "search_exactly"]

# Scores of one block of queries: at most 64 MiB of float32, and at least one query.
_BLOCK_SCORES = 16 * 1024 * 1024


def best_rows(scores: Float32[np.ndarray, " n"], k: int) -> Int64[np.ndarray, " m"]:
    """Picks the rows of the `k` largest scores, best first, ties by smallest row.

    Args:
        scores: one score a row, `[n]`.
        k: how many rows, at least 1.

    Returns:
        `[min(k, n)]` rows.

    Example:
        >>> best_rows(np.float32([1, 3, 2, 3, 2]), 3).tolist()
        [1, 3, 2]
    """
    n = scores.shape[0]
    if k >= n:
        return np.argsort(-scores, kind="stable")
    last = np.partition(scores, n - k)[n - k]
    rows = np.flatnonzero(scores >= last)
    if rows.shape[0] > k:
        # More rows tie for the last places than there are places: the smallest ones get them.
        tied = scores[rows] == last
        places = k - (rows.shape[0] - int(np.count_nonzero(tied)))
        rows = np.concatenate([rows[~tied], rows[tied][:places]])
    return rows[np.argsort(-scores[rows], kind="stable")]


def search_exactly(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    k: int,
    *,
    exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
) -> RowHits:
    """Scores every candidate for every query, a block of queries at a time.

    Args:
        vectors: candidate vectors, `[n, d]`.
        queries: query vectors, `[q, d]`.
        k: how many answers for each query.
        exclude_rows: for each query the rows that may not be answers.

    Returns:
        The true best, ties by smallest row.

    Example:
        >>> hits = search_exactly(np.eye(3, dtype=np.float32), np.float32([[1, 2, 3]]), 2)
        >>> hits.rows.tolist(), hits.scores.tolist()
        ([[2, 1]], [[3.0, 2.0]])
    """
    n = vectors.shape[0]
    hits = RowHits.empty(queries=queries.shape[0], k=k, size=n)
    block = max(1, _BLOCK_SCORES // max(n, 1))
    for start in range(0, queries.shape[0], block):
        scores = queries[start : start + block] @ vectors.T
        for offset, row_scores in enumerate(scores):
            query = start + offset
            excluded = None if exclude_rows is None else exclude_rows[query]
            if excluded is None or excluded.shape[0] == 0:
                rows = best_rows(row_scores, k)
            else:
                allowed = np.ones(n, dtype=bool)
                allowed[excluded] = False
                left = np.flatnonzero(allowed)
                rows = left[best_rows(row_scores[left], k)]
            found = rows.shape[0]
            hits.rows[query, :found] = rows
            hits.scores[query, :found] = row_scores[rows]
            hits.counts[query] = found
    return hits


class ExactIndex(Index):
    """An index that computes every inner product.

    Args:
        candidates: what it searches.

    Example:
        >>> index = ExactIndex(Candidates(["a", "b"], np.eye(2, dtype=np.float32)))
        >>> index.search(np.float32([[1, 2]]), 3).ids.tolist()
        [['b', 'a', None]]
    """

    kind: ClassVar[str] = "exact"
    is_exact: ClassVar[bool] = True

    def __init__(self, candidates: Candidates) -> None:
        """Keep the candidates: there is nothing to prepare."""
        self.candidates = candidates

    @classmethod
    def build(cls, candidates: Candidates, **parameters: int | float) -> "ExactIndex":
        """Builds the index; it has no parameters. See `Index.build`."""
        if parameters:
            raise CandidateIndexError(
                "an exact index has no parameters", got=sorted(parameters), fix="Leave them out."
            )
        return cls(candidates)

    @classmethod
    def load(cls, directory: Path, candidates: Candidates) -> "ExactIndex":
        """Reads what `save` wrote. See `Index.load`."""
        read_description(directory, kind=cls.kind, candidates=candidates)
        return cls(candidates)

    def save(self, directory: Path) -> None:
        """Writes the description; the candidates are all there is. See `Index.save`."""
        write_description(directory, kind=self.kind, candidates=self.candidates, parameters={})

    def search_rows(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
    ) -> RowHits:
        """Finds the true best candidates by row. See `Index.search_rows`."""
        checked = check_search(queries, dim=self.dim, k=k, exclude=exclude_rows)
        return search_exactly(self.vectors, checked, k, exclude_rows=exclude_rows)
