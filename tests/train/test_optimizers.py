"""Each table optimizer equals optax's of the same name when every row is touched."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from turret.recipe import Train
from turret.train.optimizers import SGD, Adagrad, Adam, dense_optimizer, table_optimizer

PAIRS = {
    "sgd": (SGD(0.1), optax.sgd(0.1)),
    "adam": (Adam(0.1, epsilon=1e-7), optax.adam(0.1, eps=1e-7)),
    # optax adds epsilon inside of the root; with none the two formulas are one.
    "adagrad": (Adagrad(0.1, 0.1, 0.0), optax.adagrad(0.1, 0.1, eps=0.0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equals_its_dense_twin(name):
    sparse, dense = PAIRS[name]
    rng = np.random.default_rng(0)
    ours = jnp.asarray(rng.normal(size=(5, 3)).astype(np.float32))
    theirs: Any = ours
    slots, state = sparse.init(ours), dense.init(theirs)
    for step in range(1, 8):
        gradient = jnp.asarray(rng.normal(size=(5, 3)).astype(np.float32))
        ours, slots = sparse.update(gradient, rows=ours, slots=slots, step=jnp.int32(step))
        change, state = dense.update(gradient, state, theirs)
        theirs = optax.apply_updates(theirs, change)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_adagrad_by_hand():
    optimizer = Adagrad(0.1, initial_accumulator=0.1, epsilon=1e-7)
    rows, gradient = jnp.array([[1.0, 2.0]]), jnp.array([[0.5, 0.0]])
    slots = optimizer.init(rows)
    rows, slots = optimizer.update(gradient, rows=rows, slots=slots, step=jnp.int32(1))
    np.testing.assert_allclose(slots["accumulator"], [[0.35, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(rows, [[1 - 0.05 / np.sqrt(0.35), 2.0]], rtol=1e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_a_recipe_names_both(name):
    train = Train(optimizer=name, learning_rate=0.25)
    table: Any = table_optimizer(train)
    assert table.learning_rate == 0.25
    assert dense_optimizer(train) is dense_optimizer(Train(optimizer=name, learning_rate=0.25))
    gradient = {"w": jnp.array([2.0])}
    change: Any
    change, _ = dense_optimizer(train).update(gradient, dense_optimizer(train).init(gradient))
    want = {"sgd": -0.5, "adam": -0.25, "adagrad": -0.5 / np.sqrt(4.1)}[name]
    np.testing.assert_allclose(change["w"], [want], rtol=1e-5)


def test_equal_optimizers_are_equal_values():
    assert hash(Adagrad(0.1)) == hash(Adagrad(0.1))
    assert Adam(0.1) == Adam(0.1) != Adam(0.2)
    assert jax.tree.leaves(SGD(0.1).init(jnp.ones((2, 2)))) == []
