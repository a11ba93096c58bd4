"""The parts of a long answer, each sealed beside the file that they will be joined to.

A run that was ended, however, leaves its parts; the next one with the same settings goes on behind
them, and the file it writes is the one that the first would have written.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import msgspec
import numpy as np

from turret.errors import DataError
from turret.storage import sealed
from turret.storage.files import read_json, read_tensors, write_tensors
from turret.storage.locking import locked
from turret.storage.replacing import replace_file

__all__ = ["Parts", "Settings"]

_FORMAT = sealed.Format("turret-answers", version=1, noun="part", error=DataError)
_RUN = "run.json"
_TENSORS = "answers.safetensors"
# The settings, the parts, the joined file; and the first two half written.
_OURS = re.compile(r"run\.json|[0-9]{8,}|whole\..*|\.run\.json\.[0-9]+|\.[0-9]{8,}\..*\.partial")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bytes of an answer depend on.

    Attributes:
        answers: the fingerprint of the recommender.
        versions: of the libraries that compute and write.
        k: answers for each query.
        exclude_seen: whether what a query was trained on is left out.
        where: the condition on candidates, if there is one.
        block: queries in a part.
    """

    answers: str
    versions: dict[str, str]
    k: int
    exclude_seen: bool
    where: str | None
    block: int


class Parts:
    """A folder of parts. To be used as a context, which one process at a time can enter.

    When it is left, a folder without a part goes; any other stays, until `remove` is called.

    Args:
        folder: where the parts are kept; made if it is not there.
        settings: those of this run. Parts of a run with others are removed.
        say: told when parts of an earlier run are used, or not.
    """

    def __init__(self, folder: Path, settings: Settings, *, say: Callable[[str], None]) -> None:
        """Keep what is given."""
        self._folder, self._settings, self._say = folder, settings, say
        self._lock: int | None = None

    def __enter__(self) -> "Parts":
        """Take the folder, and see which parts of it can be used.

        Raises:
            DataError: another process fills it, or something else is in it.
        """
        with suppress(FileExistsError):
            self._folder.mkdir()
        self._lock = _locked(self._folder)
        try:
            self._begin()
        except BaseException:
            self._unlock()
            raise
        return self

    def _begin(self) -> None:
        """See what is in the folder, and take out what is of no use."""
        self._require_ours()
        earlier = self._earlier()
        if earlier != self._settings:
            if any(self._folder.iterdir()):
                others = _others(earlier, self._settings)
                self._say(f"{self._folder} was left by a run with {others}: beginning anew.")
                _empty(self._folder)
            replace_file(self._folder / _RUN, msgspec.json.encode(self._settings) + b"\n")
        elif there := sum(1 for path in self._folder.iterdir() if path.name.isdecimal()):
            self._say(f"Going on behind the {there:,} parts in {self._folder}.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the folder, and remove it if there is no part in it."""
        if self._folder.exists() and not any(p.name.isdecimal() for p in self._folder.iterdir()):
            self.remove()
        self._unlock()

    def there(self, number: int) -> bool:
        """Whether a part is there; a damaged one is removed.

        Args:
            number: which.
        """
        place = self._place(number)
        if not place.exists():
            return False
        try:
            sealed.verify(place, _FORMAT, required=(_TENSORS,))
        except DataError as error:
            self._say(f"{error.what}. It is made again.")
            sealed.remove(place)
            return False
        return True

    def write(self, number: int, tensors: Mapping[str, np.ndarray]) -> None:
        """Write a part, whole or not at all.

        Args:
            number: which.
            tensors: what it holds.
        """
        sealed.seal(
            self._place(number),
            _FORMAT,
            fill=lambda directory: write_tensors(directory / _TENSORS, tensors),
        )

    def read(self, number: int) -> dict[str, np.ndarray]:
        """Read a part.

        Args:
            number: which.

        Returns:
            What `write` was given.
        """
        return read_tensors(self._place(number) / _TENSORS, error=DataError)

    def scratch(self, name: str) -> Path:
        """A place in the folder for what is not whole yet.

        Args:
            name: the name of a file.
        """
        return self._folder / name

    def remove(self) -> None:
        """Remove the folder: it is not needed any more."""
        _empty(self._folder)
        self._folder.rmdir()

    def _place(self, number: int) -> Path:
        return self._folder / f"{number:08}"

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _require_ours(self) -> None:
        """Refuses a folder that no run made: what is in it may be dear to somebody."""
        names = {path.name for path in self._folder.iterdir()}
        foreign = sorted(name for name in names if not _OURS.fullmatch(name))
        if not foreign and _RUN not in names:
            foreign = sorted(name for name in names if not name.startswith("."))
        if foreign:
            raise DataError(
                f"{self._folder} is where the answers are kept that are ready, and holds something "
                "else",
                got=foreign[0],
                fix="Move it away, or name another file.",
            )

    def _earlier(self) -> Settings | None:
        try:
            return read_json(self._folder / _RUN, Settings, error=DataError)
        except DataError:
            return None


def _others(earlier: Settings | None, settings: Settings) -> str:
    """In which settings an earlier run differs."""
    if earlier is None:
        return "settings that cannot be read"
    names = {"answers": "another bundle", "versions": "other versions"}
    found = [
        names.get(name) or f"{name} = {value!r} instead of {getattr(settings, name)!r}"
        for name, value in msgspec.structs.asdict(earlier).items()
        if value != getattr(settings, name)
    ]
    return ", ".join(found)


def _empty(folder: Path) -> None:
    """Removes what is in a folder; the settings go last, since they tell that a run made it."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name == _RUN):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _locked(folder: Path) -> int | None:
    if sys.platform == "win32":
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    if locked(descriptor):
        return descriptor
    os.close(descriptor)
    raise DataError(f"Another process is filling {folder}", fix="Wait for it, or end it first.")
