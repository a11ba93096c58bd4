"""Optimizers: updates of embedding tables that touch only the rows of a batch.

Dense parameters use optax. A table's optimizer sees the gathered rows of the table, of its own
state, and of the gradient, and returns new rows; the step scatters them back. So no update costs
more for a larger table.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int32

from turret.recipe import Train

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "Slots",
    "TableOptimizer",
    "dense_optimizer",
    "table_optimizer",
]

Slots = dict[str, Float[Array, "..."]]
"""State of a table's optimizer: arrays of which the first axis is the table's rows."""


@runtime_checkable
class TableOptimizer(Protocol):
    """Two pure functions; hashable by value, so that equal optimizers share a compiled step."""

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """The state before the first step, for a whole table."""
        ...

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        step: Int32[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """New rows and their new state, given the gathered ones; `step` counts from 1."""
        ...


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: `x <- x - lr g`. No state."""

    learning_rate: float

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """Nothing to keep."""
        return {}

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        step: Int32[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows."""
        return rows - self.learning_rate * gradient, slots


@dataclass(frozen=True)
class Adagrad:
    """Adagrad: `a <- a + g^2`, `x <- x - lr g / (sqrt(a) + epsilon)`.

    State: "accumulator", of the table's shape.

    Reference:
        Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
        optimization", JMLR 2011.
    """

    learning_rate: float
    initial_accumulator: float = 0.1
    epsilon: float = 1e-7

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """The accumulator at its initial value."""
        return {"accumulator": jnp.full_like(table, self.initial_accumulator)}

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        step: Int32[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows."""
        accumulator = slots["accumulator"] + jnp.square(gradient)
        rows = rows - self.learning_rate * gradient / (jnp.sqrt(accumulator) + self.epsilon)
        return rows, {"accumulator": accumulator}


@dataclass(frozen=True)
class Adam:
    """Adam: `m <- b1 m + (1-b1) g`, `v <- b2 v + (1-b2) g^2`, `x <- x - lr m'/(sqrt(v')+epsilon)`.

    `m'` and `v'` are corrected for their start at zero by the number of steps of the whole
    training. A row that a batch does not touch keeps its moments: for it, time stands still. State:
    "first" and "second", of the table's shape.

    Reference:
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    learning_rate: float
    b1: float = 0.9
    b2: float = 0.999
    epsilon: float = 1e-7

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """Both moments at zero."""
        return {"first": jnp.zeros_like(table), "second": jnp.zeros_like(table)}

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        step: Int32[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows."""
        first = self.b1 * slots["first"] + (1 - self.b1) * gradient
        second = self.b2 * slots["second"] + (1 - self.b2) * jnp.square(gradient)
        mean = first / (1 - self.b1**step)
        root = jnp.sqrt(second / (1 - self.b2**step))
        rows = rows - self.learning_rate * mean / (root + self.epsilon)
        return rows, {"first": first, "second": second}


def table_optimizer(train: Train) -> TableOptimizer:
    """The optimizer of embedding tables that a recipe names."""
    match train.optimizer:
        case "sgd":
            return SGD(train.learning_rate)
        case "adagrad":
            return Adagrad(train.learning_rate, train.initial_accumulator, train.epsilon)
        case "adam":
            return Adam(train.learning_rate, epsilon=train.epsilon)


@lru_cache
def dense_optimizer(train: Train) -> optax.GradientTransformation:
    """The optimizer of dense parameters that a recipe names: optax's of the same name.

    Equal recipes get the same object, so that they share a compiled step.
    """
    match train.optimizer:
        case "sgd":
            return optax.sgd(train.learning_rate)
        case "adagrad":
            return optax.adagrad(
                train.learning_rate,
                initial_accumulator_value=train.initial_accumulator,
                eps=train.epsilon,
            )
        case "adam":
            return optax.adam(train.learning_rate, eps=train.epsilon)
