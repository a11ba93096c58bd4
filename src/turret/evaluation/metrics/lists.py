"""Metrics of the lists themselves, whatever is true: what is shown to whom, and how often.

A list holds rows of the candidate table, best first; -1 stands where there is no answer. A row
stands in a list at most once.
"""

import numpy as np
from jaxtyping import Float32, Float64, Int64, Integer

__all__ = [
    "catalogue_coverage",
    "gini",
    "intra_list_diversity",
    "mean_popularity",
    "novelty",
    "times_listed",
]

_CELLS = 1 << 24
"""How many numbers of the vectors of some lists are held at a time."""


def times_listed(
    lists: Integer[np.ndarray, "queries k"], *, num_candidates: int
) -> Int64[np.ndarray, " candidates"]:
    """How many lists each candidate stands in.

    Args:
        lists: rows of candidates, -1 for none.
        num_candidates: how many candidates there are.

    Returns:
        `[num_candidates]`.

    Example:
        >>> times_listed(np.array([[0, 2], [0, -1]]), num_candidates=3).tolist()
        [2, 0, 1]
    """
    return np.bincount(lists[lists >= 0], minlength=num_candidates)


def catalogue_coverage(lists: Integer[np.ndarray, "queries k"], *, num_candidates: int) -> float:
    """The share of all candidates that stand in at least one list.

        coverage@k = |union of the lists| / num_candidates

    It grows with the number of lists: compare only figures over the same queries.

    Args:
        lists: rows of candidates, -1 for none.
        num_candidates: how many candidates there are.

    Returns:
        Between 0 and 1; NaN without candidates.

    Example:
        >>> catalogue_coverage(np.array([[0, 2], [0, 2]]), num_candidates=4)
        0.5

    Reference:
        Ge, Delgado-Battenfeld and Jannach (2010), Beyond accuracy: evaluating recommender systems
        by coverage and serendipity. https://doi.org/10.1145/1864708.1864761
    """
    if num_candidates == 0:
        return float("nan")
    return float(np.count_nonzero(times_listed(lists, num_candidates=num_candidates))) / (
        num_candidates
    )


def gini(lists: Integer[np.ndarray, "queries k"], *, num_candidates: int) -> float:
    """How unevenly the candidates share the places of the lists.

        gini@k = sum over i of (2 i - n - 1) x_i / (n * sum of x)

    with `x_1 <= ... <= x_n` how many lists each of all n candidates stands in. 0: all equally
    often; (n - 1) / n: one candidate alone.

    Args:
        lists: rows of candidates, -1 for none.
        num_candidates: how many candidates there are.

    Returns:
        Between 0 and 1; NaN where no list has an answer.

    Example:
        >>> gini(np.array([[0], [1]]), num_candidates=2), gini(np.array([[0]]), num_candidates=4)
        (0.0, 0.75)

    Reference:
        Shani and Gunawardana (2011), Evaluating recommendation systems, section 8.3.3.
        https://doi.org/10.1007/978-0-387-85820-3_8
    """
    times = np.sort(times_listed(lists, num_candidates=num_candidates))
    total = int(times.sum())
    if total == 0:
        return float("nan")
    order = 2.0 * np.arange(1, num_candidates + 1) - num_candidates - 1
    return float(order @ times) / (num_candidates * total)


def mean_popularity(
    lists: Integer[np.ndarray, "queries k"], *, met_by: Integer[np.ndarray, " candidates"]
) -> Float64[np.ndarray, " queries"]:
    """How popular the candidates of each list are.

        mean_popularity@k = mean over the list of the number of training queries that met it

    Far above that of what queries themselves take, it is a bias towards the popular.

    Args:
        lists: rows of candidates, -1 for none.
        met_by: how many training queries met each candidate.

    Returns:
        `[queries]`; NaN where a list has no answer.

    Example:
        >>> mean_popularity(np.array([[0, 2], [1, -1]]), met_by=np.array([9, 4, 1])).tolist()
        [5.0, 4.0]

    Reference:
        Abdollahpouri, Burke and Mobasher (2019), Managing popularity bias in recommender systems
        with personalized re-ranking. https://arxiv.org/abs/1901.07555
    """
    return _mean(lists, met_by.astype(np.float64))


def novelty(
    lists: Integer[np.ndarray, "queries k"],
    *,
    met_by: Integer[np.ndarray, " candidates"],
    num_queries: int,
) -> Float64[np.ndarray, " queries"]:
    """How surprising the candidates of each list are, in bits.

        novelty@k = mean over the list of -log2(met_by / num_queries)

    A candidate that nobody met counts as if one query had met it.

    Args:
        lists: rows of candidates, -1 for none.
        met_by: how many training queries met each candidate.
        num_queries: how many training queries there are.

    Returns:
        `[queries]`, at least 0; NaN where a list has no answer.

    Example:
        >>> novelty(np.array([[0, 1]]), met_by=np.array([8, 2]), num_queries=8).tolist()
        [1.0]

    Reference:
        Zhou and others (2010), Solving the apparent diversity-accuracy dilemma of recommender
        systems. https://doi.org/10.1073/pnas.1000488107
    """
    shares = np.maximum(met_by, 1) / max(num_queries, 1)
    return _mean(lists, -np.log2(shares))


def intra_list_diversity(
    lists: Integer[np.ndarray, "queries k"], *, vectors: Float32[np.ndarray, "candidates d"]
) -> Float64[np.ndarray, " queries"]:
    """How different the candidates of each list are from one another.

        diversity@k = mean over pairs of the list of 1 - cosine(vector, other vector)

    Args:
        lists: rows of candidates, -1 for none.
        vectors: the vector of each candidate; one that is zero has no direction, and its pairs do
            not count.

    Returns:
        `[queries]`, between 0 and 2; NaN where a list has no pair.

    Example:
        >>> vectors = np.array([[1, 0], [0, 2], [3, 0]], np.float32)
        >>> intra_list_diversity(np.array([[0, 2], [0, 1], [0, -1]]), vectors=vectors).tolist()
        [0.0, 1.0, nan]

    Reference:
        Ziegler and others (2005), Improving recommendation lists through topic diversification.
        https://doi.org/10.1145/1060745.1060754
    """
    # The squared length of a sum of unit vectors is their number plus twice the sum of cosines.
    number = np.empty(len(lists), dtype=np.int64)
    squared = np.empty(len(lists))
    step = max(1, _CELLS // max(lists.shape[1] * vectors.shape[1], 1))
    for start in range(0, len(lists), step):
        part = slice(start, start + step)
        # Of a large catalogue only what stands in lists is held in double precision.
        listed = vectors[lists[part]].astype(np.float64)
        length = np.linalg.norm(listed, axis=2)
        counts = (lists[part] >= 0) & (length > 0)
        weights = np.divide(1.0, length, out=np.zeros_like(length), where=counts)
        added = np.einsum("qkd,qk->qd", listed, weights)
        number[part] = counts.sum(axis=1)
        squared[part] = np.square(added).sum(axis=1)
    pairs = number * (number - 1)
    return np.where(pairs > 0, 1.0 - (squared - number) / np.maximum(pairs, 1), np.nan)


def _mean(
    lists: Integer[np.ndarray, "queries k"], values: Float64[np.ndarray, " candidates"]
) -> Float64[np.ndarray, " queries"]:
    """The mean of a value of candidates over each list, NaN where it is empty."""
    answers = lists >= 0
    number = answers.sum(axis=1)
    added = np.where(answers, values[lists], 0.0).sum(axis=1)
    return np.where(number > 0, added / np.maximum(number, 1), np.nan)
