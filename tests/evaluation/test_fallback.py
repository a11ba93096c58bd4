"""Baselines serve the popular to queries that met nothing, as the model does."""

import numpy as np
import pytest
from evaluation.planted import Planted, dataset

from turret.evaluation.baselines.fallback import with_fallback
from turret.evaluation.baselines.fitting import fit_baseline
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.evaluate import evaluate
from turret.recipe.baselines import KINDS
from turret.recipe.sampled import Sampled

# Query 3 met nothing. Popular are f, e, then a and b.
TRAIN = dataset([(0, 5), (1, 5), (2, 5), (0, 4), (1, 4), (2, 0), (0, 1)])
PERSONAL = ("item_knn", "rp3beta", "ease", "ials")


@pytest.mark.parametrize("kind", PERSONAL)
def test_a_query_that_met_nothing_is_served_the_popular(kind: str) -> None:
    fitted, _ = fit_baseline(KINDS[kind](), TRAIN)
    found = with_fallback(fitted, seen=TRAIN, popularity=Popularity.fit(TRAIN))
    scores = found.scores(np.array([3, 0], np.int32))
    assert scores.dtype == np.float32
    assert scores[0].tolist() == [1, 1, 0, 0, 2, 3]
    assert (scores[1] == fitted.scores(np.array([3, 0], np.int32))[1]).all()
    assert found.num_candidates == 6


@pytest.mark.parametrize("kind", ["popularity", "repeats", "random"])
def test_what_needs_no_query_stays_as_it_is(kind: str) -> None:
    fitted, _ = fit_baseline(KINDS[kind](), TRAIN)
    assert with_fallback(fitted, seen=TRAIN, popularity=Popularity.fit(TRAIN)) is fitted


def test_no_fallback_where_every_query_is_known() -> None:
    fitted, _ = fit_baseline(KINDS["ease"](), TRAIN)
    shown = dataset([(0, 0), (1, 0), (2, 0), (3, 0)])
    assert with_fallback(fitted, seen=shown, popularity=Popularity.fit(TRAIN)) is fitted


def test_a_model_is_not_above_baselines_for_queries_that_nobody_knows() -> None:
    report = evaluate(
        Planted(unknown=("u3",)),
        (TRAIN, dataset([(3, 5), (3, 4)])),
        ks=(1, 2),
        baselines=("popularity", *PERSONAL),
        bootstrap=0,
        sampled=Sampled(negatives=3, ks=(1,)),
    )
    assert report.model.seen_included["ndcg@2"] == 1.0
    assert report.sampled is not None and report.lists is not None
    for name in PERSONAL:
        figures = report.baselines[name]
        assert figures.seen_included == report.model.seen_included
        assert figures.seen_excluded == report.model.seen_excluded
        assert report.sampled.baselines[name] == report.sampled.model
        assert report.lists.baselines[name] == report.lists.model
