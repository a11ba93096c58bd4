"""Metrics of a whole ranking: one value for each query, without a list length.

They are NaN where it is not known how many candidates are ranked: then the ranking is not whole,
as the first `k` answers of an index are not.
"""

import numpy as np
from jaxtyping import Float64

from turret.evaluation.metrics.rank_table import RankTable

__all__ = ["auc", "r_precision"]


def r_precision(table: RankTable) -> Float64[np.ndarray, " queries"]:
    """The share of the first places that is true, as many places as the truth is large.

        r_precision = |truth in the first |truth|| / |truth|

    There precision and recall are the same, and the best ranking reaches 1 whatever its truth.

    Args:
        table: the ranks, with the number of candidates that are ranked.

    Returns:
        `[queries]`, between 0 and 1; NaN where the truth is empty, or the ranking is not whole.

    Example:
        >>> r_precision(RankTable.of(np.array([0, 2]), np.array([2, 7]), ks=[1], ranked=9)).tolist()
        [0.5]

    Reference:
        Buckley and Voorhees (2000), Evaluating evaluation measure stability.
        https://doi.org/10.1145/345508.345543
    """
    truth = table.truth
    if table.untrue is None:
        return np.full(len(truth), np.nan)
    return np.where(truth > 0, table.early / np.maximum(truth, 1), np.nan)


def auc(table: RankTable) -> Float64[np.ndarray, " queries"]:
    """The probability that a true candidate stands before an untrue one, both drawn at random.

        auc = 1 - sum over the i-th true rank r_i of (r_i - i) / (|truth| * |untrue|)

    Chance gives 1/2. The first places, which alone are served, weigh no more than the last. Ties
    are ranked before, as they are served, so none count as a half.

    Args:
        table: the ranks, with the number of candidates that are ranked.

    Returns:
        `[queries]`, between 0 and 1; NaN where a query has no true or no untrue candidate, where a
        true one was not retrieved, and where the ranking is not whole.

    Example:
        >>> auc(RankTable.of(np.array([0, 2]), np.array([1, 3]), ks=[1], ranked=4)).tolist()
        [0.75]

    Reference:
        Rendle and others (2009), BPR: Bayesian personalized ranking from implicit feedback.
        https://arxiv.org/abs/1205.2618; the area is Mann and Whitney's U (1947).
        https://doi.org/10.1214/aoms/1177730491
    """
    if table.untrue is None:
        return np.full(len(table.truth), np.nan)
    chances = table.truth * table.untrue.astype(np.float64)
    defined = (chances > 0) & table.complete
    return np.where(defined, 1.0 - table.passed / np.where(defined, chances, 1.0), np.nan)
