"""The losses of all steps, looked at a few steps late, so that the device is never waited for."""

import math
from array import array
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Float32

from turret.train.state import Losses

__all__ = ["StepLosses"]

_EVERY = 4
_LAG = 2


class StepLosses:
    """Collects the losses of steps from the device.

    Every fourth step those that are at least two steps old are fetched: they are there by then, as
    a rule. So a loss that is not finite is found at most six steps later.

    Args:
        known: For each loss the values of the steps taken so far, when a training is resumed.

    Attributes:
        bad: The first step, counted from 1, of which a loss is not finite; None while there is
            none.
    """

    def __init__(self, known: Mapping[str, Float32[np.ndarray, " n"]] | None = None):
        """Start with the known ones."""
        self.bad: int | None = None
        names = Losses._fields
        self._values = {name: array("f", () if known is None else known[name]) for name in names}
        self._pending: list[Losses] = []

    def __len__(self) -> int:
        """Steps taken."""
        return len(self._values["loss"]) + len(self._pending)

    def add(self, losses: Losses) -> None:
        """Take the losses of the next step, still on the device."""
        self._pending.append(losses)
        if len(self._pending) >= _EVERY + _LAG:
            self._fetch(_EVERY)

    def settle(self) -> None:
        """Wait for the last step and fetch everything."""
        self._fetch(len(self._pending))

    def of(self, start: int, stop: int) -> dict[str, Float32[np.ndarray, " n"]]:
        """For each loss the values of the steps from `start + 1` to `stop`; call `settle` first."""
        return {
            name: np.array(values[start:stop], np.float32) for name, values in self._values.items()
        }

    def _fetch(self, number: int) -> None:
        for losses in jax.device_get(self._pending[:number]):
            for name, value in losses._asdict().items():
                self._values[name].append(value)
                if self.bad is None and not math.isfinite(value):
                    self.bad = len(self._values[name])
        del self._pending[:number]
