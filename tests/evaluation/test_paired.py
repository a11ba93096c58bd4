"""Paired tests against a slow bootstrap with the same draws, and on what is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from evaluation.planted import TEST, TRAIN, Planted

from turret.errors import EvaluationError
from turret.evaluation import paired, resampling
from turret.evaluation.evaluate import evaluate
from turret.evaluation.metrics.figures import Sums
from turret.evaluation.paired import differences
from turret.evaluation.report import Report

NAMED = ((3, "a"), (4, "b"))


def some(seed: int, *, queries: int = 40, gain: float = 0.0) -> Sums:
    rng = np.random.default_rng(seed)
    below = np.random.default_rng(1).integers(0, 4, (queries, 2)).astype(np.float64)
    below[:, 1] = below[:, 0] > 0
    above = (rng.random((queries, 2)) + gain) * below
    return Sums(labels=["accuracy@1", "recall@1"], numerators=above, denominators=below)


def test_a_difference_is_that_of_both_figures_in_each_resample() -> None:
    one, other, resamples = some(2, gain=0.1), some(3), 199
    found = differences(one, {"other": other}, resamples=resamples, seed=4)["other"]
    rows = np.flatnonzero(one.denominators.any(axis=1))
    draws = np.random.default_rng(4).integers(0, len(rows), size=(resamples, len(rows)))
    for column, name in enumerate(one.labels):
        values = []
        for draw in draws:
            picked = rows[draw]
            total = one.denominators[picked, column].sum()
            figures = [each.numerators[picked, column].sum() / total for each in (one, other)]
            values.append(figures[0] - figures[1])
        low, high = np.quantile(values, [0.025, 0.975])
        least = min(sum(v <= 0 for v in values), sum(v >= 0 for v in values))
        assert found[name].difference == pytest.approx(one.figures()[name] - other.figures()[name])
        assert (found[name].low, found[name].high) == pytest.approx((low, high), rel=1e-9)
        assert found[name].p == min(1.0, 2 * (least + 1) / (resamples + 1))


def test_several_others_see_the_same_draws() -> None:
    one, others = some(2), {"a": some(3), "b": some(4, gain=0.2)}
    found = differences(one, others, resamples=50, seed=0)
    for name, other in others.items():
        alone = differences(one, {name: other}, resamples=50, seed=0)[name]
        for figure, expected in alone.items():
            got = found[name][figure]
            assert (got.low, got.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
            assert got.p == expected.p
    assert differences(one, {}, resamples=50, seed=0) == {}


def test_a_model_does_not_differ_from_itself() -> None:
    for queries in (40, 20_000):
        one = some(2, queries=queries)
        for found in differences(one, {"itself": one}, resamples=50, seed=0)["itself"].values():
            assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_many_queries_have_the_limit_of_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = some(2, queries=4000, gain=0.015), some(3, queries=4000)
    drawn = differences(one, {"other": other}, resamples=2000, seed=0)["other"]
    monkeypatch.setattr(paired, "RESAMPLED", 1000)
    found = differences(one, {"other": other}, resamples=1, seed=0)["other"]
    for name, limit in found.items():
        assert limit.difference == pytest.approx(drawn[name].difference)
        assert limit.low == pytest.approx(drawn[name].low, abs=1.5e-3)
        assert limit.high == pytest.approx(drawn[name].high, abs=1.5e-3)
        assert limit.p == pytest.approx(drawn[name].p, abs=0.02)


def test_of_many_queries_each_pair_of_models_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    one, others = some(2, queries=300), {name: some(seed, queries=300) for seed, name in NAMED}
    gone = Sums(one.labels, others["b"].numerators * [1, 0], others["b"].denominators * [1, 0])
    monkeypatch.setattr(paired, "RESAMPLED", 100)
    monkeypatch.setattr(resampling, "_CELLS", 64)  # some queries at a time
    together = differences(one, {**others, "gone": gone}, resamples=1, seed=0)
    for name, other in others.items():
        for figure, found in together[name].items():
            column = one.labels.index(figure)
            below = one.denominators[:, column]
            apart = one.numerators[:, column] - other.numerators[:, column]
            value = apart.sum() / below.sum()
            error = math.sqrt(np.square(apart - value * below).sum()) / below.sum()
            assert found.difference == pytest.approx(value)
            assert found.high - found.low == pytest.approx(2 * 1.959963984540054 * error)
            assert found.p == pytest.approx(math.erfc(abs(value) / error / math.sqrt(2)))
    # What is undefined for one of them changes nothing for the others.
    assert math.isnan(together["gone"]["recall@1"].p)
    assert together["gone"]["accuracy@1"] == together["b"]["accuracy@1"]


def test_half_of_all_p_values_of_chance_are_below_one_half() -> None:
    """Models that differ by chance alone: p is uniform."""
    small = [
        differences(some(seed), {"o": some(seed + 500)}, resamples=200, seed=seed)["o"][
            "recall@1"
        ].p
        for seed in range(200)
    ]
    for share in (0.1, 0.5):
        below = float(np.mean([p <= share for p in small]))
        # Four standard errors of a share of 200, and a little for so few queries.
        assert abs(below - share) < 4 * math.sqrt(share * (1 - share) / 200) + 0.03


def test_what_is_undefined_for_one_is_not_compared() -> None:
    one, other = some(2), some(3)
    gone = Sums(other.labels, other.numerators * [1, 0], other.denominators * [1, 0])
    found = differences(one, {"gone": gone}, resamples=20, seed=0)["gone"]
    assert not math.isnan(found["accuracy@1"].p)
    assert all(math.isnan(v) for v in (found["recall@1"].difference, found["recall@1"].p))


@pytest.mark.parametrize(
    "other",
    [
        lambda: some(3, queries=39),
        lambda: Sums(["a", "b"], some(3).numerators, some(3).denominators),
        lambda: Sums(some(3).labels, some(3).numerators, some(3).denominators[::-1]),
    ],
)
def test_other_queries_are_refused(other: Callable[[], Sums]) -> None:
    with pytest.raises(
        EvaluationError, match="the figures of 'other' are not over the same querie"
    ):
        differences(some(2), {"other": other()}, resamples=20, seed=0)
    with pytest.raises(EvaluationError, match="bootstrap resamples: got 0, expected at least 1"):
        differences(some(2), {}, resamples=0, seed=0)


def test_a_report_compares_the_model_with_each_baseline() -> None:
    report = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=50, train_queries=0)
    ours, theirs = report.model.seen_included, report.baselines["popularity"].seen_included
    found = report.differences["popularity"].seen_included
    assert found["recall@1"].difference == pytest.approx(ours["recall@1"] - theirs["recall@1"])
    assert found["recall@1"].low <= found["recall@1"].difference <= found["recall@1"].high
    assert set(report.differences["popularity"].seen_excluded) == set(report.model.seen_excluded)
    assert Report.from_json(report.to_json()).to_json() == report.to_json()
    none = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, train_queries=0)
    assert none.differences == {}
