"""Hooks: what is told of the start, of each step and of each epoch of a training.

`turret.train.progress`, `turret.train.json_lines` and `turret.train.tensorboard` hold those that
Turret brings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from turret.data.batch import Batch
from turret.model.outline import ModelPart
from turret.train.state import Losses, TrainState

__all__ = ["EpochReport", "Hook", "StartReport", "StepReport"]


class StartReport(NamedTuple):
    """A training that is about to take its first step, or its first one after a resume.

    Attributes:
        step: Steps taken before; 0 unless it is resumed.
        finished_epochs: Epochs that were over before.
        epochs: Epochs asked for.
        steps_per_epoch: Steps in an epoch.
        examples: Pairs in an epoch.
        notes: Sentences on how it came to start there.
        parts: What the model is made of.
    """

    step: int
    finished_epochs: int
    epochs: int
    steps_per_epoch: int
    examples: int
    notes: tuple[str, ...] = ()
    parts: tuple[ModelPart, ...] = ()


class StepReport(NamedTuple):
    """A step that was handed to the device.

    Attributes:
        step: Steps taken so far, this one included.
        epoch: Counted from 1.
        steps_per_epoch: Steps in an epoch.
        losses: Its losses, still on the device: reading one waits for the step.
        state: The state after it. The next step takes its buffers, so use it at once or not at all.
        batch: The batch it took.
    """

    step: int
    epoch: int
    steps_per_epoch: int
    losses: Losses
    state: TrainState
    batch: Batch


@dataclass(frozen=True)
class EpochReport:
    """An epoch that is over.

    Attributes:
        epoch: Counted from 1.
        epochs: Epochs asked for.
        step: Steps taken so far.
        losses: Means over its steps of "loss", "regularization_loss" and "total_loss".
        step_losses: The same of each step, by name.
        seconds: Of training alone.
        examples_per_second: Pairs a second of training.
        validation: Metrics after the epoch; None where not computed.
        validation_seconds: Time they took; None where not computed.
    """

    epoch: int
    epochs: int
    step: int
    losses: Mapping[str, float]
    step_losses: Mapping[str, Float32[np.ndarray, " steps"]] = field(repr=False, compare=False)
    seconds: float
    examples_per_second: float
    validation: Mapping[str, float] | None = None
    validation_seconds: float | None = None


class Hook:
    """Something that is told of a training; a subclass leaves out what it has no use for."""

    def start(self, report: StartReport) -> None:
        """Called once, before the first step."""

    def step(self, report: StepReport) -> None:
        """Called after each step was handed to the device."""

    def epoch(self, report: EpochReport) -> None:
        """Called after each epoch and its validation."""

    def flush(self) -> None:
        """Called before a checkpoint is written: what was told so far must be on the disk."""
