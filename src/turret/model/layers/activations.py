"""What follows a hidden layer, number by number."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from turret.recipe.bodies.mlp import Activation

__all__ = ["ACTIVATIONS"]

ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
}
"""`max(x, 0)`; `x Phi(x)` in its tanh form; `x / (1 + exp(-x))`; the hyperbolic tangent."""
