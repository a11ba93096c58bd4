"""The loss on held-back pairs against one batch of all of them."""

import math

import jax
import numpy as np
import pytest

from turret.data.batches import Batches
from turret.data.dataset import Dataset, Interactions
from turret.data.encoders.fitting import fit_encoders
from turret.data.synthetic import synthetic
from turret.evaluation import loss as module
from turret.evaluation.loss import test_loss as loss_on_test
from turret.model.towers import initialize
from turret.model.trained import TrainedModel
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Loss, Softmax
from turret.recipe.towers import Tower, TwoTower


@pytest.fixture(scope="module")
def data() -> Dataset:
    return synthetic(num_queries=30, num_candidates=20, num_interactions=500, seed=0).dataset


@pytest.fixture(scope="module")
def model(data: Dataset) -> TrainedModel:
    config = TwoTower(
        query=Tower([Categorical(data.query_id)]),
        candidate=Tower([Categorical(data.candidate_id)]),
        embedding_dim=4,
    )
    encoders = fit_encoders(config, data)
    parameters = initialize(jax.random.key(0), config, encoders=encoders, scale=1.0)
    return TrainedModel(config, *encoders, parameters)


def naive_all(model: TrainedModel, test: Dataset, rows: np.ndarray) -> np.ndarray:
    """The full softmax of each event, from the vectors."""
    q = model.query_vectors(test.queries).astype(np.float64)
    c = model.candidate_vectors(test.candidates).astype(np.float64)
    events = test.interactions.take(rows)
    scores = q[events.query_row] @ c.T
    own = scores[np.arange(len(rows)), events.candidate_row]
    return np.log(np.exp(scores).sum(axis=1)) - own


def weighted(data: Dataset, weight: np.ndarray) -> Dataset:
    rows = data.interactions
    events = Interactions(rows.query_row, rows.candidate_row, weight=weight.astype(np.float32))
    return data.with_interactions(events)


def test_the_full_softmax_is_that_of_each_pair(data, model, monkeypatch):
    monkeypatch.setattr(module, "_TOGETHER", 150)
    weight = np.random.default_rng(1).uniform(0.5, 2, 500).astype(np.float32)
    test = weighted(data, weight)
    found = loss_on_test(model, test, loss=Softmax(candidates="all"), batch_size=120)
    each = naive_all(model, test, np.arange(500)) * weight
    assert found["test"] == pytest.approx(each.sum() / weight.sum(), rel=1e-5)
    assert found["last_batch"] == pytest.approx(each[480:].sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "scored"),
    [
        # All pairs of a query at once, then those of the last batch, 20 pairs.
        (Softmax(candidates="all"), [500, 20]),
        # What a pair competes with depends on its batch.
        (Softmax(), [20, 120, 120, 120, 120]),
        (Softmax(candidates="all", mask_known_positives="batch"), [20, 120, 120, 120, 120]),
    ],
)
def test_each_query_is_scored_once_where_the_batch_does_not_matter(
    data: Dataset, model: TrainedModel, loss: Loss, scored: list[int], monkeypatch
) -> None:
    taken: list[np.ndarray] = []
    of = Batches.of

    def watching(self: Batches, events: np.ndarray, *, step: int = 0):
        taken.append(events)
        return of(self, events, step=step)

    monkeypatch.setattr(Batches, "of", watching)
    loss_on_test(model, data, loss=loss, batch_size=120)
    assert [len(events) for events in taken] == scored
    if scored == [500, 20]:
        query = data.interactions.query_row[taken[0]]
        assert (np.diff(query) >= 0).all()
        np.testing.assert_array_equal(taken[1], np.arange(480, 500))


def test_one_batch_is_all_of_it(data, model):
    found = loss_on_test(model, data, loss=Softmax(), batch_size=600)
    assert found["test"] == pytest.approx(found["last_batch"] / 500, rel=1e-12)


def test_weights_that_are_all_zero_have_no_mean(data, model):
    found = loss_on_test(model, weighted(data, np.zeros(500)), loss=Softmax(candidates="all"))
    assert math.isnan(found["test"])
    assert found["last_batch"] == 0.0
