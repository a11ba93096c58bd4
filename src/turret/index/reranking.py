"""From the proposals of an approximate search to answers: exact scores, in order, and enough."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64, Integer

from turret.index.base import RowHits
from turret.index.exact import search_exactly

__all__ = ["Propose", "search_proposed"]

Propose = Callable[
    [Float32[np.ndarray, "q d"], int],
    tuple[Int64[np.ndarray, "q p"], Bool[np.ndarray, "q p"]],
]
"""An approximate search: (query vectors, places) -> (rows, where a row is proposed)."""

# Gathered vectors of one block of queries: at most 64 MiB of float32.
_BLOCK_VALUES = 16 * 1024 * 1024
# Whoever asks for so many, or for a quarter of the candidates, is served sooner by brute force.
_MANY_PLACES = 1000


def search_proposed(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    k: int,
    *,
    propose: Propose,
    exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None,
    settle_ties: bool,
) -> RowHits:
    """Answers from proposals, scored exactly; by brute force where they do not suffice.

    For each query one candidate more is proposed than is answered, so that a tie for the last
    place shows, and as many more as the exclusions may take away. A query whose proposals still
    leave fewer answers than exist, or which excludes a large part of all candidates, is searched
    by brute force.

    Args:
        vectors: candidate vectors, `[n, d]`.
        queries: query vectors, `[q, d]`.
        k: answers for each query.
        propose: the approximate search; its rows are distinct within a query where valid.
        exclude_rows: rows that may not be answers, for each query.
        settle_ties: search by brute force too where the last answer ties with a candidate that is
            left out, since more candidates of that score may not have been proposed.

    Returns:
        The answers: as many as exist, up to `k`.
    """
    size = vectors.shape[0]
    excluded = _distinct(exclude_rows, queries=queries.shape[0])
    lengths = np.asarray([rows.shape[0] for rows in excluded], dtype=np.int64)
    needed = k + lengths + 1
    few = needed <= max(min(size, _MANY_PLACES), size // 4)
    if not few.any():
        return search_exactly(vectors, queries, k, exclude_rows=excluded)
    places = int(needed[few].max())
    rows, valid = propose(queries, places)
    valid &= few[:, None]
    for query in np.flatnonzero(lengths > 0):
        valid[query] &= ~np.isin(rows[query], excluded[query])
    hits, tied = _ranked(vectors, queries, k, rows=rows, valid=valid)
    again = hits.counts < np.minimum(k, size - lengths)
    if settle_ties:
        again |= tied
    _search_again(vectors, queries, np.flatnonzero(again), hits=hits, excluded=excluded)
    return hits


def _distinct(
    exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None, *, queries: int
) -> list[Int64[np.ndarray, " ..."]]:
    if exclude_rows is None:
        return [np.empty(0, dtype=np.int64)] * queries
    return [np.unique(np.asarray(rows, dtype=np.int64)) for rows in exclude_rows]


def _ranked(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    k: int,
    *,
    rows: Int64[np.ndarray, "q p"],
    valid: Bool[np.ndarray, "q p"],
) -> tuple[RowHits, Bool[np.ndarray, " q"]]:
    """Ranks the proposals and says where the last answer ties with one that is left out."""
    hits = RowHits.empty(queries=queries.shape[0], k=k, size=vectors.shape[0])
    proposed = valid.sum(axis=-1)
    scores = _scores(vectors, queries, np.where(valid, rows, 0))
    order = np.lexsort((rows, -scores, ~valid), axis=-1)
    rows = np.take_along_axis(rows, order, axis=-1)
    scores = np.take_along_axis(scores, order, axis=-1)
    hits.counts[:] = np.minimum(proposed, k)
    width = min(k, rows.shape[1])
    kept = np.arange(width) < hits.counts[:, None]
    hits.rows[:, :width][kept] = rows[:, :width][kept]
    hits.scores[:, :width][kept] = scores[:, :width][kept]
    tied = np.zeros(queries.shape[0], dtype=bool)
    if rows.shape[1] > k:
        tied = (proposed > k) & (scores[:, k] == scores[:, k - 1])
    return hits, tied


def _scores(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    rows: Int64[np.ndarray, "q p"],
) -> Float32[np.ndarray, "q p"]:
    scores = np.empty(rows.shape, dtype=np.float32)
    block = max(1, _BLOCK_VALUES // max(1, rows.shape[1] * vectors.shape[1]))
    for start in range(0, rows.shape[0], block):
        part = slice(start, start + block)
        # Not a matrix product: its rounding would depend on how many queries come together.
        np.einsum("qpd,qd->qp", vectors[rows[part]], queries[part], out=scores[part])
    return scores


def _search_again(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    again: Int64[np.ndarray, " m"],
    *,
    hits: RowHits,
    excluded: list[Int64[np.ndarray, " ..."]],
) -> None:
    if again.shape[0] == 0:
        return
    k = hits.rows.shape[1]
    theirs = [excluded[int(query)] for query in again]
    exact = search_exactly(vectors, queries[again], k, exclude_rows=theirs)
    hits.rows[again] = exact.rows
    hits.scores[again] = exact.scores
    hits.counts[again] = exact.counts
