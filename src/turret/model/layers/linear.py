"""A linear layer."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

__all__ = ["Linear"]


class Linear(eqx.Module):
    """A linear map and a shift: `x W + b`.

    Attributes:
        weight: Glorot-uniform at the start.
        bias: Zero at the start.

    Example:
        >>> layer = Linear(jax.random.key(0), 3, 2)
        >>> layer(jnp.zeros((4, 3))).shape
        (4, 2)
    """

    weight: Float[Array, "in_ out"]
    bias: Float[Array, " out"]

    def __init__(self, key: PRNGKeyArray, in_size: int, out_size: int):
        """Make a layer from `in_size` numbers to `out_size`."""
        self.weight = jax.nn.initializers.glorot_uniform()(key, (in_size, out_size))
        self.bias = jnp.zeros(out_size)

    def __call__(self, x: Float[Array, "n in_"]) -> Float[Array, "n out"]:
        """Apply it to each row."""
        return x @ self.weight + self.bias
