"""From the proposals of an approximate search to answers: exact scores, in order, and enough."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64, Integer

from turret.index.exact import search_exactly
from turret.index.filters import Filter
from turret.index.hits import RowHits

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
# A filter that keeps no more candidates is answered by scoring them.
_FEW_KEPT = 20_000
_ROUNDS = 2


def search_proposed(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    k: int,
    *,
    propose: Propose,
    exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None,
    among: Filter | None = None,
    settle_ties: bool,
) -> RowHits:
    """Answers from proposals, scored exactly; by brute force where they do not suffice.

    For each query one candidate more is proposed than is answered, so that a tie for the last
    place shows, and as many more as the exclusions and the filter may take away. Where a filter
    takes more, four times as many are asked for, once. A query whose proposals still leave fewer
    answers than exist, which excludes a large part of all candidates, or whose filter keeps few,
    is searched by brute force among those it may be answered with.

    Args:
        vectors: candidate vectors, `[n, d]`.
        queries: query vectors, `[q, d]`.
        k: answers for each query.
        propose: the approximate search; its rows are distinct within a query where valid.
        exclude_rows: rows that may not be answers, for each query.
        among: the rows that may be answers; None: all.
        settle_ties: search by brute force too where the last answer ties with a candidate that is
            left out, since more candidates of that score may not have been proposed.

    Returns:
        The answers: as many as exist, up to `k`.
    """
    size = vectors.shape[0]
    alike = exclude_rows is None and among is None and queries.shape[0] > 0
    if alike and k + 1 <= _most(size):
        # All need the same, and one query is answered in half the time.
        rows, valid = propose(queries, k + 1)
        hits, tied = _ranked(vectors, queries, k, rows=rows, valid=valid)
        again = (hits.counts < min(k, size)) | (tied & settle_ties)
        return _mended(hits, vectors, queries, again, k=k, exclude_rows=None, among=None)
    hits = RowHits.empty(queries=queries.shape[0], k=k, size=size)
    needed = np.full(queries.shape[0], k + 1, dtype=np.int64)
    if exclude_rows is not None:
        needed += np.asarray([len(rows) for rows in exclude_rows], dtype=np.int64)
    if among is not None:
        few = among.count <= _FEW_KEPT
        needed = np.full_like(needed, size) if few else _enlarged(needed, size / among.count)
    most = _most(size)
    pending = needed <= most
    again = ~pending
    for _ in range(1 if among is None else _ROUNDS):
        short = np.zeros_like(pending)
        # Queries that need about as many places are proposed for together.
        groups = np.ceil(np.log2(needed)).astype(np.int64)
        for group in np.unique(groups[pending]).tolist():
            members = np.flatnonzero(pending & (groups == group))
            theirs = _of(exclude_rows, members)
            rows, valid = propose(queries[members], int(needed[members].max()))
            if among is not None:
                valid = valid & among.keeps(np.where(valid, rows, 0))
            valid = _without(theirs, rows=rows, valid=valid, size=size)
            part, tied = _ranked(vectors, queries[members], k, rows=rows, valid=valid)
            for whole, found in zip(hits, part, strict=True):
                whole[members] = found
            short[members] = _short(part.counts, k, theirs, size=size, among=among)
            again[members] = tied & settle_ties
        needed = 4 * needed
        again |= short & (needed > most)
        pending = short & (needed <= most)
    again |= pending
    return _mended(hits, vectors, queries, again, k=k, exclude_rows=exclude_rows, among=among)


def _most(size: int) -> int:
    """The most places that are proposed for a query."""
    return max(min(size, _MANY_PLACES), size // 4)


def _mended(
    hits: RowHits,
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    again: Bool[np.ndarray, " q"],
    *,
    k: int,
    exclude_rows: _Exclusions | None,
    among: Filter | None,
) -> RowHits:
    """Answers some queries again, by brute force."""
    if again.any():
        members = np.flatnonzero(again)
        theirs = _of(exclude_rows, members)
        exact = search_exactly(vectors, queries[members], k=k, exclude_rows=theirs, among=among)
        for whole, found in zip(hits, exact, strict=True):
            whole[members] = found
    return hits


def _enlarged(needed: Int64[np.ndarray, " q"], factor: float) -> Int64[np.ndarray, " q"]:
    """So many places that a filter which keeps one in `factor` very likely leaves enough."""
    return np.ceil((needed + 3 * np.sqrt(needed)) * factor).astype(np.int64)


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
    counts: Int64[np.ndarray, " q"],
    k: int,
    exclude_rows: _Exclusions | None,
    *,
    size: int,
    among: Filter | None,
) -> Bool[np.ndarray, " q"]:
    """Whether a query has fewer answers than there are candidates left for it."""
    most = size if among is None else among.count
    short = counts < min(k, most)
    if exclude_rows is not None:
        for query in np.flatnonzero(short).tolist():
            out = np.unique(exclude_rows[query])
            left = most - (out.shape[0] if among is None else int(among.keeps(out).sum()))
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
    everywhere = bool(valid.all())
    scores = _scores(vectors, queries, rows if everywhere else np.where(valid, rows, 0))
    none_tied = np.zeros(queries.shape[0], dtype=bool)
    if everywhere and rows.shape[1] >= k and (scores[:, 1:] < scores[:, :-1]).all():
        # In order already, as libraries propose them: nothing is left to sort.
        full = np.full(queries.shape[0], k, dtype=np.int64)
        return RowHits(rows[:, :k], scores[:, :k], full), none_tied
    hits = RowHits.empty(queries=queries.shape[0], k=k, size=vectors.shape[0])
    proposed = valid.sum(axis=-1)
    order = np.lexsort((rows, -scores, ~valid), axis=-1)
    rows = np.take_along_axis(rows, order, axis=-1)
    scores = np.take_along_axis(scores, order, axis=-1)
    hits.counts[:] = np.minimum(proposed, k)
    width = min(k, rows.shape[1])
    kept = np.arange(width) < hits.counts[:, None]
    hits.rows[:, :width][kept] = rows[:, :width][kept]
    hits.scores[:, :width][kept] = scores[:, :width][kept]
    tied = none_tied
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
        near = vectors.take(rows[part], axis=0)  # faster than vectors[rows[part]]
        np.einsum("qpd,qd->qp", near, queries[part], out=scores[part])
    return scores
