"""A training with its progress on standard error and its steps in a file beside the bundle."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from turret.cli.output import stderr_console

if TYPE_CHECKING:
    from turret.data.dataset import Dataset
    from turret.pipeline.training import Outcome
    from turret.recipe.recipe import Recipe
    from turret.train.hooks import Hook

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
    recipe: "Recipe",
    output: Path,
    *,
    dataset: "Dataset | None" = None,
    resume: bool = False,
    start: Path | None = None,
    tensorboard: Path | None = None,
) -> "Outcome":
    """Train a recipe, showing how far it is, and write its report beside the bundle.

    Args:
        recipe: what to do.
        output: the directory of the bundle.
        dataset: the data, when they are loaded already.
        resume: go on from the newest checkpoint.
        start: the bundle of an earlier training to begin from.
        tensorboard: a folder for TensorBoard's scalars; None writes none.

    Returns:
        What the training gave.
    """
    from turret import compilation
    from turret.pipeline import judging, training
    from turret.train.json_lines import JsonLines
    from turret.train.outline import Outline
    from turret.train.progress import ProgressBar
    from turret.train.tensorboard import TensorBoard

    compilation.keep_compiled_programs()
    stopping = recipe.train.early_stopping
    metric = None if stopping is None else stopping.metric
    with ExitStack() as stack:
        bar = ProgressBar(stderr_console(), lines=EPOCH_LINES, metric=metric)
        hooks: list[Hook] = [Outline(stderr_console()), stack.enter_context(bar)]
        hooks.append(stack.enter_context(JsonLines(metrics_path(output))))
        if tensorboard is not None:
            hooks.append(stack.enter_context(TensorBoard(tensorboard)))
        outcome = training.train(
            recipe, output=output, dataset=dataset, hooks=hooks, resume=resume, start=start
        )
    folder = judging.report_folder(outcome.bundle)
    judging.write_report(outcome.report, folder, title=outcome.bundle.name, recipe=outcome.recipe)
    return outcome


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
