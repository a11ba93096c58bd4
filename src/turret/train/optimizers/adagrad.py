"""Adagrad, with one accumulator a number or one a row."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from turret.train.optimizers.base import Slots

__all__ = ["Adagrad", "RowwiseAdagrad"]


@dataclass(frozen=True)
class Adagrad:
    """Adagrad: `a <- a + g^2`, `x <- x - lr g / (sqrt(a) + epsilon)`.

    State: "accumulator", of the table's shape.

    Attributes:
        initial_accumulator: Where `a` starts.
        epsilon: Keeps the denominator above zero.

    Example:
        >>> import jax.numpy as jnp
        >>> rows, optimizer = jnp.array([[1.0, 2.0]]), Adagrad(initial_accumulator=0.0)
        >>> rows, slots = optimizer.update(
        ...     jnp.array([[0.5, -4.0]]),
        ...     rows=rows,
        ...     slots=optimizer.init(rows),
        ...     learning_rate=jnp.array(0.25),
        ... )
        >>> rows.round(4).tolist(), slots["accumulator"].tolist()
        ([[0.75, 2.25]], [[0.25, 16.0]])

    Reference:
        Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
        optimization", JMLR 2011.
    """

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
        learning_rate: Float[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows; see `TableOptimizer.update`."""
        accumulator = slots["accumulator"] + jnp.square(gradient)
        rows = rows - learning_rate * gradient / (jnp.sqrt(accumulator) + self.epsilon)
        return rows, {"accumulator": accumulator}


@dataclass(frozen=True)
class RowwiseAdagrad:
    """Adagrad with one accumulator a row: `a <- a + mean(g^2)`, `x <- x - lr g/(sqrt(a)+epsilon)`.

    The mean is over the numbers of the row. State: "accumulator", one number a row, so the state of
    a table of `d` columns takes a `d`-th of the table's memory.

    Attributes:
        initial_accumulator: Where `a` starts.
        epsilon: Keeps the denominator above zero.

    Example:
        >>> import jax.numpy as jnp
        >>> rows, optimizer = jnp.array([[1.0, 2.0]]), RowwiseAdagrad(initial_accumulator=0.0)
        >>> rows, slots = optimizer.update(
        ...     jnp.array([[1.0, -7.0]]),
        ...     rows=rows,
        ...     slots=optimizer.init(rows),
        ...     learning_rate=jnp.array(2.5),
        ... )
        >>> rows.round(4).tolist(), slots["accumulator"].tolist()
        ([[0.5, 5.5]], [25.0])

    Reference:
        Gupta, Bengio and Weston, "Training highly multiclass classifiers", JMLR 2014; for embedding
        tables, Mudigere et al., "Software-hardware co-design for fast and scalable training of deep
        learning recommendation models", ISCA 2022.
    """

    initial_accumulator: float = 0.1
    epsilon: float = 1e-7

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """The accumulators at their initial value."""
        return {"accumulator": jnp.full(table.shape[0], self.initial_accumulator, table.dtype)}

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        learning_rate: Float[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows; see `TableOptimizer.update`."""
        accumulator = slots["accumulator"] + jnp.mean(jnp.square(gradient), axis=1)
        size = learning_rate / (jnp.sqrt(accumulator) + self.epsilon)
        return rows - size[:, None] * gradient, {"accumulator": accumulator}
