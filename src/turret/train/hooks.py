"""Hooks: what is told of each step and each epoch of a training."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Protocol, runtime_checkable

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from turret.train.state import Losses

__all__ = ["EpochReport", "Hook", "JsonLines", "ProgressBar", "StepReport", "loss_values"]


class StepReport(NamedTuple):
    """A step that was handed to the device.

    Attributes:
        step: Steps taken so far, this one included.
        epoch: Counted from 1.
        steps_per_epoch: Steps in an epoch.
        losses: Its losses, still on the device: reading one waits for the step.
    """

    step: int
    epoch: int
    steps_per_epoch: int
    losses: Losses


@dataclass(frozen=True)
class EpochReport:
    """An epoch that is over.

    Attributes:
        epoch: Counted from 1.
        epochs: Epochs asked for.
        step: Steps taken so far.
        losses: Means over its steps of "loss", "regularization_loss" and "total_loss".
        step_losses: The same of each step.
        seconds: Of training alone.
        examples_per_second: Pairs a second of training.
        validation: Metrics after the epoch; None where not computed.
        validation_seconds: Time they took; None where not computed.
    """

    epoch: int
    epochs: int
    step: int
    losses: dict[str, float]
    step_losses: tuple[dict[str, float], ...]
    seconds: float
    examples_per_second: float
    validation: dict[str, float] | None = None
    validation_seconds: float | None = None


def loss_values(losses: Losses) -> dict[str, float]:
    """The losses of a step as numbers on the host, by name."""
    return {name: float(value) for name, value in losses._asdict().items()}


@runtime_checkable
class Hook(Protocol):
    """Something that is told of steps and epochs."""

    def step(self, report: StepReport) -> None:
        """Called after each step was handed to the device."""
        ...

    def epoch(self, report: EpochReport) -> None:
        """Called after each epoch and its validation."""
        ...


class JsonLines:
    """Writes one JSON line a step and one an epoch.

    A step's losses are read once its epoch is over, so that writing them does not hold the device
    up.

    Args:
        path: The file; an existing one is added to.
    """

    def __init__(self, path: str | os.PathLike[str]):
        """Open the file."""
        self._file: IO[str] = Path(path).open("a", encoding="utf-8")
        self._steps: list[StepReport] = []

    def step(self, report: StepReport) -> None:
        """Keep the step until its epoch is over."""
        self._steps.append(report)

    def epoch(self, report: EpochReport) -> None:
        """Write the epoch's steps and the epoch."""
        for step, losses in zip(
            self._steps, jax.device_get([s.losses for s in self._steps]), strict=True
        ):
            values = loss_values(losses)
            self._write({"kind": "step", "step": step.step, "epoch": step.epoch, **values})
        self._steps.clear()
        self._write(
            {
                "kind": "epoch",
                "step": report.step,
                "epoch": report.epoch,
                **report.losses,
                "seconds": report.seconds,
                "examples_per_second": report.examples_per_second,
                "validation": report.validation,
                "validation_seconds": report.validation_seconds,
            }
        )
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "JsonLines":
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self.close()

    def _write(self, line: dict[str, object]) -> None:
        self._file.write(json.dumps(line) + "\n")


class ProgressBar:
    """Shows a bar over all steps, on a terminal alone, and a line an epoch.

    Args:
        console: Where to; standard error unless given.
        total_epochs: Epochs asked for.
    """

    def __init__(self, total_epochs: int, console: Console | None = None):
        """Prepare the bar; it appears with the first step."""
        self._console = console or Console(stderr=True)
        self._epochs = total_epochs
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("training", total=None, epoch=0)

    def step(self, report: StepReport) -> None:
        """Move the bar."""
        total = report.steps_per_epoch * self._epochs
        self._progress.update(self._task, completed=report.step, total=total, epoch=report.epoch)

    def epoch(self, report: EpochReport) -> None:
        """Print the epoch's summary."""
        line = (
            f"epoch {report.epoch}/{report.epochs}  loss {report.losses['loss']:,.4f}"
            f"  {report.examples_per_second:,.0f} examples/s"
        )
        for name, value in (report.validation or {}).items():
            line += f"  {name} {value:.4f}"
        self._console.print(line, highlight=False)

    def __enter__(self) -> "ProgressBar":
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar away."""
        self._progress.stop()
