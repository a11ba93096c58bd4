"""The cross network: known answers, its formula, what it is at zero."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gradients import check, rows

from turret.model.layers.cross import CrossLayer, CrossNetwork
from turret.recipe.bodies.cross import CrossNetwork as Config

X0, X = jnp.array([[0.1, 0.2, 0.3]]), jnp.array([[0.4, 0.5, 0.6]])


def of_ones(*, bias: float = 0.0, diag_scale: float = 0.0) -> CrossLayer:
    layer = CrossLayer(jax.random.key(0), 3, diag_scale=diag_scale)
    values = ([jnp.ones((3, 3))], jnp.full(3, bias))
    return eqx.tree_at(lambda one: (one.weights, one.bias), layer, values)


@pytest.mark.parametrize(
    ("layer", "x", "want"),
    [
        (of_ones(), X, [0.55, 0.8, 1.05]),
        (of_ones(), X0, [0.16, 0.32, 0.48]),
        (of_ones(bias=1.0), X, [0.65, 1.0, 1.35]),
        (of_ones(diag_scale=1.0), X, [0.59, 0.9, 1.23]),
    ],
    ids=["two inputs", "one input", "bias", "diag_scale"],
)
def test_known_answers(layer: CrossLayer, x: jax.Array, want: list[float]):
    np.testing.assert_allclose(layer(X0, x), [want], rtol=1e-6)


def oracle(cross: CrossNetwork, x: np.ndarray, diag_scale: float) -> np.ndarray:
    """The formula, a row and a number at a time."""
    out = np.empty(x.shape)
    for n, x0 in enumerate(x.astype(np.float64)):
        now = x0.copy()
        for layer in cross.layers:
            matrix = np.asarray(layer.weights[0], np.float64)
            if len(layer.weights) == 2:
                matrix = matrix @ np.asarray(layer.weights[1], np.float64)
            matrix = matrix + diag_scale * np.eye(len(x0))
            before = now.copy()
            for i in range(len(x0)):
                dot = sum(before[j] * matrix[j, i] for j in range(len(x0)))
                now[i] = x0[i] * (dot + float(layer.bias[i])) + before[i]
        out[n] = now
    return out


@pytest.mark.parametrize("options", [{}, {"rank": 2}, {"rank": 3, "diag_scale": 0.5}], ids=str)
def test_it_is_its_formula(options: dict[str, Any]):
    cross = CrossNetwork(jax.random.key(1), 4, config=Config(layers=3, **options))
    biases = [layer.bias + 0.1 * place for place, layer in enumerate(cross.layers)]
    cross = eqx.tree_at(lambda one: [layer.bias for layer in one.layers], cross, biases)
    x = rows(5, 4)
    want = oracle(cross, x, options.get("diag_scale", 0.0))
    np.testing.assert_allclose(cross(jnp.asarray(x)), want, rtol=2e-5, atol=1e-6)
    check(lambda one, x: one(x), cross, x)
    sizes = [[w.shape for w in layer.weights] for layer in cross.layers]
    rank = options.get("rank")
    assert sizes == 3 * [[(4, 4)] if rank is None else [(4, rank), (rank, 4)]]


def test_at_zero_it_changes_nothing():
    cross = CrossNetwork(jax.random.key(0), 3, config=Config(layers=2))
    x = jnp.asarray(rows(4, 3))
    np.testing.assert_array_equal(jax.tree.map(jnp.zeros_like, cross)(x), x)
