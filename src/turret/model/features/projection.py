"""A learned linear projection of a feature's numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

__all__ = ["Projection"]


class Projection(eqx.Module):
    """Numbers to a vector: `x W + b`.

    Attributes:
        weight: Glorot-uniform at the start.
        bias: Zero at the start.
    """

    weight: Float[Array, "m dim"]
    bias: Float[Array, " dim"]

    def __init__(self, key: PRNGKeyArray, *, num_values: int, dim: int):
        """Make a projection of `num_values` numbers to `dim`."""
        self.weight = jax.nn.initializers.glorot_uniform()(key, (num_values, dim))
        self.bias = jnp.zeros(dim)

    def __call__(self, values: Float[Array, "n m"]) -> Float[Array, "n dim"]:
        """Project each row."""
        return values @ self.weight + self.bias
