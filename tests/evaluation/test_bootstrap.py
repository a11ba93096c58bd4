"""Intervals against a slow bootstrap with the same draws."""

import math

import numpy as np
import pytest

from turret.errors import EvaluationError
from turret.evaluation import bootstrap, resampling
from turret.evaluation.bootstrap import intervals
from turret.evaluation.metrics.figures import Sums


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


def test_a_shared_denominator_is_resampled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    resampled = resampling._resampled

    def watching(values: np.ndarray, **settings) -> np.ndarray:
        widths.append(values.shape[1])
        return resampled(values, **settings)

    monkeypatch.setattr(resampling, "_resampled", watching)
    one = some()
    twice = Sums(
        [f"{name}/{n}" for name in one.labels for n in (1, 2)],
        np.repeat(one.numerators, 2, axis=1),
        np.repeat(one.denominators, 2, axis=1),
    )
    found = intervals(twice, resamples=50, seed=3)
    assert widths == [4 + 2]
    alone = intervals(one, resamples=50, seed=3)
    for name, ends in found.items():
        np.testing.assert_allclose(ends, alone[name.partition("/")[0]], rtol=1e-12)


def test_many_queries_have_the_limit_of_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    many = some(4_000)
    resampled = intervals(many, resamples=2_000, seed=0)
    monkeypatch.setattr(bootstrap, "RESAMPLED", 1_000)
    found = intervals(many, resamples=1, seed=0)
    for column, (name, (low, high)) in enumerate(found.items()):
        above, below = many.numerators[:, column], many.denominators[:, column]
        figure = above.sum() / below.sum()
        # The delta method, written as the variance of a mean of influences.
        influence = (above - figure * below) / below.mean()
        error = math.sqrt(np.square(influence).sum()) / len(influence)
        assert (high + low) / 2 == pytest.approx(figure, rel=1e-9)
        assert (high - low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)
        # 2,000 resamples know a half width to a few per cent.
        width = resampled[name][1] - resampled[name][0]
        assert high - low == pytest.approx(width, rel=0.08)
        assert (low, high) == pytest.approx(resampled[name], abs=0.1 * width)


def test_many_queries_with_hardly_a_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLED", 10)
    above = np.zeros((20, 2))
    above[0, 0] = 1.0
    found = intervals(Sums(["a", "b"], above, np.ones((20, 2))), resamples=9, seed=0)
    assert found["a"][0] == 0.0 and found["a"][1] > 0.05
    assert found["b"] == (0.0, 0.0)


def test_parts_of_the_draws_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = intervals(some(), resamples=50, seed=3)
    monkeypatch.setattr(resampling, "_CELLS", 100)
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
