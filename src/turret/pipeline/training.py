"""One training from recipe to bundle: load, split, fit, evaluate, index, write."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from turret.bundle import bundle
from turret.data import sources
from turret.data.dataset import Dataset
from turret.data.splits import Split, split
from turret.evaluation.evaluate import evaluate
from turret.evaluation.report import Report
from turret.index import registry
from turret.model.trained import TrainedModel
from turret.recipe import Recipe
from turret.train.hooks import Hook
from turret.train.trainer import FitResult, fit

__all__ = ["Outcome", "train", "validation_of"]


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
) -> Outcome:
    """Follow a recipe from the data to a bundle.

    Args:
        recipe: what to do.
        output: the directory of the bundle; a bundle that is there is replaced at the end.
        dataset: the data, when they are loaded already; else `recipe.data` says where they are.
        hooks: told of each step and each epoch.

    Returns:
        The bundle's path, the report, and what led to them.

    Raises:
        DataError: the data cannot be read.
        SplitError: a part would be empty.
        TrainingError: a loss is not finite.
        BundleError: `output` is there and is not a bundle.
    """
    path = bundle.require_free(output)
    clock = _Clock()
    parts = split(sources.load(recipe.data) if dataset is None else dataset, recipe.split)
    clock.lap("load")
    result = fit(
        parts.train,
        recipe.model,
        loss=recipe.loss,
        train=recipe.train,
        validate=validation_of(recipe, parts),
        hooks=hooks,
    )
    clock.lap("fit")
    vectors = result.trained.candidate_vectors(parts.train.candidates)
    index = registry.build(recipe.index.kind, ids=parts.train.candidate_ids, vectors=vectors)
    clock.lap("index")
    report = evaluate(
        result.trained,
        parts,
        ks=recipe.evaluation.ks,
        loss=recipe.loss,
        batch_size=recipe.evaluation.batch_size,
        bootstrap=recipe.evaluation.bootstrap,
        index=None if index.is_exact else index,
    )
    clock.lap("evaluate")
    bundle.write(
        path,
        recipe=recipe,
        trained=result.trained,
        dataset=parts.train,
        index=index,
        report=report,
    )
    clock.lap("write")
    return Outcome(recipe, path, parts, result, report, clock.laps)


def validation_of(
    recipe: Recipe, parts: Split
) -> Callable[[TrainedModel], dict[str, float]] | None:
    """Return what early stopping measures a model with.

    Args:
        recipe: its `train.early_stopping` names the metric.
        parts: the validation part is measured on.

    Returns:
        A function of the model that gives the metrics of that depth by name; None without early
        stopping.
    """
    stopping, validation = recipe.train.early_stopping, parts.validation
    if stopping is None or validation is None:
        return None
    depth = int(stopping.metric.partition("@")[2])

    def measure(trained: TrainedModel) -> dict[str, float]:
        report = evaluate(
            trained,
            (parts.train, validation),
            ks=(depth,),
            bootstrap=0,
            baselines=(),
            train_queries=0,
        )
        views = report.model
        return views.seen_excluded if stopping.seen == "excluded" else views.seen_included

    return measure


class _Clock:
    """Seconds between one lap and the next."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
