"""What joins the metrics: the figures and their names."""

import math

import numpy as np
import pytest
from contracts.metric_contract import KS, draw, table

from turret.errors import EvaluationError
from turret.evaluation.metrics.at_k import event_hits
from turret.evaluation.metrics.figures import (
    GRADED,
    METRICS,
    TOP_K_ACCURACY,
    WHOLE,
    parse_label,
    sums,
)
from turret.evaluation.metrics.rank_table import RankTable


@pytest.mark.parametrize("seed", range(5))
def test_top_k_accuracy_is_per_event(seed: int) -> None:
    ranks = draw(seed)
    flat = np.array([rank for each in ranks for rank in each])
    events = np.random.default_rng(seed).integers(1, 4, size=len(flat))
    indptr = np.cumsum([0] + [len(each) for each in ranks])
    found = sums(RankTable.of(indptr, flat, ks=KS, events=events)).figures()
    repeated = np.repeat(flat, events)
    for k in KS:
        share = float(np.mean((repeated >= 1) & (repeated <= k)))
        assert found[f"{TOP_K_ACCURACY}@{k}"] == pytest.approx(share, rel=1e-12)


def test_event_hits_count_nothing_without_truth() -> None:
    assert event_hits(table([[], [2]])).tolist() == [[0, 0, 0, 0], [0, 1, 1, 1]]


def test_figures_are_listed_metric_by_metric() -> None:
    labels = list(sums(table([[1]], (1, 5))).labels)
    assert labels[:4] == ["top_k_accuracy@1", "top_k_accuracy@5", "hit_rate@1", "hit_rate@5"]
    assert len(labels) == 2 * (1 + len(METRICS)) + len(WHOLE)
    assert labels[-2:] == ["r_precision", "auc"]


def test_figures_of_nothing_are_undefined() -> None:
    for ranks in ([], [[]], [[], []]):
        assert all(math.isnan(value) for value in sums(table(ranks)).figures().values())


@pytest.mark.parametrize("name", [TOP_K_ACCURACY, *METRICS, *GRADED])
def test_a_label_reads_back(name: str) -> None:
    assert parse_label(f"{name}@7") == (name, 7)


@pytest.mark.parametrize("name", WHOLE)
def test_a_metric_of_the_whole_ranking_has_no_list_length(name: str) -> None:
    assert parse_label(name) == (name, None)
    with pytest.raises(EvaluationError, match="there is no such metric"):
        parse_label(f"{name}@7")


def test_graded_figures_are_taken_where_there_are_gains() -> None:
    bounds, ranks = np.array([0, 1]), np.array([2])
    with_gains = RankTable.of(bounds, ranks, ks=[3], gains=np.array([2.0]))
    assert set(GRADED) == {"graded_ndcg"}
    assert "graded_ndcg@3" in sums(with_gains).figures()
    assert "graded_ndcg@3" not in sums(RankTable.of(bounds, ranks, ks=[3])).figures()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ndgc@20", "there is no such metric: got 'ndgc@20'. Did you mean 'ndcg'?"),
        ("ndcg", "a metric lacks its list length: got 'ndcg', expected for instance 'ndcg@20'."),
        ("ndcg@0", "a metric lacks its list length: got 'ndcg@0'"),
        ("ndcg@-1", "a metric lacks its list length: got 'ndcg@-1'"),
        ("ndcg@²", "a metric lacks its list length: got 'ndcg@²'"),
    ],
)
def test_an_impossible_label(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        parse_label(text)
    assert str(caught.value).startswith(message)
