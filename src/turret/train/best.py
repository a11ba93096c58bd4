"""The best measurement of a training, the state it was made of, and when to give up waiting."""

import math

from turret.errors import TrainingError
from turret.recipe.stopping import EarlyStopping
from turret.train.checkpoint import BestRecord
from turret.train.hooks import EpochReport
from turret.train.snapshot import Snapshot
from turret.train.state import TrainState

__all__ = ["Best"]


class Best:
    """Follows one metric; higher is better, and an undefined value is never better.

    Args:
        stopping: Names the metric and the patience; None follows nothing.
        record: Where an earlier process stood.
        snapshot: The state at its best measurement.

    Attributes:
        epoch: The epoch of the best measurement, counted from 1; None before one.
        snapshot: The state at the best measurement, on the host; None before one.
    """

    def __init__(
        self,
        stopping: EarlyStopping | None,
        *,
        record: BestRecord | None = None,
        snapshot: Snapshot | None = None,
    ):
        """Go on from a record."""
        self._stopping = stopping
        self._value = -math.inf if record is None or record.value is None else record.value
        self._without_improvement = 0 if record is None else record.without_improvement
        self.epoch = None if record is None else record.epoch
        self.snapshot = snapshot

    @property
    def exhausted(self) -> bool:
        """Whether the patience is over."""
        stopping = self._stopping
        return stopping is not None and self._without_improvement >= stopping.patience

    @property
    def record(self) -> BestRecord:
        """What a checkpoint keeps beside the snapshot."""
        return BestRecord(
            value=None if self.epoch is None else self._value,
            epoch=self.epoch,
            without_improvement=self._without_improvement,
            weak=() if self.snapshot is None else tuple(sorted(self.snapshot.weak)),
        )

    def measured(self, report: EpochReport, state: TrainState) -> None:
        """Take a measurement; the state is copied when it is the best.

        Raises:
            TrainingError: When the validation does not give the metric.
        """
        if self._stopping is None or report.validation is None:
            return
        metric = self._stopping.metric
        if metric not in report.validation:
            raise TrainingError(
                "early stopping waits for a metric that the validation does not give",
                got=metric,
                expected=f"one of {', '.join(report.validation)}",
            )
        value = report.validation[metric]
        if value > self._value:
            self._value, self.epoch, self._without_improvement = value, report.epoch, 0
            self.snapshot = Snapshot.of(state)
        else:
            self._without_improvement += 1
