"""A training with its progress on standard error and its steps in a file beside the bundle."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from turret.cli.output import stderr_console

if TYPE_CHECKING:
    from turret.data.dataset import Dataset
    from turret.pipeline.training import Outcome
    from turret.recipe import Recipe
    from turret.train.hooks import EpochReport, Hook, JsonLines, StepReport

__all__ = ["metrics_path", "progress_of", "train_with_progress"]

EPOCH_LINES = 5
"""So many epochs, at most, are told of in one line each."""


def metrics_path(bundle: Path) -> Path:
    """Return where the steps and epochs of the training of a bundle are written.

    Args:
        bundle: the directory of the bundle.

    Returns:
        The file beside it, one JSON value a line.

    Example:
        >>> metrics_path(Path("runs/tutorial")).as_posix()
        'runs/tutorial.metrics.jsonl'
    """
    place = bundle if bundle.name else bundle.resolve()
    return place.with_name(f"{place.name}.metrics.jsonl")


def train_with_progress(
    recipe: "Recipe", output: Path, *, dataset: "Dataset | None" = None
) -> "Outcome":
    """Train a recipe, showing how far it is.

    Args:
        recipe: what to do.
        output: the directory of the bundle.
        dataset: the data, when they are loaded already.

    Returns:
        What the training gave.
    """
    from turret import compilation
    from turret.pipeline import training
    from turret.train.hooks import ProgressBar

    compilation.keep_compiled_programs()
    epochs = recipe.train.epochs
    lines = _Lines(metrics_path(output))
    with ProgressBar(epochs, stderr_console()) as bar, lines:
        hooks = (_Sparse(bar, every=-(-epochs // EPOCH_LINES)), lines)
        return training.train(recipe, output=output, dataset=dataset, hooks=hooks)


def progress_of(total: int, what: str) -> tuple[Callable[[int], None], Callable[[], None]]:
    """Start a bar on standard error, shown on a terminal alone.

    Args:
        total: how many there are to do.
        what: what is counted.

    Returns:
        What to call with the number done so far, and what to call at the end.
    """
    from rich.progress import Progress

    console = stderr_console()
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what, total=total)
    bar.start()
    return (lambda done: bar.update(task, completed=done)), bar.stop


class _Sparse:
    """Hands every step on, but only each n-th epoch and the last."""

    def __init__(self, hook: "Hook", *, every: int) -> None:
        self._hook, self._every = hook, every

    def step(self, report: "StepReport") -> None:
        self._hook.step(report)

    def epoch(self, report: "EpochReport") -> None:
        if report.epoch % self._every == 0 or report.epoch == report.epochs:
            self._hook.epoch(report)


class _Lines:
    """Writes JSON lines from the first step on.

    A training that never starts so leaves the lines of an earlier one alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: JsonLines | None = None

    def step(self, report: "StepReport") -> None:
        from turret.train.hooks import JsonLines

        if self._lines is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._lines = JsonLines(self._path)
        self._lines.step(report)

    def epoch(self, report: "EpochReport") -> None:
        if self._lines is not None:
            self._lines.epoch(report)

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lines is not None:
            self._lines.close()
