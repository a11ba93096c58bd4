"""Whole reports."""

import json
import math
from collections.abc import Sequence
from typing import ClassVar

import jax
import numpy as np
import polars as pl
import pytest
from evaluation.planted import TEST, TRAIN, Planted, dataset

from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.data.parts import Split
from turret.data.splits import random_split
from turret.data.synthetic import SyntheticWorld, synthetic
from turret.errors import EvaluationError, RecipeError
from turret.evaluation import loss as loss_of
from turret.evaluation.evaluate import evaluate
from turret.evaluation.metrics.figures import WHOLE
from turret.evaluation.parts import TrainFigures
from turret.evaluation.report import Report
from turret.index import registry
from turret.index.hits import RowHits
from turret.model.towers import initialize
from turret.model.trained import TrainedModel
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower


class Known:
    """Scores candidates by their true probability, which no model can beat by much."""

    def __init__(self, world: SyntheticWorld) -> None:
        self.world = world

    def query_vectors(self, queries: pl.DataFrame) -> np.ndarray:
        ids = self.world.dataset.query_ids.to_list()
        rows = np.array([ids.index(name) for name in queries[self.world.dataset.query_id]])
        return self.world.probabilities(rows, time=0.5).astype(np.float32)

    def candidate_vectors(self, candidates: pl.DataFrame) -> np.ndarray:
        return np.eye(candidates.height, dtype=np.float32)

    def known_queries(self, queries: pl.DataFrame) -> np.ndarray:
        return np.ones(queries.height, np.bool_)


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return synthetic(num_queries=150, num_candidates=80, num_interactions=6000, seed=1, drift=0.0)


@pytest.fixture(scope="module")
def parts(world: SyntheticWorld) -> Split:
    return random_split(world.dataset, test_fraction=0.2, seed=0)


@pytest.fixture(scope="module")
def report(world: SyntheticWorld, parts: Split) -> Report:
    return evaluate(Known(world), parts, ks=(1, 5, 20), bootstrap=200)


def test_a_report_has_the_agreed_shape(report: Report) -> None:
    shown = json.loads(report.to_json())
    assert set(shown) == {
        *(
            "model",
            "intervals",
            "baselines",
            "differences",
            "slices",
            "deciles",
            "lists",
            "sampled",
            "train",
            "loss",
        ),
        *("queries", "pairs", "candidates", "warnings", "seconds"),
        *("epochs", "scores", "neighbours", "data"),
    }
    names = {
        f"{metric}@{k}"
        for metric in ("top_k_accuracy", "hit_rate", "recall", "precision", "ndcg", "mrr", "map")
        for k in (1, 5, 20)
    } | {"r_precision", "auc"}
    popularity = shown["baselines"]["popularity"]
    for place in (shown["model"], shown["intervals"], popularity):
        for view in ("seen_included", "seen_excluded"):
            assert set(place[view]) == names
    assert set(shown["train"]["seen_included"]) == names
    assert set(popularity) == {"seen_included", "seen_excluded", "seconds"}
    assert shown["loss"] is None
    assert shown["pairs"] == 1200
    assert shown["candidates"] == 80
    assert Report.from_json(report.to_json()) == report


def test_figures_lie_within_their_intervals(report: Report) -> None:
    assert report.intervals is not None
    for view in ("seen_included", "seen_excluded"):
        ends: dict[str, tuple[float, float]] = getattr(report.intervals, view)
        for name, value in getattr(report.model, view).items():
            assert ends[name][0] < value < ends[name][1]


def test_the_truth_beats_popularity_and_nothing_is_said(report: Report) -> None:
    assert not [line for line in report.warnings if "popularity" in line]
    assert "test pairs also occur in training" in report.warnings[0]


def test_the_top_k_accuracy_is_as_planted(world: SyntheticWorld, report: Report) -> None:
    """The expected accuracy of the best ranking is the probability of its first k."""
    rows = world.dataset.interactions.query_row
    for k in (1, 5, 20):
        best = np.sort(world.probabilities(rows, time=0.5), axis=1)[:, -k:].sum(axis=1).mean()
        found = report.model.seen_included[f"top_k_accuracy@{k}"]
        assert abs(found - best) < 4 * math.sqrt(best * (1 - best) / report.pairs)


def test_a_model_that_loses_is_told(world: SyntheticWorld, parts: Split) -> None:
    worst = Known(world)
    worst.query_vectors = lambda queries: -Known(world).query_vectors(queries)
    warnings = evaluate(worst, parts, ks=(1, 5), bootstrap=0, train_queries=0).warnings
    for seen in ("included", "excluded"):
        sentence = (
            f"With seen candidates {seen} the model does not beat popularity "
            "in top_k_accuracy at k = 1, 5."
        )
        assert sentence in warnings


def test_what_is_left_out_is_none_or_empty(parts: Split, world: SyntheticWorld) -> None:
    found = evaluate(Known(world), parts, ks=(5,), bootstrap=0, baselines=(), train_queries=0)
    assert (found.intervals, found.train, found.loss, found.baselines) == (None, None, None, {})


def test_training_queries_are_drawn_where_there_are_many(
    world: SyntheticWorld, parts: Split
) -> None:
    def of(queries: int, *, seed: int = 42) -> TrainFigures | None:
        report = evaluate(
            Known(world),
            parts,
            ks=(5,),
            bootstrap=0,
            baselines=(),
            train_queries=queries,
            seed=seed,
        )
        return report.train

    some, same, other, every = of(20), of(20), of(20, seed=1), of(150)
    assert some is not None and every is not None
    assert some == same
    assert some != other
    assert (some.queries, every.queries) == (20, 150)
    assert every.pairs == len(parts.train.interactions)


def test_an_exact_index_changes_nothing(parts: Split, world: SyntheticWorld, report) -> None:
    ids = world.dataset.candidate_ids.to_list()
    index = registry.build("exact", ids=ids, vectors=np.eye(80, dtype=np.float32))
    for score_based in (False, True):
        found = evaluate(
            Known(world),
            parts,
            ks=(1, 5, 20),
            index=index,
            bootstrap=0,
            score_based=score_based,
        )
        for view in ("seen_included", "seen_excluded"):
            expected = dict(getattr(report.model, view))
            if not score_based:
                # What answers k candidates has no whole ranking.
                expected |= dict.fromkeys(WHOLE, math.nan)
            found_here = getattr(found.model, view)
            assert found_here == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_score_based_lets_ties_favour_the_truth() -> None:
    served = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0)
    scored = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, score_based=True)
    assert served.model.seen_included["top_k_accuracy@1"] == 2 / 5
    assert scored.model.seen_included["top_k_accuracy@1"] == 4 / 5


def test_score_based_is_refused_on_an_inexact_index() -> None:
    class Inexact:
        is_exact: ClassVar[bool] = False
        ids = pl.Series(["a"])

        def search_rows(
            self, queries: np.ndarray, k: int, *, exclude_rows: Sequence[np.ndarray] | None = None
        ) -> RowHits:
            raise AssertionError

    with pytest.raises(EvaluationError, match="a score-based evaluation needs an exact index"):
        evaluate(Planted(), (TRAIN, TEST), index=Inexact(), score_based=True)


def test_the_planted_doubts_are_all_named() -> None:
    warnings = evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0).warnings
    assert warnings[:4] == (
        "Only 3 queries are tested: below 100 the figures depend much on which they are.",
        "1 of 5 test pairs also occur in training; they leave the truth where seen candidates "
        "are excluded.",
        "1 of 3 test queries have no training interaction.",
        "3 of 5 test pairs have a candidate without training interaction.",
    )


def test_queries_of_which_nothing_is_known_are_named() -> None:
    model = Planted(unknown=("u2", "u3"))
    report = evaluate(model, (TRAIN, TEST), ks=(6,), bootstrap=0)
    assert report.warnings[4] == (
        "Of 1 of 3 test queries the model knows nothing: their figures are those of the popular "
        "candidates, which they are served."
    )
    # On the training pairs too: the query u2 finds a first, b second, c third, d fourth.
    assert report.train is not None
    found = report.train.seen_included["mrr@6"]
    assert found == pytest.approx((1 / 2 + 1 / 1 + 1 / 1) / 3)


def test_a_test_that_is_all_seen_is_named() -> None:
    warnings = evaluate(Planted(), (TRAIN, TRAIN), ks=(1,), bootstrap=10).warnings
    assert "With seen candidates excluded no test pair is left: nothing is measured." in warnings


def test_the_loss_needs_a_trained_model() -> None:
    with pytest.raises(EvaluationError, match="only a TrainedModel has a loss: got 'Planted'"):
        evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, loss=Softmax())


def test_an_unknown_baseline() -> None:
    with pytest.raises(RecipeError, match="no such baseline: got 'popular'. Did you mean"):
        evaluate(Planted(), (TRAIN, TEST), ks=(1,), baselines=("popular",))


def test_parts_over_other_tables() -> None:
    fewer = Dataset(TEST.interactions, TEST.queries.head(3), TEST.candidates, "user", "item")
    with pytest.raises(EvaluationError, match="differ in their query ids: got '4 and 3 ids'"):
        evaluate(Planted(), (TRAIN, fewer), ks=(1,))
    renamed = dataset([(0, 1)])
    others = renamed.candidates.with_columns(pl.col("item") + "!")
    other = Dataset(renamed.interactions, renamed.queries, others, "user", "item")
    with pytest.raises(EvaluationError, match="differ in their candidate ids"):
        evaluate(Planted(), (TRAIN, other), ks=(1,))


def test_the_loss_of_a_trained_model() -> None:
    config = TwoTower(
        query=Tower([Categorical("user")]), candidate=Tower([Categorical("item")]), embedding_dim=4
    )
    query, candidate = fit_encoders(config, TRAIN)
    parameters = initialize(jax.random.key(0), config, encoders=(query, candidate))
    model = TrainedModel(config, query, candidate, parameters)
    found = evaluate(
        model, (TRAIN, TEST), ks=(1,), bootstrap=0, train_queries=0, loss=Softmax(), batch_size=5
    )
    expected = loss_of.test_loss(model, TEST, loss=Softmax(), batch_size=5)
    assert found.loss == dict(expected)
    assert set(expected) == {"test", "last_batch"}
