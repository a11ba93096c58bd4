"""Each table optimizer equals its dense twin, and leaves what a batch does not touch alone.

The twins compute in float64: in float32 optax's `1 - b2**t` is right to four digits only.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from turret.model.tables import gather, scatter
from turret.recipe.features.categorical import Categorical
from turret.recipe.towers import Tower, TwoTower
from turret.train.optimizers.adagrad import Adagrad, RowwiseAdagrad
from turret.train.optimizers.adam import Adam
from turret.train.optimizers.base import TableOptimizer
from turret.train.optimizers.decay import DecoupledDecay
from turret.train.optimizers.sgd import SGD
from turret.train.optimizers.tables import table_rates, update_tables


def rowwise_adagrad(learning_rate: float, accumulator: float, epsilon: float):
    """Row-wise Adagrad on a whole table, written out: optax has none."""

    def init(table):
        return jnp.full((table.shape[0], 1), accumulator)

    def update(gradient, state, _):
        state = state + jnp.mean(gradient**2, axis=1, keepdims=True)
        return -learning_rate * gradient / (jnp.sqrt(state) + epsilon), state

    return optax.GradientTransformation(init, update)  # pyright: ignore[reportArgumentType]


TWINS: dict[str, tuple[TableOptimizer, optax.GradientTransformation]] = {
    "sgd": (SGD(), optax.sgd(0.1)),
    # optax adds epsilon inside of the root; with none the two formulas are one.
    "adagrad": (Adagrad(0.1, epsilon=0.0), optax.adagrad(0.1, 0.1, eps=0.0)),
    "rowwise": (RowwiseAdagrad(0.2, epsilon=0.01), rowwise_adagrad(0.1, 0.2, 0.01)),
    "adam": (Adam(epsilon=1e-7), optax.adam(0.1, eps=1e-7)),
    "adam without momentum": (Adam(b1=0.0, b2=0.9), optax.adam(0.1, b1=0.0, b2=0.9, eps=1e-7)),
    "adamw": (
        DecoupledDecay(Adam(0.8, 0.95), weight_decay=0.3),
        optax.adamw(0.1, b1=0.8, b2=0.95, eps=1e-7, weight_decay=0.3),
    ),
}


class Twin:
    """A dense optimizer and the parameters it moves, in float64."""

    def __init__(self, optimizer: optax.GradientTransformation, start: np.ndarray):
        self.optimizer = optimizer
        with jax.enable_x64(True):
            self.parameters: Any = jnp.asarray(start, jnp.float64)
            self.state = optimizer.init(self.parameters)

    def step(self, gradient: np.ndarray) -> None:
        with jax.enable_x64(True):
            one: Any = jnp.asarray(gradient, jnp.float64)
            change, self.state = self.optimizer.update(one, self.state, self.parameters)
            self.parameters = optax.apply_updates(self.parameters, change)


@pytest.mark.parametrize("name", TWINS)
def test_a_row_moves_as_under_its_dense_twin(name: str):
    """Under the twin that is given the steps that touch the row, and where all are, under it."""
    sparse, dense = TWINS[name]
    rng = np.random.default_rng(0)
    start = rng.normal(size=(6, 3)).astype(np.float32)
    table: Any = jnp.asarray(start)
    slots = {"table": sparse.init(table)}
    twins = [Twin(dense, row[None]) for row in start]
    steps_of_row = np.zeros(6, int)
    for step in range(12):
        # Row 0 in each step, row 5 in none, the others in some; padding is one past the end.
        rows = np.flatnonzero(rng.random(6) < [1, 0.5, 0.5, 0.3, 0.2, 0]).astype(np.int32)
        gradient = rng.normal(size=(8, 3)).astype(np.float32)
        padded = jnp.asarray(np.pad(rows, (0, 8 - len(rows)), constant_values=6))
        before, slots_before = np.array(table), jax.tree.map(np.array, slots)
        updated = update_tables(
            sparse,
            tables={"table": table},
            slots=slots,
            touched={"table": gather(table, padded)},
            gradient={"table": jnp.asarray(gradient)},
            rows={"table": padded},
            learning_rate={"table": jnp.array(0.1)},
        )
        table, slots = updated.tables["table"], updated.slots
        after = np.array(table)
        np.testing.assert_array_equal(np.array(updated.rows["table"])[: len(rows)], after[rows])
        for row, one in zip(rows, gradient, strict=False):
            twins[row].step(one[None])
            steps_of_row[row] += 1
        untouched = np.setdiff1d(np.arange(6), rows)
        np.testing.assert_array_equal(after[untouched], before[untouched])
        for key, slot in slots["table"].items():
            was = slots_before["table"][key]
            np.testing.assert_array_equal(np.array(slot)[untouched], was[untouched])
        assert step < 11 or (steps_of_row[0] == 12 and steps_of_row[5] == 0)
    want = np.concatenate([twin.parameters for twin in twins])
    np.testing.assert_allclose(table, want, rtol=1e-5, atol=1e-6)
    assert len(set(steps_of_row)) >= 4


@pytest.mark.parametrize("name", TWINS)
def test_a_step_on_the_whole_table_is_the_dense_step(name: str):
    sparse, dense = TWINS[name]
    rng = np.random.default_rng(1)
    ours = jnp.asarray(rng.normal(size=(5, 3)).astype(np.float32))
    twin, slots = Twin(dense, np.array(ours)), {"t": sparse.init(ours)}
    for _ in range(7):
        gradient = rng.normal(size=(5, 3)).astype(np.float32)
        updated = update_tables(
            sparse,
            tables={"t": ours},
            slots=slots,
            touched={"t": ours},
            gradient={"t": jnp.asarray(gradient)},
            rows={"t": None},
            learning_rate={"t": jnp.array(0.1)},
        )
        ours, slots = updated.tables["t"], updated.slots
        twin.step(gradient)
    np.testing.assert_allclose(ours, twin.parameters, rtol=1e-5, atol=1e-6)


def test_adagrad_by_hand():
    rows, gradient = jnp.array([[1.0, 2.0]]), jnp.array([[0.5, 0.0]])
    for optimizer, accumulator in (
        (Adagrad(0.1, 1e-7), [[0.35, 0.1]]),
        (RowwiseAdagrad(0.1, 1e-7), [0.225]),
    ):
        slots = optimizer.init(rows)
        moved, slots = optimizer.update(
            gradient, rows=rows, slots=slots, learning_rate=jnp.array(0.1)
        )
        np.testing.assert_allclose(slots["accumulator"], accumulator, rtol=1e-6)
        first = np.ravel(accumulator)[0]
        np.testing.assert_allclose(moved, [[1 - 0.05 / np.sqrt(first), 2.0]], rtol=1e-6)


def test_row_wise_state_is_one_number_a_row():
    slots = RowwiseAdagrad().init(jnp.ones((7, 5)))
    assert {key: slot.shape for key, slot in slots.items()} == {"accumulator": (7,)}


def test_equal_optimizers_are_equal_values():
    for make in (
        lambda x: Adagrad(x),
        lambda x: RowwiseAdagrad(x),
        lambda x: Adam(x),
        lambda x: DecoupledDecay(Adam(), x),
    ):
        assert hash(make(0.5)) == hash(make(0.5))
        assert make(0.5) == make(0.5) != make(0.25)
    assert SGD() == SGD()


def test_tables_rates_are_their_features():
    def feature(column: str) -> Categorical:
        return Categorical(column, table="shared", learning_rate=0.5)

    query = Tower([feature("first"), Categorical("own", learning_rate=0.0)])
    model = TwoTower(query=query, candidate=Tower([feature("second"), Categorical("other")]))
    assert table_rates(model) == {"shared": 0.5, "query/own": 0.0, "candidate/other": 1.0}


def test_scatter_keeps_what_it_gathered():
    counts = jnp.arange(4, dtype=jnp.int32)
    rows = jnp.array([2, 0, 4], jnp.int32)
    np.testing.assert_array_equal(gather(counts, rows), [2, 0, 3])
    np.testing.assert_array_equal(scatter(counts, rows, jnp.array([7, 8, 9])), [8, 1, 7, 3])
