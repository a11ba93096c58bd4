"""Gradients against differences, in float64."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads


def rows(n: int, d: int, *, seed: int = 0) -> np.ndarray:
    """Random rows of numbers."""
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def check(call: Callable, *inputs: Any) -> None:
    """Compare the gradient in all arrays of the inputs with differences of the values."""
    arrays, rest = eqx.partition(inputs, eqx.is_inexact_array_like)

    def of_arrays(arrays: Any) -> jax.Array:
        return call(*eqx.combine(jax.tree.map(jnp.asarray, arrays), rest))

    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), arrays)
        check_grads(of_arrays, (wide,), order=1, modes=("rev",))
