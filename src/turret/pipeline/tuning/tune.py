"""Tuning: trainings with settings that an earlier trial made likely, judged by validation alone."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from jax import errors as jax_errors

from turret import toml
from turret.data import sources
from turret.data.dataset import Dataset
from turret.data.parts import Split
from turret.data.splits import split
from turret.errors import BundleError, RecipeError, TrainingError, TurretError
from turret.pipeline.tuning.proposing import Proposal, Search
from turret.pipeline.tuning.space import space_of, with_values
from turret.pipeline.tuning.trials import Study, Trial, TrialLog, best_of
from turret.pipeline.validation import validation_of
from turret.recipe.recipe import Recipe
from turret.recipe.stopping import EarlyStopping
from turret.storage import sealed
from turret.storage.replacing import replace_file
from turret.train.hooks import EpochReport, Hook
from turret.train.trainer import fit

__all__ = ["Tuned", "tune"]

# JAX leaves it untyped.
_DeviceError: type[RuntimeError] = jax_errors.JaxRuntimeError  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

Told = Callable[[Trial, Trial | None], None]
"""Called after each trial, with it and the best so far."""


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        folder: where `best.toml` and `trials.json` are.
        study: what was looked for.
        trials: all trials, those of earlier processes too.
        best: the best of them.
        recipe: the recipe with its settings.
        importance: the share of each key in what makes trials good; empty where too few are
            complete.
        exhausted: whether everything was tried, so that there are fewer trials than asked for.
    """

    folder: Path
    study: Study
    trials: tuple[Trial, ...]
    best: Trial
    recipe: Recipe
    importance: dict[str, float]
    exhausted: bool

    def to_dict(self) -> dict[str, Any]:
        """Return what can be written as JSON."""
        return {
            "folder": str(self.folder),
            "metric": self.study.metric,
            "seen": self.study.seen,
            "best": msgspec.to_builtins(self.best),
            "importance": self.importance,
            "trials": msgspec.to_builtins(self.trials, str_keys=True),
        }


def tune(
    recipe: Recipe,
    *,
    trials: int,
    output: str | os.PathLike[str],
    dataset: Dataset | None = None,
    told: Told | None = None,
) -> Tuned:
    """Look for settings of a recipe by its validation part; the test part is not looked at.

    Each trial is one training on the training part. What it is judged by is the best measurement
    of the metric of `train.early_stopping` (NDCG@20 where the recipe has none), whose epoch a
    training keeps. After each trial `trials.json` holds it, and `best.toml` the best recipe. A
    folder that holds trials of the same recipe on the same data is gone on with.

    Args:
        recipe: what to tune, where `[tune]` says so.
        trials: how many there are to be in the end, those of earlier processes counted.
        output: the folder; made where it is not there.
        dataset: the data, when they are loaded already; else `recipe.data` says where they are.
        told: called after each trial.

    Returns:
        The trials and the best of them.

    Raises:
        RecipeError: there is no validation part, or a key or a value of the space is impossible.
        CheckpointError: the folder holds trials of another study, or a damaged file.
        TrainingError: no trial got to its end.
        MissingPartError: Optuna is not installed.
        DataError: the data cannot be read.
        SplitError: a part would be empty.
        BundleError: the folder is a bundle, or in one.
    """
    sealed.require_outside(Path(output) / "trials.json", error=BundleError)
    recipe = _measured(recipe)
    space, train = space_of(recipe), recipe.train
    prune = recipe.tune is None or recipe.tune.prune
    search = Search(space, seed=train.seed, prune=prune, patience=train.epochs // 4)
    parts = split(sources.load(recipe.data) if dataset is None else dataset, recipe.split)
    folder, study = Path(output), Study.of(recipe, space, parts)
    folder.mkdir(parents=True, exist_ok=True)
    log, proposal = TrialLog(folder / "trials.json", study), None
    while len(log.trials) < trials:
        proposal = search.propose(log.trials)
        if proposal is None:
            break
        trial = _trial(len(log.trials) + 1, proposal, recipe, parts)
        log.add(trial)
        best = best_of(log.trials)
        if best is not None:
            _write(folder, recipe, study, best)
        if told is not None:
            told(trial, best)
    return Tuned(
        folder,
        study,
        tuple(log.trials),
        best := _require_best(log.trials),
        _write(folder, recipe, study, best),
        search.importance(log.trials),
        exhausted=len(log.trials) < trials,
    )


def _measured(recipe: Recipe) -> Recipe:
    """The recipe with early stopping, which says what is measured and which epoch is kept."""
    if not recipe.split.has_validation:
        raise RecipeError(
            "tuning chooses by the validation part, and the recipe holds none back",
            fix="Set split.validation_fraction above 0.",
        )
    if recipe.train.early_stopping is not None:
        return recipe
    train = msgspec.structs.replace(recipe.train, early_stopping=EarlyStopping())
    return msgspec.structs.replace(recipe, train=train)


class _Given(Exception):
    """A trial was given up."""


class _Watch(Hook):
    """Takes the metric of each epoch, and gives up a training that lags behind."""

    def __init__(self, proposal: Proposal, metric: str) -> None:
        self._proposal, self._metric = proposal, metric
        self.measured: dict[int, float] = {}

    def epoch(self, report: EpochReport) -> None:
        value = math.nan if report.validation is None else report.validation[self._metric]
        if not math.isnan(value):
            self.measured[report.epoch] = value
            if self._proposal.hopeless(report.epoch, value) and report.epoch < report.epochs:
                raise _Given


def _trial(number: int, proposal: Proposal, recipe: Recipe, parts: Split) -> Trial:
    """Train with some settings, to the end or to where it is given up or fails."""
    stopping = recipe.train.early_stopping
    assert stopping is not None
    watch, began, error = _Watch(proposal, stopping.metric), time.perf_counter(), None
    state = "complete"
    try:
        chosen = with_values(recipe, proposal.values).settled()
        fit(
            parts.train,
            chosen.model,
            loss=chosen.loss,
            train=chosen.train,
            validate=validation_of(chosen, parts),
            hooks=[watch],
        )
        if not watch.measured:
            raise TrainingError(f"{stopping.metric} is undefined after every epoch")
    except _Given:
        state = "pruned"
    except (TurretError, _DeviceError, MemoryError) as failure:
        # One that does not fit into memory must not end the search either.
        state, error = "failed", str(failure)
    measured = watch.measured
    epoch = max(measured, key=lambda one: measured[one], default=None)
    return Trial(
        number=number,
        state=state,
        values=proposal.values,
        metric=None if epoch is None else measured[epoch],
        epoch=epoch,
        measured=measured,
        seconds=time.perf_counter() - began,
        error=error,
    )


def _require_best(trials: list[Trial]) -> Trial:
    best = best_of(trials)
    if best is None:
        raise TrainingError(
            f"None of {len(trials)} trials got to its end",
            fix=f"The last one: {trials[-1].error}" if trials else "Ask for at least one.",
        )
    return best


def _write(folder: Path, recipe: Recipe, study: Study, best: Trial) -> Recipe:
    """Write the recipe of a trial, and return it."""
    found = with_values(recipe, best.values)
    head = (
        f"# Found by `turret tune` in trial {best.number}: {study.metric} {best.metric:.6g}\n"
        f"# on the validation part after epoch {best.epoch}, seen candidates {study.seen}.\n\n"
    )
    replace_file(folder / "best.toml", (head + toml.dumps(found)).encode("utf-8"))
    return found
