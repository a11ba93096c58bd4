"""What an optimizer of embedding tables is: an update that sees only the rows of a batch.

A table's optimizer is given the gathered rows of the table, of its own state and of the gradient,
and returns new rows; the step scatters them back. So no update costs more for a larger table, and
a row that a batch does not touch keeps its value and its state, bit for bit.

For a row, time passes only in the steps that touch it: each optimizer here moves a row exactly as
its dense twin would, if the twin were only ever given the gradients of those steps.
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float, Shaped

__all__ = ["Slots", "TableOptimizer"]

Slots = dict[str, Shaped[Array, "..."]]
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
        learning_rate: Float[Array, ""],
    ) -> tuple[Float[Array, "m d"], Slots]:
        """Take one step for the gathered rows.

        Args:
            gradient: The gradient of the loss with respect to the rows.
            rows: The gathered rows.
            slots: Their gathered state.
            learning_rate: Of this step and this table. A traced number, so that another one does
                not compile another step.

        Returns:
            The new rows and their new state.
        """
        ...
