"""Queries held out as a whole: known by what is shown of them, and by nothing else."""

import numpy as np
import pytest
from evaluation.planted import CANDIDATES, Planted, dataset

from turret.data.dataset import Dataset, Interactions
from turret.data.parts import Split
from turret.data.splits import fold_in_split
from turret.data.synthetic import synthetic
from turret.evaluation.baselines.factors import Factors
from turret.evaluation.baselines.fitting import fit_baseline
from turret.evaluation.evaluate import evaluate
from turret.index import registry
from turret.model.meetings import met_matrix
from turret.model.trained import TrainedModel
from turret.recipe import baselines as recipe
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.loss import Softmax
from turret.recipe.sampled import Sampled
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.trainer import fit

TOWERS = TwoTower(
    query=Tower([History("met", table="candidate/item_id")]),
    candidate=Tower([Categorical("item_id")]),
    embedding_dim=8,
    normalize=True,
)


@pytest.fixture(scope="module")
def parts() -> Split:
    world = synthetic(num_queries=150, num_candidates=60, num_interactions=4000)
    return fold_in_split(world.dataset, test_fraction=0.3, seed=1)


@pytest.fixture(scope="module")
def held_out(parts: Split) -> np.ndarray:
    return np.unique(parts.test.interactions.query_row)


def trained(train: Dataset) -> TrainedModel:
    loss = Softmax(candidates="all", temperature=0.2)
    settings = Train(epochs=8, batch_size=32, batch_unit="queries", learning_rate=0.05)
    model = fit(train, TOWERS, loss=loss, train=settings).trained
    assert isinstance(model, TrainedModel)
    return model


@pytest.mark.parametrize("kind", [recipe.EASE(), recipe.ItemKNN(), recipe.RP3Beta()])
def test_linear_baselines_multiply_what_is_shown(
    parts: Split, held_out: np.ndarray, kind: recipe.Baseline
) -> None:
    assert parts.fold_in is not None
    rows = held_out.astype(np.int32)
    found, _ = fit_baseline(kind, parts.train, seen=parts.seen)
    alone, _ = fit_baseline(kind, parts.train)
    # Of a query that is not held out nothing changes; of others nothing was known before.
    others = np.setdiff1d(np.arange(150), held_out).astype(np.int32)
    np.testing.assert_array_equal(found.scores(others), alone.scores(others))
    assert not alone.scores(rows).any()
    # A query that met one candidate gets its links: the sum over what is shown.
    links = np.stack([_links(kind, parts.train, item) for item in range(60)])
    shown = met_matrix(parts.fold_in).toarray()[rows]
    np.testing.assert_allclose(found.scores(rows), shown @ links, rtol=1e-4, atol=1e-5)


def _links(kind: recipe.Baseline, train: Dataset, item: int) -> np.ndarray:
    """What a query is served that met one candidate alone."""
    one = Interactions(np.zeros(1, np.int32), np.array([item], np.int32))
    fitted, _ = fit_baseline(kind, train, seen=train.with_interactions(one))
    return fitted.scores(np.zeros(1, np.int32))[0]


def test_ials_fits_a_vector_to_what_is_shown(parts: Split, held_out: np.ndarray) -> None:
    assert parts.fold_in is not None
    config = recipe.IALS(factors=4, regularization=2.0, alpha=6.0, iterations=20)
    found, _ = fit_baseline(config, parts.train, seen=parts.seen)
    alone, _ = fit_baseline(config, parts.train)
    assert isinstance(found, Factors) and isinstance(alone, Factors)
    np.testing.assert_array_equal(found.candidates, alone.candidates)
    hits = met_matrix(parts.fold_in).toarray()
    for row in held_out[::5]:
        weight = np.where(hits[row] > 0, 6.0, 1.0)
        gram = (found.candidates.T * weight) @ found.candidates + 2.0 * np.eye(4)
        want = np.linalg.solve(gram, found.candidates.T @ (weight * hits[row]))
        np.testing.assert_allclose(found.queries[row], want, rtol=0.02, atol=2e-3)


def test_what_is_shown_makes_nothing_popular() -> None:
    parts = Split(
        train=dataset([(0, 0), (1, 0), (0, 1), (1, 1), (1, 2)]),
        validation=None,
        test=dataset([(2, 3)]),
        notes=(),
        fold_in=dataset([(2, 4), (2, 4), (2, 4), (2, 5)]),
    )
    index = registry.build(
        "exact", ids=CANDIDATES["item"].to_list(), vectors=np.eye(6, dtype=np.float32)
    )
    # Popular by training: a, b, c, then the others in their order, of which d is the fourth.
    # e and f, which are shown, come behind it and are seen.
    for by in (None, index):
        report = evaluate(
            Planted(unknown=("u2",)),
            parts,
            ks=(3, 4, 6),
            baselines=("popularity",),
            bootstrap=0,
            index=by,
            sampled=Sampled(negatives=9, ks=(3, 4)),
        )
        for figures in (report.model, report.baselines["popularity"]):
            for view in (figures.seen_included, figures.seen_excluded):
                assert (view["hit_rate@3"], view["mrr@4"]) == (0.0, 1 / 4)
        assert report.sampled is not None and report.lists is not None
        assert report.sampled.model == report.sampled.baselines["popularity"]
        assert report.lists.model == report.lists.baselines["popularity"]


def test_a_history_knows_a_query_that_was_never_trained_on(
    parts: Split, held_out: np.ndarray
) -> None:
    assert parts.fold_in is not None
    model = trained(parts.train)
    report = evaluate(model, parts, ks=(5, 20), baselines=("popularity", "ease"), bootstrap=0)
    assert report.queries == len(held_out)
    # All are known by what is shown of them, and nothing of the test is.
    assert not [w for w in report.warnings if "knows nothing" in w or "no training" in w]
    ours, theirs = report.model.seen_excluded, report.baselines["popularity"].seen_excluded
    assert ours["ndcg@20"] > theirs["ndcg@20"]
    # Without what is shown, a model without ids knows nothing, and serves the popular.
    blind = evaluate(
        model, (parts.train, parts.test), ks=(20,), baselines=("popularity",), bootstrap=0
    )
    said = f"Of {len(held_out)} of {len(held_out)} test queries the model knows nothing"
    assert any(sentence.startswith(said) for sentence in blind.warnings)
    popular = blind.baselines["popularity"].seen_included
    assert blind.model.seen_included["ndcg@20"] == pytest.approx(popular["ndcg@20"])
