"""Clipping of the gradient by its global norm."""

from typing import TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

__all__ = ["clip"]

Gradient = TypeVar("Gradient")


def clip(gradient: Gradient, max_norm: Float[Array, ""]) -> Gradient:
    """Shorten a gradient to a norm that it exceeds: `g <- g min(1, max_norm / ||g||)`.

    The norm is the Euclidean one over all leaves together. Of tables these are the rows that a
    batch touches; every other row's gradient is zero, so the norm is that of the whole gradient.

    Args:
        gradient: Any tree of arrays.
        max_norm: The largest norm it may keep.

    Returns:
        The gradient, itself where it is short enough.

    Example:
        >>> import jax.numpy as jnp
        >>> clip({"a": jnp.array([3.0]), "b": jnp.array([-4.0])}, jnp.array(2.5))["b"].tolist()
        [-2.0]

    Reference:
        Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
        ICML 2013.
    """
    norm = optax.tree.norm(gradient)
    factor = jnp.where(norm > max_norm, max_norm / norm, 1.0)
    return jax.tree.map(lambda leaf: leaf * factor, gradient)
