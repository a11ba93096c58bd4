"""Adam on the rows that a batch touches."""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from turret.train.optimizers.base import Slots

__all__ = ["Adam"]


@dataclass(frozen=True)
class Adam:
    """Adam: `m <- b1 m + (1-b1) g`, `v <- b2 v + (1-b2) g^2`, `x <- x - lr m'/(sqrt(v')+epsilon)`.

    `m' = m / (1 - b1^t)` and `v' = v / (1 - b2^t)` correct for the start at zero, where `t` counts
    the steps that touched the row: a row that is first touched late is corrected as fully as one
    that is touched first. State: "first" and "second", of the table's shape, and "count", one whole
    number a row.

    Attributes:
        b1: Decay of the first moment.
        b2: Decay of the second moment.
        epsilon: Keeps the denominator above zero.

    Example:
        >>> import jax.numpy as jnp
        >>> rows, optimizer = jnp.array([[1.0, 2.0]]), Adam(epsilon=0.0)
        >>> rows, slots = optimizer.update(
        ...     jnp.array([[0.5, -4.0]]),
        ...     rows=rows,
        ...     slots=optimizer.init(rows),
        ...     learning_rate=jnp.array(0.25),
        ... )
        >>> rows.round(4).tolist(), slots["count"].tolist()
        ([[0.75, 2.25]], [1])

    Reference:
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    b1: float = 0.9
    b2: float = 0.999
    epsilon: float = 1e-7

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """Both moments and the count at zero."""
        return {
            "first": jnp.zeros_like(table),
            "second": jnp.zeros_like(table),
            "count": jnp.zeros(table.shape[0], jnp.int32),
        }

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        learning_rate: Float[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows; see `TableOptimizer.update`."""
        first = self.b1 * slots["first"] + (1 - self.b1) * gradient
        second = self.b2 * slots["second"] + (1 - self.b2) * jnp.square(gradient)
        count = slots["count"] + 1
        mean = first / _correction(self.b1, count)
        root = jnp.sqrt(second / _correction(self.b2, count))
        rows = rows - learning_rate * mean / (root + self.epsilon)
        return rows, {"first": first, "second": second, "count": count}


def _correction(decay: float, count: Array) -> Float[Array, "m 1"]:
    """`1 - decay^count`, to full precision where the power is near 1."""
    if decay == 0:
        return jnp.ones((count.shape[0], 1))
    return -jnp.expm1(math.log(decay) * count.astype(jnp.float32))[:, None]
