"""The step: only touched rows change, and it equals a dense step written out."""

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from turret.data.batch import Batch
from turret.data.dataset import Dataset
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.state import train_step
from turret.train.trainer import prepare

MODEL = TwoTower(
    query=Tower([Categorical("user")]), candidate=Tower([Categorical("item")]), embedding_dim=4
)


def dataset(events: int = 300) -> Dataset:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "user": [f"u{i:03}" for i in rng.integers(0, 80, events)],
            "item": [f"i{i:03}" for i in rng.integers(0, 50, events)],
        }
    )
    return Dataset.from_frames(frame, query_id="user", candidate_id="item")


def touched_rows(batch: Batch, name: str, table: np.ndarray) -> np.ndarray:
    rows = batch.table_rows[name]
    assert rows is not None
    return rows[rows < len(table)]


def host(state):
    return {name: np.array(table) for name, table in state.parameters.tables.items()}


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_only_touched_rows_and_their_state_change(optimizer):
    train = Train(batch_size=20, optimizer=optimizer)
    batches, state = prepare(dataset(), MODEL, loss=Softmax(), train=train)
    state, _ = train_step(state, batches(0))
    before, slots = host(state), jax.tree.map(np.array, state.slots)
    batch = batches(1)
    state, _ = train_step(state, batch)
    assert int(state.step) == 2
    for name, table in host(state).items():
        touched = np.zeros(len(table), bool)
        touched[touched_rows(batch, name, table)] = True
        assert 0 < touched.sum() < len(table)
        np.testing.assert_array_equal(table[~touched], before[name][~touched])
        assert (table[touched] != before[name][touched]).any(axis=1).all()
        for key, slot in state.slots[name].items():
            np.testing.assert_array_equal(slot[~touched], slots[name][key][~touched])


def dense_loss(tables, data, regularization=0.0):
    """The full softmax over all training candidates, on whole tables."""
    events = data.interactions
    queries = tables["query/user"][1:]
    candidates = tables["candidate/item"][1:]
    scores = queries[events.query_row] @ candidates.T
    share = jax.nn.log_softmax(scores, axis=1)
    loss = -jnp.mean(share[jnp.arange(len(events)), events.candidate_row])
    squares = sum(jnp.sum(jnp.square(table)) for table in tables.values())
    return loss + 0.5 * regularization * squares


@pytest.mark.parametrize("regularization", [0.0, 0.3])
def test_a_step_over_everything_is_the_dense_step(regularization):
    data = dataset()
    train = Train(
        batch_size=1000, optimizer="sgd", learning_rate=0.5, regularization=regularization
    )
    loss = Softmax(candidates="all")
    batches, state = prepare(data, MODEL, loss=loss, train=train)
    before = {name: jnp.asarray(table) for name, table in host(state).items()}
    value, gradient = jax.value_and_grad(dense_loss)(before, data, regularization)
    state, losses = train_step(state, batches(0))
    np.testing.assert_allclose(losses.total_loss, value, rtol=1e-5)
    np.testing.assert_allclose(losses.loss, dense_loss(before, data), rtol=1e-5)
    for name, table in host(state).items():
        want = before[name] - 0.5 * gradient[name]
        np.testing.assert_allclose(table, want, rtol=1e-4, atol=1e-6)


def test_regularization_is_over_touched_rows_once_each():
    train = Train(batch_size=20, regularization=0.1)
    batches, state = prepare(dataset(), MODEL, loss=Softmax(), train=train)
    tables, batch = host(state), batches(0)
    want = 0.0
    for name, table in tables.items():
        want += 0.05 * np.square(table[touched_rows(batch, name, table)]).sum()
    _, losses = train_step(state, batch)
    np.testing.assert_allclose(losses.regularization_loss, want, rtol=1e-5)
    np.testing.assert_allclose(losses.total_loss, losses.loss + losses.regularization_loss)


def test_dense_parameters_are_trained_too():
    model = TwoTower(
        query=Tower([Categorical("user")], body=[MLP([8])]),
        candidate=Tower([Categorical("item")], body=[MLP([8])]),
        embedding_dim=4,
    )
    batches, state = prepare(
        dataset(), model, loss=Softmax(), train=Train(batch_size=300, learning_rate=0.1)
    )
    first = jax.tree.map(np.array, state.parameters.dense)
    losses = []
    for step in range(100):
        state, one = train_step(state, batches(step))
        losses.append(float(one.loss))
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), first, state.parameters.dense)
    assert all(jax.tree.leaves(changed))
    assert losses[-1] < 0.8 * losses[0]
