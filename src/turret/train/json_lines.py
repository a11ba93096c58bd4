"""One JSON line for each step and one for each epoch."""

import os
from pathlib import Path
from typing import IO

import jax
import msgspec

from turret.train.hooks import EpochReport, Hook, StartReport, StepReport
from turret.train.state import Losses

__all__ = ["JsonLines"]


class _Line(msgspec.Struct):
    """What tells whether a line is of a time before a checkpoint."""

    kind: str
    step: int
    epoch: int


class JsonLines(Hook):
    """Writes one JSON line a step and one an epoch.

    A training that starts from nothing writes the file anew, and only with its first step. One that
    is resumed first cuts the file back to the checkpoint, so that each step stands there once. A
    step's losses are read once its epoch is over, so that writing them does not hold the device up.
    What JSON cannot say, such as NaN, is null.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: str | os.PathLike[str]):
        """Keep the path; the file is opened by the first step."""
        self._path = Path(path)
        self._file: IO[bytes] | None = None
        self._steps: list[tuple[int, int, Losses]] = []

    def start(self, report: StartReport) -> None:
        """Cut the file back to where a resumed training goes on."""
        self.close()
        if report.step > 0 and self._path.exists():
            self._cut_back(report)
            self._file = self._path.open("ab")

    def step(self, report: StepReport) -> None:
        """Keep the step until its epoch is over."""
        # Not the whole report: its batch would fill memory.
        self._steps.append((report.step, report.epoch, report.losses))
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")

    def epoch(self, report: EpochReport) -> None:
        """Write the epoch's steps and the epoch."""
        self._write_steps()
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
        if self._file is not None:
            self._file.flush()

    def flush(self) -> None:
        """Put every step so far on the disk."""
        self._write_steps()
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what is left and close the file."""
        self._write_steps()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "JsonLines":
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self.close()

    def _write_steps(self) -> None:
        for step, epoch, losses in jax.device_get(self._steps):
            named = {name: float(value) for name, value in losses._asdict().items()}
            self._write({"kind": "step", "step": int(step), "epoch": int(epoch), **named})
        self._steps.clear()

    def _write(self, line: dict[str, object]) -> None:
        assert self._file is not None
        self._file.write(msgspec.json.encode(line) + b"\n")

    def _cut_back(self, report: StartReport) -> None:
        """Keep the lines of steps and epochs up to the checkpoint, in one step."""
        cut = self._path.with_name(f".{self._path.name}.cut")
        with self._path.open("rb") as old, cut.open("wb") as new:
            for text in old:
                try:
                    line = msgspec.json.decode(text, type=_Line)
                except msgspec.MsgspecError:
                    continue  # a line that was being written when the process was killed
                kept = (
                    line.epoch <= report.finished_epochs
                    if line.kind == "epoch"
                    else line.step <= report.step
                )
                if kept:
                    new.write(text)
            new.flush()
            os.fsync(new.fileno())
        cut.replace(self._path)
