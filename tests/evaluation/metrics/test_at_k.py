"""Every metric of the first `k` against its slow definition."""

import math

import numpy as np
import pytest
from contracts.metric_contract import MetricContract, draw, table

from turret.errors import EvaluationError
from turret.evaluation.metrics.at_k import graded_ndcg
from turret.evaluation.metrics.figures import METRICS, sums
from turret.evaluation.metrics.rank_table import RankTable


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


def graded(ranks: list[list[int]], gains: list[list[float]], ks: tuple[int, ...]) -> RankTable:
    indptr = np.cumsum([0] + [len(each) for each in ranks])
    flat = np.array([r for each in ranks for r in each], np.int64)
    worth = np.array([g for each in gains for g in each], np.float64)
    return RankTable.of(indptr, flat, ks=ks, gains=worth)


def slow_graded_ndcg(ranks: list[int], gains: list[float], k: int) -> float:
    best = sorted(gains, reverse=True)[:k]
    ideal = sum(gain / math.log2(2 + place) for place, gain in enumerate(best))
    got = sum(g / math.log2(1 + r) for r, g in zip(ranks, gains, strict=True) if 1 <= r <= k)
    return got / ideal if ideal > 0 else math.nan


@pytest.mark.parametrize("seed", range(20))
def test_graded_ndcg_is_its_definition(seed: int) -> None:
    ranks = draw(seed)
    rng = np.random.default_rng(seed)
    gains = [(rng.integers(0, 5, size=len(each)) * 0.5).tolist() for each in ranks]
    found = graded_ndcg(graded(ranks, gains, (1, 3, 20)))
    for query, (each, worth) in enumerate(zip(ranks, gains, strict=True)):
        expected = [slow_graded_ndcg(each, worth, k) for k in (1, 3, 20)]
        np.testing.assert_allclose(found[query], expected, rtol=1e-12)


def test_equal_gains_give_the_binary_ndcg() -> None:
    ranks = draw(4)
    found = sums(graded(ranks, [[2.5] * len(each) for each in ranks], (1, 5))).figures()
    for k in (1, 5):
        assert found[f"graded_ndcg@{k}"] == pytest.approx(found[f"ndcg@{k}"], rel=1e-12)


def test_graded_ndcg_wants_gains() -> None:
    with pytest.raises(EvaluationError, match="a graded metric needs gains"):
        graded_ndcg(table([[1]]))
    with pytest.raises(EvaluationError, match="a gain: got -1.0, expected at least 0"):
        graded([[1]], [[-1.0]], (1,))
