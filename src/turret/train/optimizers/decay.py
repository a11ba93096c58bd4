"""Decoupled weight decay: beside any optimizer of tables."""

from dataclasses import dataclass

from jaxtyping import Array, Float

from turret.train.optimizers.base import Slots, TableOptimizer

__all__ = ["DecoupledDecay"]


@dataclass(frozen=True)
class DecoupledDecay:
    """Another optimizer's step, and `x <- x - lr weight_decay x_before` beside it.

    The decay does not pass through the optimizer's moments; beside Adam this is AdamW. Lazy: only
    touched rows decay, each once in each step that touches it.

    Attributes:
        optimizer: The optimizer.
        weight_decay: The share of a row that is taken off, times the learning rate.

    Example:
        >>> import jax.numpy as jnp
        >>> from turret.train.optimizers.sgd import SGD
        >>> rows, adorned = jnp.array([[4.0]]), DecoupledDecay(SGD(), weight_decay=0.5)
        >>> adorned.update(
        ...     jnp.array([[1.0]]), rows=rows, slots={}, learning_rate=jnp.array(0.5)
        ... )[0].tolist()
        [[2.5]]

    Reference:
        Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    optimizer: TableOptimizer
    weight_decay: float

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """The optimizer's own state."""
        return self.optimizer.init(table)

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        learning_rate: Float[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows; see `TableOptimizer.update`."""
        moved, slots = self.optimizer.update(
            gradient, rows=rows, slots=slots, learning_rate=learning_rate
        )
        return moved - learning_rate * self.weight_decay * rows, slots
