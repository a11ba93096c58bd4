"""Dropout: numbers left out at random while training."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

__all__ = ["dropout"]


def dropout(
    x: Float[Array, "n d"], rate: float, *, key: PRNGKeyArray | None
) -> Float[Array, "n d"]:
    """Set each number to 0 with probability `rate`, and divide the others by `1 - rate`.

    So a number is expected to stay what it is.

    Args:
        x: Rows of numbers.
        rate: The share to leave out, at least 0 and below 1.
        key: Which ones; None leaves none out, as everywhere but in a training step.

    Returns:
        Rows of the same shape.

    Example:
        >>> dropout(jnp.ones((1, 4)), 0.5, key=None).tolist()
        [[1.0, 1.0, 1.0, 1.0]]

    Reference:
        Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
        JMLR 2014.
    """
    if key is None or rate == 0:
        return x
    kept = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0.0)
