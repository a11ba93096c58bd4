"""A progress bar with examples a second and the time left, and a line an epoch."""

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from turret.train.hooks import EpochReport, Hook, StartReport, StepReport

__all__ = ["ProgressBar"]

_SECONDS_BETWEEN_MOVES = 0.05


class ProgressBar(Hook):
    """Shows a bar over all steps, on a terminal alone, and a line an epoch.

    Args:
        console: Where to; standard error unless given.
        lines: So many epochs, at most, get a line, the last one included; None gives each one.
        metric: The one metric of the validation that a line shows; None shows them all.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        lines: int | None = None,
        metric: str | None = None,
    ):
        """Prepare the bar; it appears with the first step."""
        self._metric = metric
        self._console = console or Console(stderr=True)
        self._lines = lines
        self._examples_per_step = 0.0
        self._next_move = 0.0
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            _Rate(self),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("training", start=False, total=None, epoch=0)

    @property
    def progress(self) -> Progress:
        """The bar itself."""
        return self._progress

    @property
    def examples_per_step(self) -> float:
        """Pairs in a step, on average."""
        return self._examples_per_step

    def start(self, report: StartReport) -> None:
        """Show where the training stands."""
        self._examples_per_step = report.examples / report.steps_per_epoch
        total = report.steps_per_epoch * report.epochs
        epoch = min(report.finished_epochs + 1, report.epochs)
        self._progress.update(self._task, completed=report.step, total=total, epoch=epoch)
        self._progress.start_task(self._task)
        for note in report.notes:
            self._console.print(f"Note: {note}", highlight=False, soft_wrap=True)

    def step(self, report: StepReport) -> None:
        """Move the bar, a few times a second."""
        now = time.monotonic()
        if now >= self._next_move:
            self._next_move = now + _SECONDS_BETWEEN_MOVES
            self._progress.update(self._task, completed=report.step, epoch=report.epoch)

    def epoch(self, report: EpochReport) -> None:
        """Print the epoch's summary."""
        every = 1 if self._lines is None else -(-report.epochs // self._lines)
        if report.epoch % every and report.epoch != report.epochs:
            return
        line = (
            f"epoch {report.epoch}/{report.epochs}  loss {report.losses['loss']:,.4f}"
            f"  {report.examples_per_second:,.0f} examples/s"
        )
        for name, value in (report.validation or {}).items():
            if self._metric in (None, name):
                line += f"  {name} {value:.4f}"
        self._console.print(line, highlight=False)

    def __enter__(self) -> "ProgressBar":
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar away."""
        self._progress.stop()


class _Rate(ProgressColumn):
    """Examples a second, over the last half minute."""

    def __init__(self, bar: ProgressBar):
        super().__init__()
        self._bar = bar

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if speed is None:
            return Text("- examples/s")
        return Text(f"{speed * self._bar.examples_per_step:,.0f} examples/s")
