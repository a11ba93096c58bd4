"""Distinct values and the position of each value among them, without sorting."""

import numpy as np
from jaxtyping import Int32

__all__ = ["Distinct"]


class Distinct:
    """Finds distinct values below a bound, in time that does not depend on the bound.

    The last occurrence of a value stands for it. One slot a possible value is kept between calls
    and never cleared: what an earlier call left behind is overwritten before it is read. So one
    object serves one thread at a time.

    Args:
        bound: every value is below it and at least 0.

    Example:
        >>> import numpy as np
        >>> distinct, position = Distinct(10)(np.array([7, 2, 7, 3], np.int32))
        >>> distinct.tolist(), distinct[position].tolist()
        ([2, 7, 3], [7, 2, 7, 3])
    """

    def __init__(self, bound: int) -> None:
        """Make the slots."""
        self._slots = np.empty(bound, np.int32)

    def __call__(
        self, values: Int32[np.ndarray, " n"]
    ) -> tuple[Int32[np.ndarray, " m"], Int32[np.ndarray, " n"]]:
        """The distinct values, and for each value its position among them.

        Args:
            values: `n` values.

        Returns:
            The `m` distinct ones, in the order of their last occurrence, and `n` positions.
        """
        order = np.arange(len(values), dtype=np.int32)
        self._slots[values] = order
        distinct = values[self._slots[values] == order]
        self._slots[distinct] = order[: len(distinct)]
        return distinct, self._slots[values]
