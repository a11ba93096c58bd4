"""Baselines of which events count less the older they are, and what is met again."""

import msgspec
import numpy as np
import pytest
from evaluation.planted import TEST, TRAIN

from turret.data.dataset import Dataset
from turret.errors import DataError, RecipeError
from turret.evaluation.baselines.factors import Factors
from turret.evaluation.baselines.fitting import fit_baseline
from turret.evaluation.measure import measure_baseline
from turret.model.meetings import count_matrix, event_weights, met_matrix
from turret.recipe import baselines as recipe

DAY = 86_400.0
ALL = np.arange(30, dtype=np.int32)
KINDS = (recipe.Repeats, recipe.ItemKNN, recipe.RP3Beta, recipe.EASE, recipe.IALS)


@pytest.fixture(scope="module")
def train() -> Dataset:
    """30 queries, 20 candidates, 400 events over 100 days, the last of them on day 100."""
    rng = np.random.default_rng(0)
    events = {
        "user": np.append(rng.integers(0, 30, 399), ALL[-1]),
        "item": np.append(rng.integers(0, 20, 399), 0),
        "time": np.append(rng.uniform(0, 100, 399), 100.0) * DAY,
    }
    return Dataset.from_frames(events, query_id="user", candidate_id="item", timestamp="time")


def entries(train: Dataset, half_life: float) -> tuple[np.ndarray, np.ndarray]:
    """The last and the sum of what each pair's events count, event by event."""
    last, total = np.zeros((2, train.num_queries, train.num_candidates))
    events = train.interactions
    assert events.timestamp is not None
    for query, candidate, at in zip(
        events.query_row, events.candidate_row, events.timestamp, strict=True
    ):
        weight = 0.5 ** ((100 * DAY - at) / (half_life * DAY))
        last[query, candidate] = max(last[query, candidate], weight)
        total[query, candidate] += weight
    return last, total


def test_what_was_met_counts_by_its_last_time_or_each_time(train: Dataset) -> None:
    last, total = entries(train, 25.0)
    np.testing.assert_allclose(met_matrix(train, half_life=25.0).toarray(), last, rtol=1e-6)
    np.testing.assert_allclose(count_matrix(train, half_life=25.0).toarray(), total, rtol=1e-12)
    events = train.interactions
    counts = np.zeros((30, 20))
    np.add.at(counts, (events.query_row, events.candidate_row), 1)
    assert (count_matrix(train).toarray() == counts).all() and counts.max() > 1
    assert last.max() == 1.0


def test_an_event_without_a_time_counts_as_the_earliest() -> None:
    events = {
        "user": ["a", "a", "b", "b"],
        "item": ["x", "y", "x", "z"],
        "time": [0.0, 4 * DAY, 2 * DAY, None],
    }
    timed = Dataset.from_frames(events, query_id="user", candidate_id="item", timestamp="time")
    weights = event_weights(timed, half_life=2.0)
    assert weights.tolist() == [0.25, 1.0, 0.5, 0.25]
    for kind in KINDS:
        fitted, _ = fit_baseline(kind(half_life=2.0), timed)
        assert np.isfinite(fitted.scores(np.arange(2, dtype=np.int32))).all()
    bare = Dataset.from_frames(
        {**events, "time": [None] * 4}, query_id="user", candidate_id="item", timestamp="time"
    )
    with pytest.raises(DataError, match="half-life needs times"):
        event_weights(bare, half_life=2.0)


def test_repeats_are_own_counts_and_then_the_popularity() -> None:
    fitted, _ = fit_baseline(recipe.Repeats(), TRAIN)
    events = TRAIN.interactions
    own = np.zeros((TRAIN.num_queries, TRAIN.num_candidates))
    np.add.at(own, (events.query_row, events.candidate_row), 1)
    rows = np.arange(TRAIN.num_queries, dtype=np.int32)
    want = own + own.sum(axis=0) / own.sum()
    np.testing.assert_allclose(fitted.scores(rows), want, rtol=1e-6)
    # Without what was seen it is popularity.
    popularity, _ = fit_baseline(recipe.Popularity(), TRAIN)
    ks = (1, 2, 3, 5)
    found = measure_baseline(fitted, TEST, train=TRAIN, ks=ks).seen_excluded
    same = measure_baseline(popularity, TEST, train=TRAIN, ks=ks).seen_excluded
    assert found is not None and same is not None and found.figures == same.figures


def test_repeats_with_a_half_life(train: Dataset) -> None:
    _, total = entries(train, 10.0)
    fitted, _ = fit_baseline(recipe.Repeats(half_life=10), train)
    want = total + total.sum(axis=0) / total.sum()
    np.testing.assert_allclose(fitted.scores(ALL), want, rtol=1e-5)


def test_what_is_shown_of_a_query_is_what_it_repeats(train: Dataset) -> None:
    shown = train.with_interactions(train.interactions.take(np.array([399])))
    fitted, _ = fit_baseline(recipe.Repeats(), train, seen=shown)
    share = np.bincount(train.interactions.candidate_row, minlength=20) / 400
    row = shown.interactions.query_row
    want = share.copy()
    want[shown.interactions.candidate_row] += 1
    np.testing.assert_allclose(fitted.scores(row)[0], want, rtol=1e-6)
    np.testing.assert_allclose(fitted.scores(row - 1)[0], share, rtol=1e-6)


def test_ease_solves_the_problem_of_what_was_met_lately(train: Dataset) -> None:
    x, _ = entries(train, 25.0)
    fitted, _ = fit_baseline(recipe.EASE(regularization=2.0, half_life=25.0), train)
    found = fitted.scores(ALL)
    for j in range(train.num_candidates):
        others = np.delete(x, j, axis=1)
        gram = others.T @ others + 2.0 * np.eye(others.shape[1])
        want = others @ np.linalg.solve(gram, others.T @ x[:, j])
        np.testing.assert_allclose(found[:, j], want, rtol=1e-4, atol=1e-5)


def test_item_knn_is_a_cosine_of_what_was_met_lately(train: Dataset) -> None:
    x, _ = entries(train, 25.0)
    norms = np.linalg.norm(x, axis=0)
    links = x.T @ x / (np.outer(norms, norms) + 10.0)
    np.fill_diagonal(links, 0)
    fitted, _ = fit_baseline(recipe.ItemKNN(half_life=25.0), train)
    np.testing.assert_allclose(fitted.scores(ALL), x @ links, rtol=1e-5, atol=1e-6)


def test_rp3beta_walks_by_what_was_met_lately(train: Dataset) -> None:
    x, _ = entries(train, 25.0)
    degree, popularity = x.sum(axis=1, keepdims=True), x.sum(axis=0)
    links = (x / popularity).T @ (x / degree) / np.maximum(popularity, 1.0) ** 0.3
    np.fill_diagonal(links, 0)
    fitted, _ = fit_baseline(recipe.RP3Beta(half_life=25.0), train)
    np.testing.assert_allclose(fitted.scores(ALL), x @ links, rtol=1e-5, atol=1e-6)


def test_ials_weighs_what_was_met_lately(train: Dataset) -> None:
    config = recipe.IALS(factors=3, regularization=2.0, alpha=6.0, iterations=300, half_life=25.0)
    fitted, _ = fit_baseline(config, train)
    assert isinstance(fitted, Factors)
    x, _ = entries(train, 25.0)
    items = fitted.candidates
    for row in range(0, 30, 5):
        met = x[row] > 0
        weight = np.where(met, 6.0 * x[row], 1.0)
        gram = (items.T * weight) @ items + 2.0 * np.eye(3)
        want = np.linalg.solve(gram, items.T @ (weight * met))
        np.testing.assert_allclose(fitted.queries[row], want, rtol=0.01, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_half_life_needs_times_and_is_positive(kind) -> None:
    with pytest.raises(DataError, match="a half-life needs times"):
        fit_baseline(kind(half_life=3.0), TRAIN)
    with pytest.raises(RecipeError, match="half_life"):
        kind(half_life=0)
    assert msgspec.to_builtins(kind(half_life=3))["half_life"] == 3.0
