"""Checkpoints: all that a training needs to go on as if it had never stopped.

A checkpoint is a sealed directory, `step-000000001200`, in a folder of a training's own. It is
written beside the training by a thread, whole or not at all.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Float32

from turret.errors import CheckpointError
from turret.storage import files, sealed
from turret.train.snapshot import Snapshot

__all__ = ["FORMAT", "BestRecord", "Checkpoint", "Checkpoints", "EpochRecord", "Identity", "Record"]

FORMAT = sealed.Format("turret-checkpoint", version=1, noun="checkpoint", error=CheckpointError)
"""The format that is written, and the newest version that is read."""


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be the same when a training is resumed.

    Attributes:
        settings: sections of the recipe, and whatever else decides the result, as JSON values.
        data: the fingerprint of the training part.
    """

    settings: dict[str, object]
    data: str


class EpochRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An epoch that is over; a metric that is undefined is None."""

    seconds: float
    validation: dict[str, float | None] | None
    validation_seconds: float | None


class BestRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The best measurement so far: its value, its epoch, and measurements since without a better.

    Attributes:
        value: of the metric; None before the first measurement that is defined.
        epoch: counted from 1; None likewise.
        without_improvement: measurements since.
        weak: see `Snapshot.weak`.
    """

    value: float | None
    epoch: int | None
    without_improvement: int
    weak: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `progress.json`.

    Attributes:
        identity: what the training was.
        step: steps taken.
        epoch_seconds: of training in the epoch that is not over yet.
        history: the epochs that are over.
        best: the best measurement so far.
        weak: see `Snapshot.weak`.
    """

    identity: Identity
    step: int
    epoch_seconds: float
    history: tuple[EpochRecord, ...]
    best: BestRecord
    weak: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        record: where the training stood.
        state: every array of the training state.
        losses: for each loss its value in each step so far.
        best: the state at the best measurement; None before one.
    """

    record: Record
    state: Snapshot = field(repr=False)
    losses: Mapping[str, Float32[np.ndarray, " steps"]] = field(repr=False)
    best: Snapshot | None = field(repr=False)

    def fill(self, directory: Path) -> None:
        """Write the files into an empty directory."""
        files.write_json(directory / "progress.json", self.record)
        files.write_tensors(directory / "state.safetensors", self.state.arrays)
        files.write_tensors(directory / "losses.safetensors", self.losses)
        if self.best is not None:
            files.write_tensors(directory / "best.safetensors", self.best.arrays)

    @classmethod
    def open(cls, directory: Path) -> "Checkpoint":
        """Read a checkpoint and verify every file of it.

        Raises:
            CheckpointError: When a file is missing, damaged or too many, or the format is newer.
        """
        names = ("progress.json", "state.safetensors", "losses.safetensors")
        present = sealed.verify(directory, FORMAT, required=names).files
        record = files.read_json(directory / "progress.json", Record, error=CheckpointError)

        def tensors(name: str) -> dict[str, np.ndarray]:
            return files.read_tensors(directory / name, error=CheckpointError)

        best = None
        if "best.safetensors" in present:
            best = Snapshot(tensors("best.safetensors"), frozenset(record.best.weak))
        state = Snapshot(tensors("state.safetensors"), frozenset(record.weak))
        return cls(record, state, tensors("losses.safetensors"), best)


class Checkpoints:
    """The folder of a training's checkpoints.

    Args:
        folder: Where they stand; nothing else that is there is touched.
        also: What else must be the same when the training is resumed, as JSON values by name, such
            as how the data were split.
    """

    def __init__(self, folder: str | os.PathLike[str], *, also: Mapping[str, object] | None = None):
        """Keep the path; the folder is made by the first checkpoint."""
        self.folder = Path(folder)
        self.also = dict(also or {})
        self._own: set[int] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="turret-checkpoint")
        self._writing: Future[None] | None = None

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, the newest last."""
        if not self.folder.is_dir():
            return []
        found = (re.fullmatch(r"step-(\d{12})", path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in found if match is not None)

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step stands."""
        return self.folder / f"step-{step:012}"

    @property
    def last(self) -> Path | None:
        """The newest checkpoint that this training wrote or started from; None without one."""
        self.wait()
        return self.path(max(self._own)) if self._own else None

    def save(self, checkpoint: Callable[[], Checkpoint], step: int, *, keep: int | None) -> None:
        """Write a checkpoint; returns while it is being written.

        Args:
            checkpoint: Gives what is written; called by the thread that writes.
            step: The steps taken.
            keep: So many of this training's checkpoints remain, the newest, and nobody else's.
                None removes none.
        """
        self.wait()
        self._writing = self._pool.submit(self._save, checkpoint, step, keep)

    def wait(self) -> None:
        """Wait until nothing is being written; what went wrong meanwhile is raised."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def __enter__(self) -> "Checkpoints":
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait until nothing is being written; another failure hides what went wrong with that."""
        with nullcontext() if kind is None else suppress(Exception):
            self.wait()

    def resume(self, identity: Identity) -> tuple[Checkpoint | None, tuple[str, ...]]:
        """Read the newest checkpoint of a training.

        Args:
            identity: What the training is.

        Returns:
            The checkpoint, None where there is none at all; and sentences on damaged ones that had
            to be passed over.

        Raises:
            CheckpointError: When there are checkpoints, but none can be used: they are of another
                training, which is told by what differs, or damaged.
        """
        self.wait()
        if self.folder.is_dir():
            sealed.remove_leftovers(self.folder, "step-*")
        notes: list[str] = []
        refusal: CheckpointError | None = None
        for step in reversed(self.steps()):
            try:
                checkpoint = Checkpoint.open(self.path(step))
            except CheckpointError as error:
                notes.append(str(error))
                continue
            different = _difference(checkpoint.record.identity, identity)
            if different is None:
                self._own = {step}
                return checkpoint, tuple(notes)
            refusal = refusal or _refusal(self.path(step), different)
        if refusal is not None:
            raise refusal
        if notes:
            raise CheckpointError(
                f"No checkpoint in {self.folder} is whole: {notes[0]}",
                fix="Remove them, or train without resuming.",
            )
        return None, ()

    def clear(self) -> None:
        """Remove every checkpoint, and the folder if nothing else is in it."""
        self.wait()
        for step in self.steps():
            sealed.remove(self.path(step))
        self._own.clear()
        if self.folder.is_dir():
            sealed.remove_leftovers(self.folder, "step-*")
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _save(self, checkpoint: Callable[[], Checkpoint], step: int, keep: int | None) -> None:
        sealed.seal(self.path(step), FORMAT, fill=checkpoint().fill)
        self._own.add(step)
        if keep is None:
            return
        self._own = set(sorted(self._own)[-keep:])
        for other in self.steps():
            if other not in self._own:
                sealed.remove(self.path(other))


def _refusal(path: Path, different: tuple[str, object, object]) -> CheckpointError:
    key, got, expected = different
    if key == "data":
        return CheckpointError(
            f"The checkpoint {path} is of other training data",
            fix="Go on with the data it was written with, or train without resuming.",
        )
    return CheckpointError(
        f"The checkpoint {path} is of another training: {key} was {got!r} and is {expected!r} now",
        fix="Go on with the settings it was written with, or train without resuming.",
    )


def _difference(then: Identity, now: Identity) -> tuple[str, object, object] | None:
    """The first setting that differs, by its path, with both values."""
    before, after = dict(_flat(then.settings)), dict(_flat(now.settings))
    for key in (*after, *before):
        if before.get(key) != after.get(key):
            return key, before.get(key), after.get(key)
    return None if then.data == now.data else ("data", then.data, now.data)


def _flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every plain value in nested mappings and lists, by its path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield f"{path} (length)", len(value)
        for position, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{position}]")
    else:
        yield path, value
