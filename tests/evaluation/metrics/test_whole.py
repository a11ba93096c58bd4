"""The metrics of a whole ranking against their slow definitions."""

import math

import numpy as np
import pytest
from contracts.metric_contract import draw

from turret.errors import EvaluationError
from turret.evaluation.metrics.rank_table import RankTable
from turret.evaluation.metrics.whole import auc, r_precision


def whole(ranks: list[list[int]], ranked: int | np.ndarray | None) -> RankTable:
    indptr = np.cumsum([0] + [len(each) for each in ranks])
    flat = np.array([r for each in ranks for r in each], np.int64)
    return RankTable.of(indptr, flat, ks=(1,), ranked=ranked)


def slow_auc(ranks: list[int], ranked: int) -> float:
    untrue = [rank for rank in range(1, ranked + 1) if rank not in ranks]
    right = [mine < other for mine in ranks for other in untrue]
    return sum(right) / len(right) if right else math.nan


@pytest.mark.parametrize("seed", range(20))
def test_auc_is_its_definition(seed: int) -> None:
    ranks = [[rank for rank in each if rank] for each in draw(seed)]
    ranked = np.random.default_rng(seed).integers(30, 40, size=len(ranks))
    expected = [slow_auc(each, int(n)) for each, n in zip(ranks, ranked, strict=True)]
    np.testing.assert_allclose(auc(whole(ranks, ranked)), expected, rtol=1e-12)


def test_auc_of_the_best_of_the_worst_and_of_what_has_none() -> None:
    assert auc(whole([[1, 2], [3, 4], [2, 3]], 4)).tolist() == [1.0, 0.0, 0.5]
    # Nothing true, nothing untrue, not retrieved; and an unknown number of candidates.
    assert np.isnan(auc(whole([[], [1, 2], [1, 0]], np.array([2, 2, 5])))).all()
    assert np.isnan(auc(whole([[1]], None))).all()


def test_fewer_candidates_than_true_ones() -> None:
    with pytest.raises(EvaluationError, match="fewer candidates are ranked than are true: got 1"):
        whole([[1], [1, 2]], 1)


@pytest.mark.parametrize("seed", range(20))
def test_r_precision_is_its_definition(seed: int) -> None:
    ranks = draw(seed)
    found = r_precision(whole(ranks, 30))
    for query, each in enumerate(ranks):
        early = sum(1 <= rank <= len(each) for rank in each)
        expected = early / len(each) if each else math.nan
        np.testing.assert_allclose(found[query], expected, rtol=1e-12)


def test_r_precision_looks_behind_the_longest_list() -> None:
    assert r_precision(whole([[1, 2, 3, 4]], 4)).tolist() == [1.0]
    assert np.isnan(r_precision(whole([[1, 2, 3, 4]], None))).all()
