"""The largest of many scores, for one query and for many at once."""

import numpy as np
from jaxtyping import Bool, Float32, Int64

from turret.index.codes import kth_largest_at_least
from turret.index.hits import RowHits

__all__ = ["best_of_each", "best_rows"]

# Maxima of groups of so many scores stand for all, where there are so many groups for each answer.
_GROUPS = ((64, 4), (16, 2))
# Where so many times more scores than answers are near the k-th, each query is looked at by itself.
_CROWD = 8
# From so many queries on, looking at all at once is faster.
_TOGETHER_FROM = 3


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
    near = np.flatnonzero(scores >= kth_largest_at_least(scores, k))
    scores_near = scores[near]
    m = near.shape[0]
    last = np.partition(scores_near, m - k)[m - k]
    rows = near[scores_near >= last]
    if rows.shape[0] > k:
        # More rows tie for the last places than there are places: the smallest ones get them.
        tied = scores[rows] == last
        places = k - (rows.shape[0] - int(np.count_nonzero(tied)))
        rows = np.concatenate([rows[~tied], rows[tied][:places]])
    return rows[np.argsort(-scores[rows], kind="stable")]


def best_of_each(scores: Float32[np.ndarray, "q n"], k: int) -> RowHits:
    """Picks the `k` largest scores of each query, best first, ties by smallest row.

    Args:
        scores: `[q, n]`; minus infinity for a row that may not be an answer.
        k: how many, at least 1.

    Returns:
        The same rows as `best_rows` gives for each query, without those that may not be answers.

    Example:
        >>> hits = best_of_each(np.float32([[1, 3, -np.inf], [2, 2, 1]]), 2)
        >>> hits.rows.tolist(), hits.counts.tolist()
        ([[1, 0], [0, 1]], [2, 2])
    """
    q: int = scores.shape[0]
    n: int = scores.shape[1]
    hits = RowHits.empty(queries=q, k=k, size=n)
    near = None if q < _TOGETHER_FROM else np.flatnonzero(_near(scores, min(k, n)))
    if near is None or near.shape[0] > _CROWD * q * k:
        for number, one in enumerate(scores):
            rows = best_rows(one, k)
            best = one[rows]
            found = int(np.count_nonzero(best > -np.inf))
            hits.rows[number, :found] = rows[:found]
            hits.scores[number, :found] = best[:found]
            hits.counts[number] = found
        return hits
    query = near // n
    score = scores.reshape(-1)[near]
    order = np.lexsort((-score, query))
    row, score = (near - query * n)[order], score[order]
    firsts = np.searchsorted(query, np.arange(q))
    place = np.arange(query.shape[0]) - firsts[query]
    kept = (place < k) & (score > -np.inf)
    query, place = query[kept], place[kept]
    hits.rows[query, place] = row[kept]
    hits.scores[query, place] = score[kept]
    hits.counts[:] = np.bincount(query, minlength=q)
    return hits


def _near(scores: Float32[np.ndarray, "q n"], k: int) -> Bool[np.ndarray, "q n"]:
    """Marks at least the `k` largest of each query, and little more where there are many.

    Each of the k largest maxima of disjoint groups belongs to another score.
    """
    q, n = scores.shape
    maxima = scores
    for size, least in _GROUPS:
        groups = n // size
        if groups >= least * k:
            maxima = scores[:, : groups * size].reshape(q, size, groups).max(axis=1)
            break
    m = maxima.shape[1]
    if k >= m:
        return scores > -np.inf
    return scores >= np.partition(maxima, m - k, axis=1)[:, m - k, None]
