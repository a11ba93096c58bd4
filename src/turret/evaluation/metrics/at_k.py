"""Metrics of the first `k`: pure functions of the ranks of the true candidates of each query.

Each turns a `RankTable` into one value for each query and each `k`, NaN where the truth of a query
is empty.
"""

import numpy as np
from jaxtyping import Float64

from turret.errors import EvaluationError
from turret.evaluation.metrics.rank_table import RankTable, discounts

__all__ = [
    "average_precision",
    "event_hits",
    "graded_ndcg",
    "hit_rate",
    "ndcg",
    "precision",
    "recall",
    "reciprocal_rank",
]


def _where_truth(
    table: RankTable, values: Float64[np.ndarray, "queries ks"]
) -> Float64[np.ndarray, "queries ks"]:
    """The values, NaN for queries without truth."""
    return np.where((table.truth > 0)[:, None], values, np.nan)


def _per_truth(
    table: RankTable, values: Float64[np.ndarray, "queries ks"]
) -> Float64[np.ndarray, "queries ks"]:
    """The values divided by the size of each query's truth, NaN where it is empty."""
    return _where_truth(table, values / np.maximum(table.truth, 1)[:, None])


def hit_rate(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """Whether any true candidate is among the first `k`.

        hit_rate@k = 1 if some rank <= k, else 0

    Args:
        table: the ranks.

    Returns:
        `[queries, len(ks)]`, 0 or 1; NaN where the truth is empty.

    Example:
        >>> hit_rate(RankTable.of(np.array([0, 2]), np.array([7, 3]), ks=[1, 5])).tolist()
        [[0.0, 1.0]]
    """
    return _where_truth(table, (table.hits > 0).astype(np.float64))


def recall(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """The share of the truth that is among the first `k`.

        recall@k = |truth in the first k| / |truth|

    With `k` below the size of the truth it cannot reach 1.

    Args:
        table: the ranks.

    Returns:
        `[queries, len(ks)]`, between 0 and 1; NaN where the truth is empty.

    Example:
        >>> recall(RankTable.of(np.array([0, 2]), np.array([7, 3]), ks=[1, 5, 10])).tolist()
        [[0.0, 0.5, 1.0]]
    """
    return _per_truth(table, table.hits)


def precision(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """The share of the first `k` that is true.

        precision@k = |truth in the first k| / k

    It divides by `k` also where fewer than `k` candidates exist.

    Args:
        table: the ranks.

    Returns:
        `[queries, len(ks)]`, between 0 and 1; NaN where the truth is empty.

    Example:
        >>> precision(RankTable.of(np.array([0, 2]), np.array([7, 3]), ks=[1, 5, 10])).tolist()
        [[0.0, 0.2, 0.2]]
    """
    return _where_truth(table, table.hits / np.asarray(table.ks))


def ndcg(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """Normalised discounted cumulative gain, every true candidate worth the same.

        ndcg@k = sum over true ranks r <= k of 1 / log2(1 + r)
                 / sum over r = 1 .. min(k, |truth|) of 1 / log2(1 + r)

    Args:
        table: the ranks.

    Returns:
        `[queries, len(ks)]`, between 0 and 1; NaN where the truth is empty.

    Example:
        >>> ndcg(RankTable.of(np.array([0, 1]), np.array([3]), ks=[1, 5])).tolist()
        [[0.0, 0.5]]

    Reference:
        Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques.
        https://doi.org/10.1145/582415.582418
    """
    best = np.cumsum(discounts(np.arange(1, table.ks[-1] + 1)))
    places = np.clip(table.truth[:, None], 1, np.asarray(table.ks))
    return _where_truth(table, table.within(discounts(table.rank)) / best[places - 1])


def graded_ndcg(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """Normalised discounted cumulative gain, each true candidate worth its gain.

        graded_ndcg@k = sum over true ranks r <= k of gain(r) / log2(1 + r)
                        / the same sum with the largest gains first

    Gains count as they are. Gains of `2 ** grade - 1` give the other usual form.

    Args:
        table: the ranks, with gains.

    Returns:
        `[queries, len(ks)]`, between 0 and 1; NaN where the truth is empty or worth nothing.

    Raises:
        EvaluationError: if the table has no gains.

    Example:
        >>> bounds, ranks, gains = np.array([0, 2]), np.array([1, 2]), np.array([0.0, 3.0])
        >>> table = RankTable.of(bounds, ranks, ks=[1, 3], gains=gains)
        >>> graded_ndcg(table).round(4).tolist()
        [[0.0, 0.6309]]

    Reference:
        Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques.
        https://doi.org/10.1145/582415.582418; with `2 ** grade - 1` Burges and others (2005),
        Learning to rank using gradient descent. https://doi.org/10.1145/1102351.1102363
    """
    if table.gain is None or table.ideal is None:
        raise EvaluationError("a graded metric needs gains", fix="Give RankTable.of the gains.")
    found = table.within(table.gain * discounts(table.rank))
    worth = table.ideal > 0
    return np.where(worth, found / np.where(worth, table.ideal, 1.0), np.nan)


def reciprocal_rank(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """One over the rank of the first true candidate, 0 when it is not among the first `k`.

        mrr@k = 1 / min(rank) if min(rank) <= k, else 0

    Its mean over queries is the mean reciprocal rank.

    Args:
        table: the ranks.

    Returns:
        `[queries, len(ks)]`, between 0 and 1; NaN where the truth is empty.

    Example:
        >>> reciprocal_rank(RankTable.of(np.array([0, 2]), np.array([8, 4]), ks=[1, 5])).tolist()
        [[0.0, 0.25]]

    Reference:
        Voorhees (1999), The TREC-8 question answering track report.
        https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf
    """
    first = table.position == 1
    return _where_truth(table, table.within(np.where(first, 1.0 / table.rank, 0.0)))


def average_precision(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """The precision at each true candidate among the first `k`, averaged over the whole truth.

        map@k = sum over true ranks r <= k of precision@r / |truth|

    A true candidate behind `k` counts as precision 0, so with `k` below the size of the truth it
    cannot reach 1. Its mean over queries is the mean average precision.

    Args:
        table: the ranks.

    Returns:
        `[queries, len(ks)]`, between 0 and 1; NaN where the truth is empty.

    Example:
        >>> average_precision(RankTable.of(np.array([0, 2]), np.array([1, 4]), ks=[1, 5])).tolist()
        [[0.5, 0.75]]

    Reference:
        Buckley and Voorhees (2000), Evaluating evaluation measure stability.
        https://doi.org/10.1145/345508.345543
    """
    return _per_truth(table, table.within(table.position / table.rank))


def event_hits(table: RankTable) -> Float64[np.ndarray, "queries ks"]:
    """How many events of each query have their candidate among the first `k`.

        top_k_accuracy@k = sum of event_hits@k over queries / number of events

    So the top-k accuracy is per event: every other candidate competes, the query's other true
    candidates too, and an event that happened twice counts twice.

    Args:
        table: the ranks.

    Returns:
        `[queries, len(ks)]`; 0 where the truth is empty.

    Example:
        >>> bounds, ranks, events = np.array([0, 2]), np.array([1, 4]), np.array([2, 1])
        >>> table = RankTable.of(bounds, ranks, ks=[1], events=events)
        >>> event_hits(table).tolist(), table.events.tolist()
        ([[2.0]], [3])
    """
    return table.within(table.weight)
