"""Normalisation of each row by itself: by mean and variance, or by mean square."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from turret.recipe.bodies.mlp import Norm

__all__ = ["LayerNorm", "RMSNorm", "normalization"]

_EPSILON = 1e-5


class LayerNorm(eqx.Module):
    """`(x - mean(x)) / sqrt(var(x) + 1e-5) * scale + shift`, over the numbers of a row.

    Attributes:
        scale: One at the start.
        shift: Zero at the start.

    Example:
        >>> LayerNorm(2)(jnp.array([[1.0, 3.0], [2.0, 2.0]])).round(3).tolist()
        [[-1.0, 1.0], [0.0, 0.0]]

    Reference:
        Ba, Kiros and Hinton, "Layer normalization", 2016.
    """

    scale: Float[Array, " d"]
    shift: Float[Array, " d"]

    def __init__(self, size: int):
        """Make one for rows of `size` numbers."""
        self.scale, self.shift = jnp.ones(size), jnp.zeros(size)

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """Normalise each row."""
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + _EPSILON) * self.scale + self.shift


class RMSNorm(eqx.Module):
    """`x / sqrt(mean(x^2) + 1e-5) * scale`, over the numbers of a row.

    Attributes:
        scale: One at the start.

    Example:
        >>> RMSNorm(2)(jnp.array([[3.0, 3.0], [0.0, 0.0]])).round(3).tolist()
        [[1.0, 1.0], [0.0, 0.0]]

    Reference:
        Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019.
    """

    scale: Float[Array, " d"]

    def __init__(self, size: int):
        """Make one for rows of `size` numbers."""
        self.scale = jnp.ones(size)

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """Normalise each row."""
        square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
        return x * jax.lax.rsqrt(square + _EPSILON) * self.scale


def normalization(kind: Norm, size: int) -> LayerNorm | RMSNorm | None:
    """The normalisation of that name, for rows of `size` numbers; None for "none"."""
    return {"none": lambda _: None, "layer": LayerNorm, "rms": RMSNorm}[kind](size)
