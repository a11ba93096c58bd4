"""Modules of the kinds that a user may bring, good ones and others."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from turret.model.bodies.row import TowerRow


class Gated(eqx.Module):
    """`tanh(x W) * sigmoid(x G)`, with dropout; holds a function, a setting and a module."""

    value: eqx.nn.Linear
    gate: eqx.nn.Linear
    dropout: eqx.nn.Dropout
    activation: Callable

    def __init__(
        self, *, in_size: int, out_size: int, key: PRNGKeyArray, dropout: float = 0.0
    ) -> None:
        """Draw two matrices."""
        keys = jax.random.split(key)
        self.value = eqx.nn.Linear(in_size, out_size, key=keys[0])
        self.gate = eqx.nn.Linear(in_size, out_size, key=keys[1])
        self.dropout, self.activation = eqx.nn.Dropout(dropout), jnp.tanh

    def __call__(
        self, x: Float[Array, " in_"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, " out"]:
        """One row."""
        y = self.activation(self.value(x)) * jax.nn.sigmoid(self.gate(x))
        return self.dropout(y, key=key)


class Weighted(eqx.Module):
    """A whole tower: a weight a feature, and the unpooled rows of one of them."""

    weights: dict[str, Float[Array, ""]]
    out: eqx.nn.Linear
    of: str = eqx.field(static=True)

    def __init__(
        self, *, in_size: Mapping[str, int], out_size: int, of: str, key: PRNGKeyArray
    ) -> None:
        """One weight for each feature."""
        self.weights = {name: jnp.ones(()) for name in in_size}
        self.out = eqx.nn.Linear(in_size[of], out_size, use_bias=False, key=key)
        self.of = of

    def __call__(self, row: TowerRow, *, key: PRNGKeyArray | None = None) -> Float[Array, " out"]:
        """One row."""
        rows = jnp.atleast_1d(row.encoded[f"{self.of}/rows"])
        largest = jnp.max(row.tables[self.of][rows], axis=0)
        mixed = sum(self.weights[name] * vector for name, vector in row.vectors.items())
        return self.out(largest) + mixed


class _Plain(eqx.Module):
    weight: Float[Array, "in_ out"]

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        self.weight = jax.random.normal(key, (in_size, out_size))

    def __call__(self, x: Float[Array, " in_"], *, key: PRNGKeyArray | None = None) -> Any:
        return x @ self.weight


class Wide(_Plain):
    """Gives one number too many."""

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """One too many."""
        super().__init__(in_size=in_size, out_size=out_size + 1, key=key)


class Scalar(_Plain):
    """Gives a number instead of a vector."""

    def __call__(self, x: Float[Array, " in_"], *, key: PRNGKeyArray | None = None) -> Array:
        """The sum."""
        return jnp.sum(x @ self.weight)


class Pair(_Plain):
    """Gives two vectors."""

    def __call__(self, x: Float[Array, " in_"], *, key: PRNGKeyArray | None = None) -> Any:
        """Twice the same."""
        return x @ self.weight, x @ self.weight


class Failing(_Plain):
    """Fails when it is called."""

    def __call__(self, x: Float[Array, " in_"], *, key: PRNGKeyArray | None = None) -> Array:
        """Fail."""
        raise ValueError("no such thing")


class Whole(_Plain):
    """Holds whole numbers, which no gradient trains."""

    order: Array

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """Draw an order."""
        super().__init__(in_size=in_size, out_size=out_size, key=key)
        self.order = jax.random.permutation(key, out_size)


class Odd(_Plain):
    """Holds a thing that is neither parameter nor setting."""

    allowed: set[int]

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """Keep a set."""
        super().__init__(in_size=in_size, out_size=out_size, key=key)
        self.allowed = {1, 2}


class Double(_Plain):
    """Holds numbers that NumPy drew, in float64."""

    shift: np.ndarray

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """Draw a shift."""
        super().__init__(in_size=in_size, out_size=out_size, key=key)
        self.shift = np.random.default_rng(0).normal(size=out_size)


class Static(_Plain):
    """Holds an array in a static field."""

    shift: np.ndarray = eqx.field(static=True)

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """Keep an array."""
        super().__init__(in_size=in_size, out_size=out_size, key=key)
        self.shift = np.arange(3)


class Moody(_Plain):
    """Holds a setting that its options do not determine."""

    rate: float

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """Draw a rate."""
        super().__init__(in_size=in_size, out_size=out_size, key=key)
        self.rate = random.random()


class Concrete(_Plain):
    """Reads the values of its arrays while it is made."""

    largest: float

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """Keep the largest weight."""
        super().__init__(in_size=in_size, out_size=out_size, key=key)
        self.largest = float(self.weight.max())


class Stateful(_Plain):
    """Holds the state of a batch norm."""

    norm: eqx.nn.BatchNorm

    def __init__(self, *, in_size: int, out_size: int, key: PRNGKeyArray) -> None:
        """Make one."""
        super().__init__(in_size=in_size, out_size=out_size, key=key)
        self.norm = eqx.nn.BatchNorm(out_size, "batch", mode="ema")


class NoModule:
    """Not a module at all."""
