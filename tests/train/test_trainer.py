"""Training: determinism, a loop of one's own, early stopping."""

import numpy as np
import polars as pl
import pytest
from trainings import MODEL, dataset, train

from turret.errors import TrainingError
from turret.recipe.loss import Softmax
from turret.recipe.stopping import EarlyStopping
from turret.train.state import train_step
from turret.train.stepping import steps
from turret.train.trainer import fit, prepare


def test_same_seed_same_parameters_bit_for_bit():
    one, two = (fit(dataset(), MODEL, train=train()).trained.arrays() for _ in range(2))
    for name, array in one.items():
        np.testing.assert_array_equal(two[name], array)
    other = fit(dataset(), MODEL, train=train(seed=8)).trained.arrays()
    assert all((other[name] != array).any() for name, array in one.items())


def test_a_loop_of_ones_own_gives_the_same():
    settings = train()
    batches, state = prepare(dataset(), MODEL, loss=Softmax(), train=settings)
    for step in range(3 * batches.steps_per_epoch):
        state, _ = train_step(state, batches(step))
    want = fit(dataset(), MODEL, train=settings).trained.arrays()
    for name, table in state.parameters.tables.items():
        np.testing.assert_array_equal(table, want[f"tables/{name}"])


def test_steps_can_start_in_the_middle():
    batches, state = prepare(dataset(), MODEL, loss=Softmax(), train=train())
    numbers = []
    for step in steps(state, batches, start=0, stop=4):
        numbers.append(step.number)
        state = step.state
    for step in steps(state, batches, start=4, stop=6):
        numbers.append(step.number)
        state = step.state
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert int(state.step) == 6
    assert list(steps(state, batches, start=6, stop=6)) == []


def test_it_learns_the_planted_colours():
    result = fit(dataset(), MODEL, train=train(epochs=20))
    data = dataset()
    scores = result.trained.query_vectors(data.queries) @ (
        result.trained.candidate_vectors(data.candidates).T
    )
    users = data.query_ids.cast(pl.Int64).to_numpy() % 2
    items = data.candidate_ids.cast(pl.Int64).to_numpy() % 2
    same = users[:, None] == items[None, :]
    assert scores[same].min() > scores[~same].max()
    assert [report.epoch for report in result.history] == list(range(1, 21))
    assert result.best_epoch == 20
    assert not result.stopped_early


def test_early_stopping_returns_the_best_epoch():
    values = iter([0.1, 0.3, 0.2, 0.25, 0.9])
    seen = []

    def validate(trained):
        seen.append(trained.arrays()["tables/query/user"].copy())
        return {"ndcg@20": next(values)}

    settings = train(epochs=10, early_stopping=EarlyStopping(metric="ndcg@20", patience=2))
    result = fit(dataset(), MODEL, train=settings, validate=validate)
    assert [r.validation for r in result.history] == [{"ndcg@20": v} for v in (0.1, 0.3, 0.2, 0.25)]
    assert result.best_epoch == 2
    assert result.stopped_early
    np.testing.assert_array_equal(result.trained.arrays()["tables/query/user"], seen[1])
    without = fit(dataset(), MODEL, train=train(epochs=2)).trained.arrays()
    np.testing.assert_array_equal(without["tables/query/user"], seen[1])


def test_early_stopping_needs_something_to_measure():
    settings = train(early_stopping=EarlyStopping())
    with pytest.raises(TrainingError, match="nothing to measure with"):
        fit(dataset(), MODEL, train=settings)
    with pytest.raises(TrainingError, match=r"'ndcg@20'.*one of recall@5"):
        fit(dataset(), MODEL, train=settings, validate=lambda trained: {"recall@5": 0.1})
