"""Scaling vectors to length 1."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["l2_normalize"]


def l2_normalize(x: Float[Array, "*batch d"]) -> Float[Array, "*batch d"]:
    """Scale each vector to length 1: `x / ||x||_2`.

    The zero vector stays zero, with the identity as its derivative: the plain quotient would be 0/0
    there, and its gradient NaN even where the result is masked afterwards, so the norm is replaced
    before the root is taken.

    Args:
        x: Vectors along the last axis.

    Returns:
        Vectors of the same shape and dtype.

    Example:
        >>> import jax.numpy as jnp
        >>> l2_normalize(jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    square = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.where(square > 0, square, 1.0))
