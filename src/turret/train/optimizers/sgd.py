"""Stochastic gradient descent."""

from dataclasses import dataclass

from jaxtyping import Array, Float

from turret.train.optimizers.base import Slots

__all__ = ["SGD"]


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: `x <- x - lr g`. No state.

    There is no momentum: under it rows keep moving in steps that do not touch them, so it is
    either not lazy or not what its dense twin does.
    """

    def init(self, table: Float[Array, "n d"]) -> Slots:
        """Nothing to keep."""
        return {}

    def update(
        self,
        gradient: Float[Array, "m d"],
        *,
        rows: Float[Array, "m d"],
        slots: Slots,
        learning_rate: Float[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """One step for the gathered rows; see `TableOptimizer.update`."""
        return rows - learning_rate * gradient, slots
