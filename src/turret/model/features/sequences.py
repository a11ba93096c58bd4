"""Pooling of a history whose weights are learned: attention, and a small causal transformer.

Both take the vectors of a history's entries, the most recent last, and tell places by how far they
are from the end, so that a shorter history is read as the end of a longer one.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

__all__ = ["AttentionPooling", "Transformer"]


class AttentionPooling(eqx.Module):
    """A mean with learned weights: `sum_l a_l v_l`, `a = softmax_l(v_l . u / sqrt(dim) + b_l)`.

    It starts as the plain mean.

    Attributes:
        direction: `u`, what makes a candidate count more.
        place: `b`, for each place, the most recent last.

    Example:
        >>> vectors, there = jnp.ones((1, 3, 2)), jnp.array([[False, True, True]])
        >>> AttentionPooling(dim=2, length=5)(vectors, there).tolist()
        [[1.0, 1.0]]
    """

    direction: Float[Array, " dim"]
    place: Float[Array, " length"]

    def __init__(self, *, dim: int, length: int):
        """Make one for vectors of `dim` numbers and histories of at most `length`."""
        self.direction, self.place = jnp.zeros(dim), jnp.zeros(length)

    def __call__(
        self, vectors: Float[Array, "n l dim"], there: Bool[Array, "n l"]
    ) -> Float[Array, "n dim"]:
        """Pool the vectors of each row that are there; zero where none is."""
        scores = vectors @ self.direction / math.sqrt(vectors.shape[-1])
        scores = scores + self.place[len(self.place) - vectors.shape[1] :]
        return jnp.einsum("nl,nld->nd", _shares(scores, there), vectors)


class _Layer(eqx.Module):
    """Attention and a feed-forward layer, each behind a norm and beside a residual."""

    query: Float[Array, "dim dim"]
    key: Float[Array, "dim dim"]
    value: Float[Array, "dim dim"]
    out: Float[Array, "dim dim"]
    up: Float[Array, "dim wide"]
    down: Float[Array, "wide dim"]
    heads: int = eqx.field(static=True)

    def __init__(self, key: PRNGKeyArray, *, dim: int, heads: int):
        glorot, keys = jax.nn.initializers.glorot_uniform(), jax.random.split(key, 6)
        self.query, self.key, self.value, self.out = (glorot(k, (dim, dim)) for k in keys[:4])
        self.up, self.down = glorot(keys[4], (dim, 2 * dim)), glorot(keys[5], (2 * dim, dim))
        self.heads = heads

    def __call__(
        self, x: Float[Array, "n l dim"], there: Bool[Array, "n l"], *, last: int
    ) -> Float[Array, "n m dim"]:
        """What the last places become; each looks at those before it and at itself."""
        places = x.shape[1]
        normed, asking = _normed(x), _normed(x[:, -last:])
        query, key, value = (
            part.reshape(*part.shape[:2], self.heads, -1)
            for part in (asking @ self.query, normed @ self.key, normed @ self.value)
        )
        scores = jnp.einsum("nqhd,nkhd->nhqk", query, key) / math.sqrt(query.shape[-1])
        earlier = jnp.arange(places) <= jnp.arange(places - last, places)[:, None]
        shares = _shares(scores, there[:, None, None, :] & earlier)
        mixed = jnp.einsum("nhqk,nkhd->nqhd", shares, value).reshape(asking.shape)
        x = x[:, -last:] + mixed @ self.out
        return x + jax.nn.gelu(_normed(x) @ self.up) @ self.down


class Transformer(eqx.Module):
    """A causal transformer, of which the last place is read.

    Layers are pre-norm, with a root-mean-square norm without parameters, and twice as wide inside.

    Attributes:
        place: A vector for each place, the most recent last, added to the candidates' vectors.
        layers: The layers.

    Reference:
        Kang and McAuley (2018), Self-Attentive Sequential Recommendation,
        https://doi.org/10.1109/ICDM.2018.00035.
    """

    place: Float[Array, "length dim"]
    layers: list[_Layer]

    def __init__(self, key: PRNGKeyArray, *, dim: int, length: int, layers: int, heads: int):
        """Make one for vectors of `dim` numbers and histories of at most `length`."""
        keys = jax.random.split(key, layers + 1)
        self.place = 0.02 * jax.random.normal(keys[0], (length, dim))
        self.layers = [_Layer(one, dim=dim, heads=heads) for one in keys[1:]]

    def __call__(
        self, vectors: Float[Array, "n l dim"], there: Bool[Array, "n l"]
    ) -> Float[Array, "n dim"]:
        """What the last place of each row becomes; zero where no vector is there."""
        places = vectors.shape[1]
        x = vectors + self.place[len(self.place) - places :]
        for layer in self.layers[:-1]:
            x = layer(x, there, last=places)
        x = self.layers[-1](x, there, last=1)[:, 0]
        return jnp.where(there.any(axis=1, keepdims=True), x, 0.0)


def _shares(scores: Float[Array, "*n l"], there: Bool[Array, "*#n l"]) -> Float[Array, "*n l"]:
    """A softmax over what is there; all zero where nothing is."""
    some = there | ~there.any(axis=-1, keepdims=True)
    return jnp.where(there, jax.nn.softmax(scores, axis=-1, where=some), 0.0)


def _normed(x: Float[Array, "*n dim"]) -> Float[Array, "*n dim"]:
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6)
