"""Intervals against a slow bootstrap with the same draws."""

import math

import numpy as np
import pytest

from turret.errors import EvaluationError
from turret.evaluation import bootstrap
from turret.evaluation.bootstrap import intervals
from turret.evaluation.metrics import Sums


def some(queries: int = 30) -> Sums:
    rng = np.random.default_rng(5)
    below = rng.integers(0, 4, (queries, 2)).astype(np.float64)
    below[:, 1] = below[:, 0] > 0
    above = rng.random((queries, 2)) * below
    return Sums(labels=["accuracy@1", "recall@1"], numerators=above, denominators=below)


def slow(sums: Sums, *, resamples: int, seed: int, level: float) -> dict[str, tuple[float, float]]:
    rows = [i for i, below in enumerate(sums.denominators) if below.any()]
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(rows), size=(resamples, len(rows)))
    found = {}
    for column, name in enumerate(sums.labels):
        values = []
        for draw in draws:
            picked = [rows[i] for i in draw]
            above = sum(sums.numerators[i, column] for i in picked)
            values.append(above / sum(sums.denominators[i, column] for i in picked))
        tail = (1 - level) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        found[name] = (float(low), float(high))
    return found


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_intervals_are_percentiles_over_resampled_queries(level: float) -> None:
    found = intervals(some(), resamples=200, seed=3, level=level)
    expected = slow(some(), resamples=200, seed=3, level=level)
    assert list(found) == list(expected)
    for name, ends in expected.items():
        np.testing.assert_allclose(found[name], ends, rtol=1e-12)


def test_parts_of_the_draws_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = intervals(some(), resamples=50, seed=3)
    monkeypatch.setattr(bootstrap, "_CELLS", 100)
    assert intervals(some(), resamples=50, seed=3) == whole


def test_the_seed_decides() -> None:
    assert intervals(some(), resamples=50, seed=3) == intervals(some(), resamples=50, seed=3)
    assert intervals(some(), resamples=50, seed=3) != intervals(some(), resamples=50, seed=4)


def test_undefined_figures_have_no_interval() -> None:
    nothing = Sums(["a", "b"], np.array([[0.0, 1.0]]), np.array([[0.0, 2.0]]))
    found = intervals(nothing, resamples=20, seed=0)
    assert math.isnan(found["a"][0]) and math.isnan(found["a"][1])
    assert found["b"] == (0.5, 0.5)
    empty = Sums(["a"], np.zeros((3, 1)), np.zeros((3, 1)))
    assert all(math.isnan(end) for end in intervals(empty, resamples=20, seed=0)["a"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resamples": 0}, "bootstrap resamples: got 0, expected at least 1"),
        ({"resamples": 9, "level": 1.0}, "the level of an interval: got 1.0"),
    ],
)
def test_impossible_settings(settings: dict, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        intervals(some(), seed=0, **settings)
