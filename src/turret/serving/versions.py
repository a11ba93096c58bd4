"""A folder of numbered bundles, of which the newest whole one is served."""

import re
from collections.abc import Callable
from pathlib import Path

from turret.errors import ServingError
from turret.serving.logs import Log
from turret.serving.version import Version
from turret.storage.damage import MANIFEST

__all__ = ["Versions", "is_bundle"]

_NUMBER = re.compile(r"^(0|[1-9][0-9]{0,17})$")

_Files = tuple[tuple[str, int, int, int], ...]


def is_bundle(path: Path) -> bool:
    """Whether a directory is one bundle and no folder of them.

    Args:
        path: the directory.

    Returns:
        Whether it has a manifest, or cannot be a folder of bundles.
    """
    return (path / MANIFEST).exists() or not path.is_dir()


class Versions:
    """Watches the folder.

    Args:
        path: the folder: its subfolders whose names are whole numbers are versions.
        load: opens a bundle, verifies it and warms it up.
        log: where failures are written.
        failed: told of each version that cannot be served.
    """

    def __init__(
        self,
        path: Path,
        load: Callable[[Path, int], Version],
        *,
        log: Log,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep the parts."""
        self._path, self._load, self._log, self._failed = path, load, log, failed
        self._served: tuple[int, _Files] | None = None
        self._damaged: dict[int, _Files] = {}

    def newer(self) -> Version | None:
        """Load what is to be served in the place of what is.

        Returns:
            The version with the largest number that can be served; None when that is served
            already, or there is none. One that cannot be is tried again when its files change.
        """
        numbers = self._numbers()
        for number in sorted(numbers, reverse=True):
            files = _files(numbers[number])
            if self._served == (number, files):
                return None
            if not files or self._damaged.get(number) == files:
                continue
            try:
                version = self._load(numbers[number], number)
            except Exception as error:
                self._damaged[number] = files
                self._failed()
                self._log.write("error", "version_refused", version=str(number), reason=str(error))
                continue
            self._damaged.pop(number, None)
            self._served = (number, files)
            return version
        return None

    def first(self) -> Version:
        """Load what is served at the beginning.

        Returns:
            The version.

        Raises:
            ServingError: if there is none that can be served.
        """
        version = self.newer()
        if version is None:
            raise ServingError(
                f"{self._path} is neither a bundle nor a folder of numbered bundles",
                got=sorted(entry.name for entry in self._path.iterdir())[:10],
                expected="subfolders 1, 2, ... with a whole bundle in at least one",
                fix="Look at them with turret verify.",
            )
        return version

    def _numbers(self) -> dict[int, Path]:
        try:
            return {
                int(entry.name): entry
                for entry in self._path.iterdir()
                if _NUMBER.match(entry.name)
            }
        except OSError as error:
            self._log.write("error", "folder_unreadable", reason=str(error.strerror))
            return {}


def _files(directory: Path) -> _Files:
    """What tells whether the files changed; nothing while there is no manifest."""
    if not (directory / MANIFEST).exists():
        return ()
    found: list[tuple[str, int, int, int]] = []
    try:
        for path in sorted(directory.rglob("*")):
            # Not of what a link leads to: one that leads nowhere is to be refused, not waited for.
            state = path.lstat()
            found.append((path.name, state.st_size, state.st_mtime_ns, state.st_ino))
    except OSError:
        # It is being removed or written.
        return ()
    return tuple(found)
