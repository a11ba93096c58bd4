"""Ranking metrics: pure functions of the ranks at which the true candidates of each query stand.

Each metric turns a `RankTable` into one value for each query and each `k`, NaN where the truth of a
query is empty. `sums` takes them all at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import numpy as np
from jaxtyping import Float64

from turret.errors import EvaluationError, nearest
from turret.evaluation.rank_table import RankTable

__all__ = [
    "METRICS",
    "TOP_K_ACCURACY",
    "Metric",
    "Sums",
    "average_precision",
    "event_hits",
    "hit_rate",
    "label",
    "ndcg",
    "parse_label",
    "precision",
    "recall",
    "reciprocal_rank",
    "sums",
]

TOP_K_ACCURACY = "top_k_accuracy"


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
    best = np.cumsum(1.0 / np.log2(np.arange(2, table.ks[-1] + 2)))
    places = np.clip(table.truth[:, None], 1, np.asarray(table.ks))
    return _where_truth(table, table.within(1.0 / np.log2(1.0 + table.rank)) / best[places - 1])


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


Metric = Callable[[RankTable], Float64[np.ndarray, "queries ks"]]

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "hit_rate": hit_rate,
        "recall": recall,
        "precision": precision,
        "ndcg": ndcg,
        "mrr": reciprocal_rank,
        "map": average_precision,
    }
)
"""The metrics that are averaged over queries, by the name that reports use."""


def label(name: str, k: int) -> str:
    """The name of a figure, such as `"ndcg@20"`."""
    return f"{name}@{k}"


def parse_label(text: str) -> tuple[str, int]:
    """Reads the name of a figure.

    Args:
        text: a metric and a list length, such as `"ndcg@20"`.

    Returns:
        The metric's name and `k`.

    Raises:
        EvaluationError: if there is no such metric, or `k` is not a whole number of at least 1.

    Example:
        >>> parse_label("ndcg@20")
        ('ndcg', 20)
    """
    name, _, k = text.partition("@")
    known = (TOP_K_ACCURACY, *METRICS)
    if name not in known:
        raise EvaluationError("there is no such metric", got=text, fix=nearest(name, known))
    if not (k.isascii() and k.isdigit() and int(k) >= 1):
        raise EvaluationError(
            "a metric lacks its list length", got=text, expected=f"for instance {label(name, 20)!r}"
        )
    return name, int(k)


@dataclass(frozen=True, eq=False)
class Sums:
    """Figures before their last step: each is a sum over queries divided by another.

    A metric sums its values and counts the queries with truth; the top-k accuracy sums hits and
    counts events. Resampling queries needs nothing else.

    Attributes:
        labels: the name of each figure.
        numerators: `[queries, figures]`, finite.
        denominators: `[queries, figures]`, at least 0.
    """

    labels: Sequence[str]
    numerators: Float64[np.ndarray, "queries figures"]
    denominators: Float64[np.ndarray, "queries figures"]

    def figures(self) -> dict[str, float]:
        """Divides: the value of each figure by its name, NaN where nothing counts."""
        above, below = self.numerators.sum(axis=0), self.denominators.sum(axis=0)
        values = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
        return dict(zip(self.labels, cast("list[float]", values.tolist()), strict=True))


def sums(table: RankTable) -> Sums:
    """Takes every figure: the top-k accuracy and all of `METRICS` at every `k`.

    Args:
        table: the ranks.

    Returns:
        The sums, of which `figures()` gives the values.

    Example:
        >>> ranks = RankTable.of(np.array([0, 1, 2]), np.array([1, 3]), ks=[1])
        >>> sums(ranks).figures()["hit_rate@1"]
        0.5
    """
    names = [TOP_K_ACCURACY, *METRICS]
    has_truth = (table.truth > 0)[:, None]
    values = [np.where(has_truth, metric(table), 0.0) for metric in METRICS.values()]
    shape = (len(table.truth), len(METRICS) * len(table.ks))
    counted = np.broadcast_to(has_truth.astype(np.float64), shape)
    events = np.repeat(table.events[:, None].astype(np.float64), len(table.ks), axis=1)
    return Sums(
        labels=[label(name, k) for name in names for k in table.ks],
        numerators=np.concatenate([event_hits(table), *values], axis=1),
        denominators=np.concatenate([events, counted], axis=1),
    )
