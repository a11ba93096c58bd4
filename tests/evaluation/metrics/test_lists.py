"""The metrics of lists against their slow definitions."""

import itertools
import math

import numpy as np
import pytest

from turret.evaluation.metrics.lists import (
    catalogue_coverage,
    gini,
    intra_list_diversity,
    mean_popularity,
    novelty,
    times_listed,
)

CASES = 1000


def draw(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lists of distinct candidates with gaps at their ends, what is met by how many, vectors."""
    rng = np.random.default_rng(seed)
    candidates, k = int(rng.integers(1, 12)), int(rng.integers(1, 7))
    lists = np.full((int(rng.integers(0, 6)), k), -1)
    for row in lists:
        answers = int(rng.integers(0, min(k, candidates) + 1))
        row[:answers] = rng.permutation(candidates)[:answers]
    met_by = rng.integers(0, 5, size=candidates)
    vectors = rng.integers(-2, 3, size=(candidates, 3)).astype(np.float32)
    return lists, met_by, vectors


def answers(row: np.ndarray) -> list[int]:
    return [one for one in row.tolist() if one >= 0]


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def slow_gini(lists: np.ndarray, candidates: int) -> float:
    """The mean absolute difference of all pairs, over twice the mean."""
    times = [sum(one in answers(row) for row in lists) for one in range(candidates)]
    if sum(times) == 0:
        return math.nan
    apart = sum(abs(a - b) for a in times for b in times) / candidates**2
    return apart / (2 * sum(times) / candidates)


def slow_diversity(row: list[int], vectors: np.ndarray) -> float:
    apart: list[float] = []
    for one, other in itertools.combinations(row, 2):
        a, b = vectors[one].astype(float), vectors[other].astype(float)
        if a.any() and b.any():
            apart.append(1 - math.fsum(a * b) / (math.hypot(*a) * math.hypot(*b)))
    return mean(apart)


def test_every_metric_of_lists_is_its_definition() -> None:
    for seed in range(CASES):
        lists, met_by, vectors = draw(seed)
        n, rows = len(met_by), [answers(row) for row in lists]
        shown = {one for row in rows for one in row}
        assert catalogue_coverage(lists, num_candidates=n) == len(shown) / n
        np.testing.assert_allclose(
            gini(lists, num_candidates=n), slow_gini(lists, n), rtol=1e-9, atol=1e-12
        )
        slow = {
            "popularity": [mean([float(met_by[one]) for one in row]) for row in rows],
            "novelty": [mean([-math.log2(max(met_by[one], 1) / 9) for one in row]) for row in rows],
            "diversity": [slow_diversity(row, vectors) for row in rows],
        }
        fast = {
            "popularity": mean_popularity(lists, met_by=met_by),
            "novelty": novelty(lists, met_by=met_by, num_queries=9),
            "diversity": intra_list_diversity(lists, vectors=vectors),
        }
        for name, values in fast.items():
            np.testing.assert_allclose(values, slow[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_lists_of_nothing() -> None:
    none = np.full((2, 3), -1)
    assert times_listed(none, num_candidates=2).tolist() == [0, 0]
    assert catalogue_coverage(none, num_candidates=2) == 0.0
    assert math.isnan(catalogue_coverage(none[:0], num_candidates=0))
    assert math.isnan(gini(none, num_candidates=2))
    assert np.isnan(mean_popularity(none, met_by=np.array([1, 2]))).all()


@pytest.mark.parametrize("share", [1, 2, 5])
def test_one_candidate_alone_and_all_alike(share: int) -> None:
    n = share * 4
    alone = np.zeros((8, 1), np.int64)
    assert gini(alone, num_candidates=n) == pytest.approx((n - 1) / n)
    assert gini(np.arange(n)[:, None], num_candidates=n) == pytest.approx(0.0)
