"""One training from recipe to bundle: load, split, fit, evaluate, index, write."""

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from turret.bundle import bundle
from turret.data import sources
from turret.data.dataset import Dataset
from turret.data.parts import Split
from turret.data.splits import split
from turret.evaluation.report import Report
from turret.index import registry
from turret.index.candidates import Candidates
from turret.model.bodies.custom_class import custom_class
from turret.model.trained import TrainedModel
from turret.pipeline.judging import epochs_of, judge
from turret.pipeline.validation import validation_of
from turret.recipe.recipe import Recipe
from turret.storage import sealed
from turret.storage.files import beside
from turret.train.checkpoint import Checkpoints
from turret.train.hooks import Hook
from turret.train.state import Program
from turret.train.trainer import FitResult, fit
from turret.train.warm import Earlier, optimizer_arrays

__all__ = ["Outcome", "checkpoints_of", "train"]

# What a later training takes over; a bundle's index and report may change meanwhile.
_LEFT = ("model.json", "encoders/", "parameters.safetensors", "optimizer.safetensors")


@dataclass(frozen=True)
class Outcome:
    """What one training gave.

    Attributes:
        recipe: the recipe it followed.
        bundle: the directory it wrote.
        split: the parts of the data.
        result: the model and its history.
        report: how it was judged.
        seconds: wall-clock time of "load", "fit", "index", "evaluate" and "write".
    """

    recipe: Recipe
    bundle: Path
    split: Split
    result: FitResult
    report: Report
    seconds: dict[str, float]


def train(
    recipe: Recipe,
    *,
    output: str | os.PathLike[str],
    dataset: Dataset | None = None,
    hooks: Sequence[Hook] = (),
    resume: bool = False,
    start: str | os.PathLike[str] | None = None,
) -> Outcome:
    """Follow a recipe from the data to a bundle.

    Args:
        recipe: what to do.
        output: the directory of the bundle; a bundle that is there is replaced at the end.
            Checkpoints go beside it (`checkpoints_of`), and are removed when it is written.
        dataset: the data, when they are loaded already; else `recipe.data` says where they are.
        hooks: told of each step and each epoch.
        resume: go on from the newest checkpoint, if there is one.
        start: the bundle of an earlier training to begin from: known ids keep their rows.

    Returns:
        The bundle's path, the report, and what led to them.

    Raises:
        RecipeError: optax has no optimizer of the name or with the options of the recipe.
        DataError: the data cannot be read.
        SplitError: a part would be empty.
        TrainingError: a loss is not finite.
        TrainingInterrupted: Ctrl-C, or a signal to end; a checkpoint was written.
        CheckpointError: the checkpoints are of another training.
        ModelError: a class of one's own is missing or not as it has to be, or the model of `start`
            is of other widths.
        BundleError: `output` is there and is not a bundle, or `start` is none.
    """
    path, recipe = bundle.require_free(output), recipe.settled()
    _check(recipe)
    clock = _Clock()
    earlier, came_from = (None, None) if start is None else _earlier(start, recipe)
    parts = split(sources.load(recipe.data) if dataset is None else dataset, recipe.split)
    clock.lap("load")
    also = {"split": msgspec.to_builtins(recipe.split), "from": came_from}
    checkpoints = Checkpoints(checkpoints_of(path), also=also)
    result = _fit(recipe, parts, hooks=hooks, checkpoints=checkpoints, resume=resume, start=earlier)
    clock.lap("fit")
    vectors = result.trained.candidate_vectors(parts.train.candidates)
    candidates = Candidates(parts.train.candidate_ids, vectors)
    index = registry.of(recipe.index.kind, candidates, **recipe.index.parameters)
    clock.lap("index")
    epochs = epochs_of(result.history)
    report = judge(result.trained, parts, recipe, index=index, epochs=epochs)
    clock.lap("evaluate")
    bundle.write(
        path,
        recipe=recipe,
        trained=result.trained,
        dataset=parts.train,
        index=index,
        report=report,
        optimizer=optimizer_arrays(result.state)
        if recipe.train.warm_start.save_optimizer
        else None,
    )
    checkpoints.clear()
    clock.lap("write")
    return Outcome(recipe, path, parts, result, report, clock.laps)


def checkpoints_of(output: str | os.PathLike[str]) -> Path:
    """Return the folder of the checkpoints of the training of a bundle.

    Args:
        output: the directory of the bundle.

    Returns:
        The folder beside it.

    Example:
        >>> checkpoints_of("runs/tutorial").name
        'tutorial.checkpoints'
    """
    return beside(output, "checkpoints")


def _check(recipe: Recipe) -> None:
    """Refuse what names something that is not there, before the data are loaded."""
    Program.of(recipe.model, recipe.loss, recipe.train)
    for name in recipe.model.custom_classes:
        custom_class(name)
    registry.check_parameters(recipe.index.kind, recipe.index.parameters)


def _fit(
    recipe: Recipe,
    parts: Split,
    *,
    hooks: Sequence[Hook],
    checkpoints: Checkpoints,
    resume: bool,
    start: Earlier | None,
) -> FitResult:
    return fit(
        parts.train,
        recipe.model,
        loss=recipe.loss,
        train=recipe.train,
        validate=validation_of(recipe, parts),
        hooks=hooks,
        checkpoints=checkpoints,
        resume=resume,
        start=start,
    )


def _earlier(directory: str | os.PathLike[str], recipe: Recipe) -> tuple[Earlier, str]:
    """What the training of a bundle left, and a digest of the files that hold it."""
    # Whoever trains a recipe trusts the classes that it names.
    opened = bundle.Bundle.open(directory, allow_custom=recipe.model.custom_classes)
    trained = opened.trained
    assert isinstance(trained, TrainedModel)
    files = sealed.read_manifest(Path(directory), bundle.FORMAT).files
    used = sorted((name, one.sha256) for name, one in files.items() if name.startswith(_LEFT))
    digest = hashlib.sha256(msgspec.json.encode(used)).hexdigest()
    return Earlier(trained, opened.optimizer), digest


class _Clock:
    """Seconds between one lap and the next."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
