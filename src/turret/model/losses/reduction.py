"""From the sum over the pairs of a batch to their mean."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["weighted_mean"]


def weighted_mean(total: Float[Array, ""], weights: Float[Array, " p"]) -> Float[Array, ""]:
    """Divide a weighted sum by the sum of its weights.

    Args:
        total: The sum over the pairs, each times its weight.
        weights: The weights; a pair of padding has 0.

    Returns:
        The mean; 0, with a gradient of 0, for a batch of which all weights are 0.

    Example:
        >>> weighted_mean(jnp.array(6.0), jnp.array([1.0, 2.0])).item()
        2.0
        >>> weighted_mean(jnp.array(0.0), jnp.zeros(2)).item()
        0.0
    """
    weight = jnp.sum(weights)
    return total / jnp.where(weight > 0, weight, 1.0)
