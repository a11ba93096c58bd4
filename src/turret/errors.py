"""Every error that Turret raises on purpose.

::

    TurretError                 exit code 1
    ├── RecipeError             a recipe, or a value in it, cannot be used      exit code 2
    ├── QueryError              a request lacks or misnames a feature or an id  exit code 2
    ├── DataError               files or tables cannot be read as interactions
    ├── SplitError              a split would leave a part empty or mixed up
    ├── ModelError              towers, features and parameters do not fit together
    ├── TrainingError           a training cannot go on
    │   └── TrainingInterrupted a training was asked to stop, and can go on      exit code 130
    ├── CheckpointError         a checkpoint is damaged, or belongs to another training
    ├── EvaluationError         a figure cannot be computed as asked
    ├── CandidateIndexError     an index cannot be built, loaded or searched
    │   └── StoreError          a vector database is out of reach, or holds something else
    ├── ExportError             a model cannot be written in another stack's format
    ├── BundleError             a bundle is damaged, foreign or of a newer format
    ├── ServingError            a server cannot start, or does not answer
    ├── BenchmarkError          a benchmark cannot be run here, or its peers disagree
    └── MissingPartError        an optional part is not installed

The exit code is what the command line ends with.
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "BenchmarkError",
    "BundleError",
    "CandidateIndexError",
    "CheckpointError",
    "DataError",
    "EvaluationError",
    "ExportError",
    "MissingPartError",
    "ModelError",
    "QueryError",
    "RecipeError",
    "ServingError",
    "SplitError",
    "StoreError",
    "TrainingError",
    "TrainingInterrupted",
    "TurretError",
    "installation",
    "nearest",
]


class TurretError(Exception):
    """The base of all of Turret's own errors: one sentence on what, and how to mend it.

    Args:
        what: what went wrong and where, without a full stop.
        got: the value found; shown with `repr`. None leaves the part out.
        expected: what would have been right, in words.
        fix: a sentence that says what to do about it.

    Example:
        >>> print(TurretError("train.epochs", got=0, expected="at least 1", fix="Raise it."))
        train.epochs: got 0, expected at least 1. Raise it.
        >>> print(TurretError("The file is empty"))
        The file is empty.
    """

    exit_code: int = 1

    def __init__(
        self,
        what: str,
        *,
        got: object = None,
        expected: object = None,
        fix: str | None = None,
    ) -> None:
        """Keep the four parts; `str()` puts them together."""
        super().__init__(what)
        self.what = what
        self.got = got
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        """Return the parts as one paragraph, those that are None left out."""
        parts: list[str] = []
        if self.got is not None:
            parts.append(f"got {self.got!r}")
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        sentence = f"{self.what}: {', '.join(parts)}" if parts else self.what
        if not sentence.endswith((".", "!", "?")):
            sentence += "."
        return sentence if self.fix is None else f"{sentence} {self.fix}"


class RecipeError(TurretError):
    """A recipe cannot be read, or a value in it is impossible."""

    exit_code = 2


class QueryError(TurretError):
    """A request lacks a feature, misnames one, or asks for an id that does not exist."""

    exit_code = 2


class DataError(TurretError):
    """Files or tables cannot be read as interactions."""


class SplitError(TurretError):
    """A split would leave a part empty, or put one event on both sides."""


class ModelError(TurretError):
    """Towers, features and parameters do not fit together."""


class TrainingError(TurretError):
    """A training cannot go on, for instance because its loss is no longer finite."""


class TrainingInterrupted(TrainingError):
    """A training was asked to stop (Ctrl-C, or a signal to end) and left a checkpoint first.

    Args:
        step: steps taken.
        epoch: the epoch it was in, counted from 1.
        checkpoint: the path of the checkpoint, if one could be written.
        code: what the process should end with: 128 and the number of the signal.

    Example:
        >>> print(TrainingInterrupted(step=7, epoch=2, checkpoint="runs/a.checkpoints/step-7"))
        The training was stopped after step 7, in epoch 2. It is saved in runs/a.checkpoints/step-7.
    """

    exit_code = 130

    def __init__(
        self, *, step: int, epoch: int, checkpoint: str | None = None, code: int = 130
    ) -> None:
        """Say where it stopped and where it is saved."""
        fix = "It is not saved." if checkpoint is None else f"It is saved in {checkpoint}."
        super().__init__(f"The training was stopped after step {step}, in epoch {epoch}", fix=fix)
        self.step, self.epoch, self.checkpoint, self.exit_code = step, epoch, checkpoint, code


class CheckpointError(TurretError):
    """A checkpoint is damaged, of a newer format, or belongs to another training."""


class EvaluationError(TurretError):
    """A figure cannot be computed as it was asked for."""


class CandidateIndexError(TurretError):
    """An index over candidate vectors cannot be built, loaded or searched."""


class StoreError(CandidateIndexError):
    """A vector database is out of reach, refuses, or does not hold what is searched."""


class BundleError(TurretError):
    """A bundle is damaged, is not a bundle, or is of a format newer than this version."""


class ExportError(TurretError):
    """A model cannot be written in the format of another stack."""


class ServingError(TurretError):
    """A server cannot be started, or does not answer a request."""


class BenchmarkError(TurretError):
    """A benchmark cannot be run here, or those it compares do not compute the same."""


class MissingPartError(TurretError):
    """An optional part is needed but not installed.

    Args:
        part: the library that is missing.
        extra: the extra of the `turret` package that brings it.

    Example:
        >>> MissingPartError("faiss", extra="faiss").what
        'faiss is not installed'
    """

    def __init__(self, part: str, *, extra: str) -> None:
        """Name the part and the extra that brings it."""
        super().__init__(f"{part} is not installed", fix=f"Install it with: {installation(extra)}")
        self.part = part
        self.extra = extra


def installation(extra: str) -> str:
    """Say how an optional part is installed.

    Args:
        extra: the extra of the `turret` package that brings it.

    Returns:
        The command, and the one that works in a checkout of the project.

    Example:
        >>> installation("faiss")
        "pip install 'turret[faiss]' (in a checkout: pip install -e '.[faiss]')"
    """
    return f"pip install 'turret[{extra}]' (in a checkout: pip install -e '.[{extra}]')"


def nearest(name: str, known: Iterable[str]) -> str:
    """Say in one sentence which known name was probably meant.

    Args:
        name: the name that is not known.
        known: the names that are.

    Returns:
        `Did you mean 'epochs'?`, or the list of the known names when none is near.

    Example:
        >>> nearest("epoch", ["epochs", "seed"])
        "Did you mean 'epochs'?"
        >>> nearest("zzz", ["seed", "epochs"])
        'Known are: epochs, seed.'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known are: {', '.join(names)}."
