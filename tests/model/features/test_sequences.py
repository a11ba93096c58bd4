"""Learned pooling of histories, against plain loops, and what it must not look at."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from turret.model.features.sequences import AttentionPooling, Transformer

DIM, LENGTH = 4, 6
VECTORS = np.random.default_rng(0).normal(size=(3, 5, DIM)).astype(np.float32)
THERE = np.array([[False, False, True, True, True], [True] * 5, [False] * 5])


def with_random(module):
    leaves, tree = jax.tree.flatten(module)
    rng = np.random.default_rng(1)
    drawn = [jnp.asarray(rng.normal(size=leaf.shape, scale=0.5), jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(tree, drawn)


def transformer(layers: int = 2) -> Transformer:
    start = Transformer(jax.random.key(0), dim=DIM, length=LENGTH, layers=layers, heads=2)
    return with_random(start)


def softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


def slow_attention(module: AttentionPooling, row: int) -> np.ndarray:
    direction, place = np.asarray(module.direction, np.float64), np.asarray(module.place)
    at = np.flatnonzero(THERE[row])
    if len(at) == 0:
        return np.zeros(DIM)
    scores = [VECTORS[row, i] @ direction / 2.0 + place[LENGTH - 5 + i] for i in at]
    return softmax(np.array(scores)) @ VECTORS[row, at]


def slow_transformer(module: Transformer, row: int) -> np.ndarray:
    """Only the entries that are there exist; each looks at itself and those before it."""
    at = np.flatnonzero(THERE[row])
    if len(at) == 0:
        return np.zeros(DIM)
    x = [VECTORS[row, i] + np.asarray(module.place, np.float64)[LENGTH - 5 + i] for i in at]

    def normed(v: np.ndarray) -> np.ndarray:
        return v / np.sqrt((v**2).mean() + 1e-6)

    for layer in module.layers:
        out = []
        for i in range(len(x)):
            heads = []
            for part in (slice(0, 2), slice(2, 4)):
                query = (normed(x[i]) @ layer.query)[part]
                keys = [(normed(x[j]) @ layer.key)[part] for j in range(i + 1)]
                values = [(normed(x[j]) @ layer.value)[part] for j in range(i + 1)]
                shares = softmax(np.array([query @ key for key in keys]) / np.sqrt(2))
                heads.append(shares @ np.array(values))
            mixed = x[i] + np.concatenate(heads) @ layer.out
            inner = np.asarray(jax.nn.gelu(jnp.asarray(normed(mixed) @ layer.up)))
            out.append(mixed + inner @ layer.down)
        x = out
    return np.asarray(x[-1])


def test_attention_is_the_slow_one() -> None:
    module = with_random(AttentionPooling(dim=DIM, length=LENGTH))
    found = module(jnp.asarray(VECTORS), jnp.asarray(THERE))
    want = [slow_attention(module, row) for row in range(3)]
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_attention_starts_as_the_mean() -> None:
    found = AttentionPooling(dim=DIM, length=LENGTH)(jnp.asarray(VECTORS), jnp.asarray(THERE))
    np.testing.assert_allclose(found[0], VECTORS[0, 2:].mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], VECTORS[1].mean(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_transformer_is_the_slow_one(layers: int) -> None:
    module = transformer(layers)
    found = module(jnp.asarray(VECTORS), jnp.asarray(THERE))
    want = [slow_transformer(module, row) for row in range(3)]
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [transformer, lambda: AttentionPooling(dim=DIM, length=LENGTH)])
def test_padding_changes_nothing_and_has_no_gradient(make) -> None:
    module = make()
    there = jnp.asarray(THERE)

    def total(vectors: jax.Array) -> jax.Array:
        return jnp.sum(module(vectors, there) ** 2)

    gradient = jax.grad(total)(jnp.asarray(VECTORS))
    assert bool(jnp.isfinite(gradient).all())
    assert not np.asarray(gradient)[~THERE].any()
    short = module(jnp.asarray(VECTORS[:1, 2:]), there[:1, 2:])
    np.testing.assert_allclose(short[0], module(jnp.asarray(VECTORS), there)[0], rtol=1e-5)
