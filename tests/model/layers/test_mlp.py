"""Fully connected layers, with all that may follow each."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gradients import check, rows

from turret.errors import ModelError
from turret.model.layers.dropout import dropout
from turret.model.layers.mlp import MLP
from turret.model.layers.normalization import LayerNorm, RMSNorm
from turret.recipe.bodies.mlp import MLP as Config

SCALARS = {
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
}


def of(in_size: int, hidden: list[int], **options: Any) -> MLP:
    """Layers whose shifts and scales are no longer what they start with."""
    mlp = MLP(jax.random.key(3), in_size, config=Config(hidden, **options))
    return jax.tree.map(lambda x: x + 0.1 if x.ndim == 1 else x, mlp)


def oracle(mlp: MLP, x: np.ndarray) -> np.ndarray:
    """The formula, a row at a time."""
    config, out = mlp.config, []
    for row in x.astype(np.float64):
        for layer, norm in zip(mlp.layers, mlp.norms, strict=True):
            y = np.asarray(layer.weight, np.float64).T @ row + np.asarray(layer.bias)
            if isinstance(norm, LayerNorm):
                y = (y - y.mean()) / np.sqrt(y.var() + 1e-5)
                y = y * np.asarray(norm.scale) + np.asarray(norm.shift)
            elif isinstance(norm, RMSNorm):
                y = y / np.sqrt((y**2).mean() + 1e-5) * np.asarray(norm.scale)
            y = np.array([SCALARS[config.activation](one) for one in y])
            row = row + y if config.residual and len(row) == len(y) else y
        out.append(row)
    return np.array(out)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": "gelu"},
        {"activation": "silu", "norm": "rms"},
        {"activation": "tanh", "norm": "layer", "residual": True},
        {"norm": "rms", "residual": True, "dropout": 0.5},
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "plain",
)
def test_it_is_its_formula(options: dict[str, Any]):
    mlp, x = of(3, [5, 5], **options), rows(4, 3)
    np.testing.assert_allclose(mlp(jnp.asarray(x)), oracle(mlp, x), rtol=2e-5, atol=1e-6)
    check(lambda one, x: one(x), mlp, x)


def test_how_it_starts():
    mlp = MLP(jax.random.key(0), 3, config=Config([5, 2]))
    assert [layer.bias.tolist() for layer in mlp.layers] == [[0.0] * 5, [0.0] * 2]
    for layer, limit in zip(mlp.layers, (math.sqrt(6 / 8), math.sqrt(6 / 7)), strict=True):
        assert 0.7 * limit < np.abs(np.asarray(layer.weight)).max() <= limit


@pytest.mark.parametrize("norm", ["none", "layer", "rms"])
@pytest.mark.parametrize("activation", SCALARS)
def test_residual_layers_of_zeros_change_nothing(norm: Any, activation: Any):
    config = Config([4, 4], norm=norm, activation=activation, residual=True)
    mlp = MLP(jax.random.key(0), 4, config=config)
    x = jnp.asarray(rows(3, 4))
    np.testing.assert_array_equal(jax.tree.map(jnp.zeros_like, mlp)(x), x)


def test_residual_layers_without_two_equal_widths_are_refused():
    with pytest.raises(ModelError, match=r"got \[3, 4, 5\], expected two equal widths"):
        MLP(jax.random.key(0), 3, config=Config([4, 5], residual=True))


@pytest.mark.parametrize("norm", [LayerNorm, RMSNorm])
def test_a_norm_does_not_feel_the_length_of_a_row(norm: type[LayerNorm | RMSNorm]):
    x = jnp.asarray(rows(3, 8))
    np.testing.assert_allclose(norm(8)(100 * x), norm(8)(x), rtol=1e-3, atol=1e-4)


def test_dropout_keeps_the_mean_and_the_share():
    x = jnp.full((100, 100), 3.0)
    out = np.asarray(dropout(x, 0.25, key=jax.random.key(0)))
    assert set(np.unique(out)) == {0.0, 4.0}
    # 10,000 coins: the standard deviation of the share is 0.0043.
    assert abs((out == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(out, dropout(x, 0.25, key=jax.random.key(0)))
    assert (out != np.asarray(dropout(x, 0.25, key=jax.random.key(1)))).any()
    assert dropout(x, 0.25, key=None) is x and dropout(x, 0.0, key=jax.random.key(0)) is x


def test_the_layers_drop_different_numbers_and_none_without_a_key():
    mlp = MLP(jax.random.key(0), 64, config=Config([64, 64], dropout=0.5, residual=True))
    ones = [jnp.eye(64) for _ in mlp.layers]
    mlp = eqx.tree_at(lambda one: [layer.weight for layer in one.layers], mlp, ones)
    x = jnp.ones((1, 64))
    np.testing.assert_array_equal(mlp(x), 4 * x)
    # A layer doubles what it keeps: 1 -> 1 or 3, then 1, 3 or 9 by which of the two it was.
    out = np.asarray(mlp(x, key=jax.random.key(5)))[0]
    assert set(out) == {1.0, 3.0, 9.0}


def test_without_dropout_a_key_changes_nothing():
    mlp, x = of(3, [4]), jnp.asarray(rows(2, 3))
    np.testing.assert_array_equal(mlp(x, key=jax.random.key(0)), mlp(x))
