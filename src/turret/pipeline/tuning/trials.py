"""The file of a study: what is looked for, and each trial that is over.

It is JSON, replaced as a whole when a trial ends, so a process that is killed at any moment loses
the trial it was in and no other.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from turret.data.parts import Split
from turret.errors import CheckpointError
from turret.recipe.recipe import Recipe
from turret.recipe.tuning import Range
from turret.storage.files import read_json
from turret.storage.replacing import replace_file

__all__ = ["Study", "Trial", "TrialLog", "best_of"]

FORMAT = 1


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A training with certain settings, that is over.

    Args:
        number: counted from 1.
        state: "complete"; "pruned", given up early; or "failed".
        values: value by key.
        metric: its best measurement; None where it has none.
        epoch: the epoch of that.
        measured: every measurement, by epoch.
        seconds: how long it took.
        error: why it failed.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    values: dict[str, Any]
    metric: float | None
    epoch: int | None
    measured: dict[int, float]
    seconds: float
    error: str | None = None


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the trials of a study.

    Args:
        metric: what is made large, of the validation part.
        seen: whether a query's training candidates are off its ranking.
        space: the values that each key may take.
        recipe: the sections that are trained and split by, with what is not tuned.
        prune: whether trials are given up early.
        data: digests of the training and validation part.
        format: of this file.
    """

    metric: str
    seen: str
    space: dict[str, Range]
    recipe: dict[str, Any]
    prune: bool
    data: dict[str, str]
    format: int = FORMAT

    @classmethod
    def of(cls, recipe: Recipe, space: dict[str, Range], parts: Split) -> "Study":
        """Return the study of a recipe.

        Args:
            recipe: with early stopping, of which the metric is taken.
            space: the values that each key may take.
            parts: the parts of its data; the test part is not read.

        Returns:
            The study.
        """
        stopping, validation = recipe.train.early_stopping, parts.validation
        assert stopping is not None and validation is not None
        plain = msgspec.to_builtins(recipe)
        used = {name: plain[name] for name in ("split", "model", "loss", "train")}
        del used["train"]["checkpoint"]
        return cls(
            metric=stopping.metric,
            seen=stopping.seen,
            space=space,
            recipe=used,
            prune=recipe.tune is None or recipe.tune.prune,
            data={"train": parts.seen.fingerprint(), "validation": validation.fingerprint()},
        )


class _File(msgspec.Struct, frozen=True, kw_only=True):
    study: Study
    trials: list[Trial]


class TrialLog:
    """The trials of a study, in memory and in its file.

    Args:
        path: the file.
        study: what its trials are of.

    Attributes:
        trials: those that are over, in order.

    Raises:
        CheckpointError: the file is damaged, or of another study.
    """

    def __init__(self, path: Path, study: Study) -> None:
        """Take over the trials that the file holds."""
        self._path, self._study = path, study
        self.trials: list[Trial] = []
        self.trials = self._held()

    def add(self, trial: Trial) -> None:
        """Keep a trial that is over: it is on the disk when this returns.

        Args:
            trial: the next one.

        Raises:
            CheckpointError: another process has written to the file meanwhile.
        """
        if self._held() != self.trials:
            raise CheckpointError(
                f"{self._path} was changed by another process",
                fix="Let one process at a time tune in a folder.",
            )
        self.trials.append(trial)
        content = msgspec.json.encode(_File(study=self._study, trials=self.trials))
        replace_file(self._path, msgspec.json.format(content) + b"\n")

    def _held(self) -> list[Trial]:
        """The trials in the file; none where there is none."""
        if not self._path.exists():
            return []
        found = read_json(self._path, _File, error=CheckpointError)
        self._compare(found.study)
        return list(found.trials)

    def _compare(self, found: Study) -> None:
        """Refuse to mix trials that were not measured alike."""
        ours: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self._study))
        theirs: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
        for name in ("format", "data", "metric", "seen", "space", "prune", "recipe"):
            place = _difference(ours[name], theirs[name], name)
            if place is not None:
                raise CheckpointError(
                    f"{self._path} is of a study that differs in {place}",
                    fix="Name another --output, or remove that file to begin anew.",
                )


def _difference(one: Any, other: Any, place: str) -> str | None:
    """The first place in which two values differ; None where they are equal."""
    if one == other:
        return None
    if isinstance(one, dict) and isinstance(other, dict):
        ours, theirs = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        for key in ours | theirs:
            inner = _difference(ours.get(key), theirs.get(key), f"{place}.{key}")
            if inner is not None:
                return inner
    return place


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the best of the trials that were trained to their end.

    Args:
        trials: any.

    Returns:
        That of the highest metric, the first of several; None where none is complete.
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    return max(complete, key=lambda trial: trial.metric or 0.0, default=None)
