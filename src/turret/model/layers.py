"""Layers: what a tower's body is made of."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

__all__ = ["MLP", "l2_normalize"]

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "tanh": jnp.tanh,
}


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


class MLP(eqx.Module):
    """Fully connected layers: `x -> act(x W1 + b1) -> ... -> x Wn + bn`.

    Attributes:
        weights: One `[in, out]` matrix a layer, Glorot-uniform at the start.
        biases: One `[out]` vector a layer, zero at the start.
        activation: Name of the activation.
    """

    weights: list[Float[Array, "in_ out"]]
    biases: list[Float[Array, " out"]]
    activation: str = eqx.field(static=True)

    def __init__(self, key: PRNGKeyArray, widths: tuple[int, ...], *, activation: str):
        """Make layers of the given widths, the input's first and the output's last."""
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        glorot = jax.nn.initializers.glorot_uniform()
        keys = jax.random.split(key, len(pairs))
        self.weights = [glorot(k, shape) for k, shape in zip(keys, pairs, strict=True)]
        self.biases = [jnp.zeros(width) for width in widths[1:]]
        self.activation = activation

    def __call__(self, x: Float[Array, "n in_"]) -> Float[Array, "n out"]:
        """Apply the layers to each row."""
        act = _ACTIVATIONS[self.activation]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = act(x @ weight + bias)
        return x @ self.weights[-1] + self.biases[-1]
