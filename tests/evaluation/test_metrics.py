"""Every metric against its slow definition, and what joins them."""

import math

import numpy as np
import pytest
from contracts.metric_contract import KS, MetricContract, draw, table

from turret.errors import EvaluationError
from turret.evaluation.metrics import METRICS, TOP_K_ACCURACY, event_hits, parse_label, sums
from turret.evaluation.rank_table import RankTable


def hits(ranks: list[int], k: int) -> list[int]:
    return sorted(rank for rank in ranks if 1 <= rank <= k)


class TestHitRate(MetricContract):
    name = "hit_rate"

    @staticmethod
    def oracle(ranks: list[int], k: int) -> float:
        return 1.0 if hits(ranks, k) else 0.0


class TestRecall(MetricContract):
    name = "recall"

    @staticmethod
    def oracle(ranks: list[int], k: int) -> float:
        return len(hits(ranks, k)) / len(ranks)


class TestPrecision(MetricContract):
    name = "precision"

    @staticmethod
    def oracle(ranks: list[int], k: int) -> float:
        return len(hits(ranks, k)) / k


class TestNdcg(MetricContract):
    name = "ndcg"

    @staticmethod
    def oracle(ranks: list[int], k: int) -> float:
        ideal = sum(1 / math.log2(1 + place) for place in range(1, min(k, len(ranks)) + 1))
        return sum(1 / math.log2(1 + rank) for rank in hits(ranks, k)) / ideal


class TestReciprocalRank(MetricContract):
    name = "mrr"

    @staticmethod
    def oracle(ranks: list[int], k: int) -> float:
        return 1 / min(hits(ranks, k)) if hits(ranks, k) else 0.0


class TestAveragePrecision(MetricContract):
    name = "map"

    @staticmethod
    def oracle(ranks: list[int], k: int) -> float:
        found = hits(ranks, k)
        return sum(len(hits(ranks, rank)) / rank for rank in found) / len(ranks)


def test_every_metric_keeps_the_contract() -> None:
    kept = {each.name for each in MetricContract.__subclasses__()}
    assert kept == set(METRICS)


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
    assert len(labels) == 2 * (1 + len(METRICS))


def test_figures_of_nothing_are_undefined() -> None:
    for ranks in ([], [[]], [[], []]):
        assert all(math.isnan(value) for value in sums(table(ranks)).figures().values())


@pytest.mark.parametrize("name", [TOP_K_ACCURACY, *METRICS])
def test_a_label_reads_back(name: str) -> None:
    assert parse_label(f"{name}@7") == (name, 7)


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
