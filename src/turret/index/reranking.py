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

_Exclusions = Sequence[Integer[np.ndarray, " ..."]]

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
    hits = RowHits.empty(queries=queries.shape[0], k=k, size=size)
    needed = np.full(queries.shape[0], k + 1, dtype=np.int64)
    if exclude_rows is not None:
        needed += np.asarray([len(rows) for rows in exclude_rows], dtype=np.int64)
    again = needed > max(min(size, _MANY_PLACES), size // 4)
    # Queries that need about as many places are proposed for together.
    groups = np.where(again, -1, np.ceil(np.log2(needed)).astype(np.int64))
    for group in np.unique(groups[~again]).tolist():
        members = np.flatnonzero(groups == group)
        theirs = _of(exclude_rows, members)
        rows, valid = propose(queries[members], int(needed[members].max()))
        valid = _without(theirs, rows=rows, valid=valid, size=size)
        part, tied = _ranked(vectors, queries[members], k, rows=rows, valid=valid)
        for whole, found in zip(hits, part, strict=True):
            whole[members] = found
        again[members] = _short(part.counts, k, theirs, size=size) | (tied & settle_ties)
    members = np.flatnonzero(again)
    if members.shape[0] > 0:
        theirs = _of(exclude_rows, members)
        exact = search_exactly(vectors, queries[members], k, exclude_rows=theirs)
        for whole, found in zip(hits, exact, strict=True):
            whole[members] = found
    return hits


def _of(exclude_rows: _Exclusions | None, members: Int64[np.ndarray, " m"]) -> _Exclusions | None:
    if exclude_rows is None:
        return None
    theirs: list[Integer[np.ndarray, " ..."]] = []
    theirs.extend(exclude_rows[int(query)] for query in members)
    return theirs


def _without(
    exclude_rows: _Exclusions | None,
    *,
    rows: Int64[np.ndarray, "q p"],
    valid: Bool[np.ndarray, "q p"],
    size: int,
) -> Bool[np.ndarray, "q p"]:
    """Takes the excluded rows off the proposals."""
    if exclude_rows is None:
        return valid
    kept = valid.copy()
    out = np.zeros(size, dtype=bool)
    for query, excluded in enumerate(exclude_rows):
        if len(excluded) > 0:
            out[excluded] = True
            kept[query] &= ~out[np.where(valid[query], rows[query], 0)]
            out[excluded] = False
    return kept


def _short(
    counts: Int64[np.ndarray, " q"], k: int, exclude_rows: _Exclusions | None, *, size: int
) -> Bool[np.ndarray, " q"]:
    """Whether a query has fewer answers than there are candidates left for it."""
    short = counts < min(k, size)
    if exclude_rows is not None:
        for query in np.flatnonzero(short).tolist():
            left = size - np.unique(exclude_rows[query]).shape[0]
            short[query] = counts[query] < min(k, left)
    return short


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
