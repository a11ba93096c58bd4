"""Figures: every metric at every `k`, and what they are called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import numpy as np
from jaxtyping import Float64

from turret.errors import EvaluationError, nearest
from turret.evaluation.metrics.at_k import (
    average_precision,
    event_hits,
    graded_ndcg,
    hit_rate,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
)
from turret.evaluation.metrics.rank_table import RankTable
from turret.evaluation.metrics.whole import auc, r_precision

__all__ = [
    "GRADED",
    "METRICS",
    "TOP_K_ACCURACY",
    "WHOLE",
    "Metric",
    "Sums",
    "WholeMetric",
    "label",
    "parse_label",
    "sums",
]

TOP_K_ACCURACY = "top_k_accuracy"

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
"""The metrics at `k` that are averaged over queries, by the name that reports use."""

GRADED: Mapping[str, Metric] = MappingProxyType({"graded_ndcg": graded_ndcg})
"""Likewise those that are taken where test events have weights."""

WholeMetric = Callable[[RankTable], Float64[np.ndarray, " queries"]]

WHOLE: Mapping[str, WholeMetric] = MappingProxyType({"r_precision": r_precision, "auc": auc})
"""Likewise those of the whole ranking: they have no `k`."""


def label(name: str, k: int) -> str:
    """The name of a figure, such as `"ndcg@20"`."""
    return f"{name}@{k}"


def parse_label(text: str) -> tuple[str, int | None]:
    """Reads the name of a figure.

    Args:
        text: a metric and a list length, such as `"ndcg@20"`, or a metric of the whole ranking,
            such as `"auc"`.

    Returns:
        The metric's name and `k`; None where it has none.

    Raises:
        EvaluationError: if there is no such metric, or `k` is not a whole number of at least 1.

    Example:
        >>> parse_label("ndcg@20"), parse_label("auc")
        (('ndcg', 20), ('auc', None))
    """
    if text in WHOLE:
        return text, None
    name, _, k = text.partition("@")
    known = (TOP_K_ACCURACY, *METRICS, *GRADED)
    if name not in known:
        raise EvaluationError(
            "there is no such metric", got=text, fix=nearest(name, (*known, *WHOLE))
        )
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
    """Takes every figure: the top-k accuracy and all metrics, at every `k`.

    Args:
        table: the ranks. `GRADED` metrics are taken where it has gains.

    Returns:
        The sums, of which `figures()` gives the values.

    Example:
        >>> ranks = RankTable.of(np.array([0, 1, 2]), np.array([1, 3]), ks=[1])
        >>> sums(ranks).figures()["hit_rate@1"]
        0.5
    """
    at_k = METRICS if table.gain is None else {**METRICS, **GRADED}
    parts = [metric(table) for metric in at_k.values()]
    parts += [metric(table)[:, None] for metric in WHOLE.values()]
    values = np.concatenate(parts, axis=1)
    counted = ~np.isnan(values)
    events = np.repeat(table.events[:, None].astype(np.float64), len(table.ks), axis=1)
    return Sums(
        labels=[*(label(name, k) for name in (TOP_K_ACCURACY, *at_k) for k in table.ks), *WHOLE],
        numerators=np.concatenate([event_hits(table), np.where(counted, values, 0.0)], axis=1),
        denominators=np.concatenate([events, counted.astype(np.float64)], axis=1),
    )
