"""Baselines, against known scores and against slow oracles of their formulas."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from evaluation.planted import TEST, TRAIN, dataset

from turret.data.dataset import Dataset, Interactions
from turret.errors import EvaluationError, RecipeError
from turret.evaluation.baselines import fitting
from turret.evaluation.baselines.base import BaselineScores
from turret.evaluation.baselines.factors import Factors
from turret.evaluation.baselines.fitting import fit_baseline
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.evaluate import evaluate
from turret.evaluation.measure import measure_baseline
from turret.model import ease
from turret.model.meetings import met_matrix
from turret.recipe import baselines as recipe
from turret.recipe.baselines import KINDS, resolve_baselines

ALL = np.arange(60, dtype=np.int32)


@pytest.fixture(scope="module")
def train() -> Dataset:
    """60 queries, 40 candidates, of which the last met nobody; some events happened twice."""
    rng = np.random.default_rng(0)
    query = rng.integers(0, 60, 600)
    candidate = np.minimum(rng.geometric(0.08, 600) - 1, 38)
    frame = {"user": np.append(query, ALL), "item": np.append(candidate, ALL % 39)}
    table = {"item": [f"{number:02}" for number in range(40)]}
    names = [f"{number:02}" for number in frame["item"]]
    events = {"user": [f"{number:02}" for number in frame["user"]], "item": names}
    return Dataset.from_frames(events, query_id="user", candidate_id="item", candidates=table)


def met(train: Dataset) -> np.ndarray:
    x = np.zeros((train.num_queries, train.num_candidates))
    x[train.interactions.query_row, train.interactions.candidate_row] = 1
    return x


def scores(config: recipe.Baseline, train: Dataset) -> np.ndarray:
    fitted, seconds = fit_baseline(config, train)
    assert seconds >= 0
    return fitted.scores(ALL)


def largest(links: np.ndarray, number: int) -> np.ndarray:
    """The largest entries of each row, the first of equal ones, by sorting."""
    kept = np.zeros_like(links)
    for row, values in enumerate(links):
        order = np.argsort(-values, kind="stable")[:number]
        kept[row, order] = values[order]
    return kept


def test_popularity_ranks_by_training_events_and_then_by_row() -> None:
    popularity = Popularity.fit(TRAIN)
    assert popularity.scores(np.array([0, 3], np.int32)).tolist() == [[3, 2, 1, 1, 0, 0]] * 2
    # Included: b is second, c third, e fifth, f sixth. Excluded: c leads query 0 (a and b are
    # seen), e is third of query 1 (a and c are), f sixth of query 3.
    found = measure_baseline(popularity, TEST, train=TRAIN, ks=(1, 2, 3, 5))
    assert found.seen_included.figures["top_k_accuracy@2"] == 1 / 5
    assert found.seen_included.figures["top_k_accuracy@5"] == 4 / 5
    assert found.seen_excluded is not None
    assert found.seen_excluded.figures["top_k_accuracy@1"] == 1 / 4
    assert found.seen_excluded.figures["top_k_accuracy@3"] == 3 / 4


def test_popularity_of_the_last_days() -> None:
    day = 86_400.0
    events = {
        "user": ["a", "a", "b", "b", "c"],
        "item": ["x", "x", "y", "z", "z"],
        "time": [0.0, 1 * day, 5 * day, 6 * day, 7 * day],
    }
    timed = Dataset.from_frames(events, query_id="user", candidate_id="item", timestamp="time")
    for days, want in ((2.0, [0, 1, 2]), (1.0, [0, 0, 2]), (7.0, [2, 1, 2]), (0.5, [0, 0, 1])):
        found = Popularity.fit(timed, days=days).scores(np.array([0], np.int32))
        assert found.tolist() == [want]
    with pytest.raises(EvaluationError, match="needs times"):
        Popularity.fit(TRAIN, days=1.0)


def test_an_event_without_a_time_is_in_no_window() -> None:
    day = 86_400.0
    events = Interactions(
        np.zeros(4, np.int32),
        np.array([0, 1, 1, 2], np.int32),
        timestamp=np.array([0.0, 9 * day, 8 * day, np.nan]),
    )
    timed = TRAIN.with_interactions(events)
    assert Popularity.fit(timed, days=2.0).counts.tolist() == [0, 2, 0, 0, 0, 0]
    assert Popularity.fit(timed).counts.tolist() == [1, 2, 1, 0, 0, 0]
    never = TRAIN.with_interactions(replace(events, timestamp=np.full(4, np.nan)))
    with pytest.raises(EvaluationError, match="needs times"):
        Popularity.fit(never, days=2.0)


def test_chance_is_the_same_whenever_it_is_asked(train: Dataset) -> None:
    chance, _ = fit_baseline(recipe.Random(seed=3), train)
    whole = chance.scores(ALL)
    assert (chance.scores(ALL[[7, 2]]) == whole[[7, 2]]).all()
    assert len(np.unique(whole)) > 0.99 * whole.size
    assert abs(whole.mean() - 0.5) < 0.03
    assert (scores(recipe.Random(seed=4), train) != whole).mean() > 0.99


@pytest.mark.parametrize(("neighbours", "shrink"), [(100, 0.0), (5, 10.0), (1, 1.0)])
def test_item_knn_is_a_cosine_of_columns(train: Dataset, neighbours: int, shrink: float) -> None:
    x = met(train)
    norms = np.linalg.norm(x, axis=0)
    links = (x.T @ x) / np.maximum(np.outer(norms, norms) + shrink, 1e-12)
    np.fill_diagonal(links, 0)
    want = x @ largest(links, neighbours).T
    found = scores(recipe.ItemKNN(neighbours=neighbours, shrink=shrink), train)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighting", ["tfidf", "bm25"])
def test_item_knn_with_weights(train: Dataset, weighting) -> None:
    x = met(train)
    rarity = np.log((1 + x.shape[1]) / (1 + x.sum(axis=1)))[:, None]
    weighted = x * rarity
    if weighting == "bm25":
        length = x.sum(axis=0) / x.sum(axis=0).mean()
        weighted = rarity * x * 2.2 / (x + 1.2 * (1 - 0.75 + 0.75 * length))
    norms = np.linalg.norm(weighted, axis=0)
    links = (weighted.T @ weighted) / (np.outer(norms, norms) + 2.0)
    np.fill_diagonal(links, 0)
    found = scores(recipe.ItemKNN(weighting=weighting, shrink=2.0), train)
    np.testing.assert_allclose(found, x @ links.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("neighbours", [100, 4])
def test_rp3beta_walks_three_steps(train: Dataset, neighbours: int) -> None:
    x = met(train)
    degree, popularity = x.sum(axis=1, keepdims=True), x.sum(axis=0)
    to_candidate = (x / degree) ** 0.8
    to_query = (x / np.maximum(popularity, 1)).T ** 0.8
    links = to_query @ to_candidate / np.maximum(popularity, 1) ** 0.4
    np.fill_diagonal(links, 0)
    found = scores(recipe.RP3Beta(alpha=0.8, beta=0.4, neighbours=neighbours), train)
    np.testing.assert_allclose(found, x @ largest(links, neighbours), rtol=1e-5, atol=1e-7)


def test_ease_solves_its_least_squares_problem(train: Dataset) -> None:
    """Column j is the ridge regression of candidate j on all others."""
    x = met(train)
    found = scores(recipe.EASE(regularization=20.0), train)
    for j in range(train.num_candidates):
        others = np.delete(x, j, axis=1)
        gram = others.T @ others + 20.0 * np.eye(others.shape[1])
        want = others @ np.linalg.solve(gram, others.T @ x[:, j])
        np.testing.assert_allclose(found[:, j], want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 39, 40])
def test_ease_does_not_depend_on_how_many_rows_are_held(
    train: Dataset, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scores(recipe.EASE(regularization=20.0), train)
    monkeypatch.setattr(ease, "_ROWS", rows)
    np.testing.assert_array_equal(scores(recipe.EASE(regularization=20.0), train), whole)


@pytest.mark.parametrize("kind", [recipe.EASE, recipe.ItemKNN, recipe.RP3Beta])
def test_too_many_candidates_are_refused(train: Dataset, kind) -> None:
    with pytest.raises(EvaluationError, match="too many candidates: got 40, expected at most 39"):
        fit_baseline(kind(max_candidates=39), train)


def test_the_strongest_do_not_depend_on_how_many_rows_are_dense(
    train: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scores(recipe.ItemKNN(neighbours=5), train)
    monkeypatch.setattr("turret.evaluation.baselines.met._CELLS", 3 * 40)
    assert (scores(recipe.ItemKNN(neighbours=5), train) == whole).all()


def test_ials_ends_where_each_side_solves_the_other(train: Dataset) -> None:
    """Each vector is the weighted ridge regression on the other side's: met ones weigh alpha."""
    config = recipe.IALS(factors=4, regularization=2.0, alpha=6.0, iterations=300)
    fitted, _ = fit_baseline(config, train)
    assert isinstance(fitted, Factors)
    x = met(train)
    sides = ((fitted.queries, fitted.candidates, x), (fitted.candidates, fitted.queries, x.T))
    for solved, given, hits in sides:
        for row in range(0, 39, 5):
            weight = np.where(hits[row] > 0, 6.0, 1.0)
            gram = (given.T * weight) @ given + 2.0 * np.eye(4)
            want = np.linalg.solve(gram, given.T @ (weight * hits[row]))
            np.testing.assert_allclose(solved[row], want, rtol=0.01, atol=1e-3)
    np.testing.assert_allclose(fitted.scores(ALL), fitted.queries @ fitted.candidates.T, rtol=1e-6)


def test_without_its_library_a_baseline_is_left_out_with_a_sentence() -> None:
    code = (
        "import sys; sys.modules['implicit'] = None\n"
        "from evaluation.planted import TEST, TRAIN, Planted\n"
        "from turret.evaluation.evaluate import evaluate\n"
        "found = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0,"
        " baselines=('ials', 'random'))\n"
        "print(sorted(found.baselines), found.warnings[-1])\n"
    )
    path = [str(place) for place in sys.path if place]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(path)},
    )
    assert done.stdout.startswith(
        "['random'] The baseline ials was left out: implicit is not installed."
    )


def test_the_report_leaves_out_what_cannot_be_fitted() -> None:
    from evaluation.planted import Planted

    given = ("popularity", recipe.Popularity(days=3), recipe.EASE(name="small", max_candidates=2))
    report = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, baselines=given)
    assert list(report.baselines) == ["popularity"]
    left_out = [one for one in report.warnings if "left out" in one]
    assert [one.split(":")[0] for one in left_out] == [
        "The baseline popularity_3d was left out",
        "The baseline small was left out",
    ]


def test_a_fit_that_ends_badly_is_left_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluation.planted import Planted

    def too_large(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(fitting, "fit_ease", too_large)
    given = ("ease", recipe.IALS(regularization=0.0, alpha=1e30), "popularity")
    report = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, baselines=given)
    assert list(report.baselines) == ["popularity"]
    assert [one for one in report.warnings if "left out" in one] == [
        "The baseline ease was left out: not enough memory (Unable to allocate 9 TiB).",
        "The baseline ials was left out: the vectors of iALS are not finite (NaN encountered in "
        "factors): got 'regularization 0.0, alpha 1e+30'. "
        "Raise its regularization, or lower its alpha.",
    ]


def test_a_block_of_a_baseline_is_padded() -> None:
    block = BaselineScores(Popularity.fit(TRAIN), np.array([0, 1, 3], np.int32))
    assert (block.num_queries, block.num_candidates) == (3, 6)
    found = block.block(slice(1, 3), rows=4, columns=8)
    assert found.shape == (4, 8)
    assert found[:2, :6].tolist() == [[3, 2, 1, 1, 0, 0]] * 2
    assert not found[2:].any() and not found[:, 6:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_baseline_scores_every_candidate_whatever_the_order_of_events(
    train: Dataset, kind: str
) -> None:
    fitted, _ = fit_baseline(KINDS[kind](), train)
    found = fitted.scores(ALL[[2, 0]])
    assert found.shape == (2, fitted.num_candidates) == (2, 40)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    order = np.random.default_rng(1).permutation(len(train.interactions))
    shuffled = train.with_interactions(train.interactions.take(order))
    again, _ = fit_baseline(KINDS[kind](), shuffled)
    assert (again.scores(ALL[[2, 0]]) == found).all()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ials", "random"}))
def test_one_event_is_enough(kind: str) -> None:
    fitted, _ = fit_baseline(KINDS[kind](), dataset([(0, 1)]))
    assert np.isfinite(fitted.scores(np.array([0, 1], np.int32))).all()


def test_who_met_what_counts_once(train: Dataset) -> None:
    assert (met_matrix(train).toarray() == met(train)).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("easy",), "no such baseline: got 'easy'. Did you mean 'ease'"),
        (("ease", recipe.EASE(regularization=5.0)), "same name: got 'ease'"),
        ((recipe.Popularity(name="model"),), "name of the model: got 'model'. Give it another"),
    ],
)
def test_what_cannot_be_asked_for(given, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve_baselines(given)
