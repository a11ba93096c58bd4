"""Sealed directories: written whole or not at all, and verified file by file when opened.

A sealed directory holds files and a `manifest.json` that names each of them with its length and
its SHA-256. It comes into being beside its place under another name, is flushed to the disk, and
is then renamed; a process killed at any moment leaves what stood there before, or the new one.
"""

import ctypes
import fnmatch
import glob
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from turret.errors import TurretError
from turret.storage import regular
from turret.storage.damage import MANIFEST, FileEntry, Manifest, problems, sha256_of, shown
from turret.storage.locking import locked
from turret.storage.plain_json import decoded

__all__ = [
    "Format",
    "identity",
    "read_manifest",
    "remove",
    "remove_leftovers",
    "require_free",
    "require_outside",
    "seal",
    "verify",
]

_PARTIAL = ".partial"
# What the name of every format begins with.
_OURS = "turret-"
_TOLD = 20


@dataclass(frozen=True)
class Format:
    """A kind of sealed directory.

    Attributes:
        name: what `format` says in its manifest.
        version: the version that is written, and the newest that can be read; from 1.
        noun: what such a directory is called in messages.
        error: what is raised when one is damaged, foreign or too new.
    """

    name: str
    version: int
    noun: str
    error: type[TurretError]

    @property
    def one(self) -> str:
        """The noun behind its article."""
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"


class _Header(msgspec.Struct):
    """The part of a manifest that every version of every format has."""

    format: str
    format_version: int


def read_manifest(directory: Path, format: Format) -> Manifest:
    """Reads a manifest and refuses what this version cannot read.

    Args:
        directory: the sealed directory.
        format: the kind of directory wanted.

    Returns:
        The manifest; the files it names are not looked at.

    Raises:
        TurretError: of the format's kind, if there is no such directory, it is of another kind or
            of a newer version, or the manifest is damaged.
    """
    path, noun, error = directory / MANIFEST, format.noun, format.error
    if not directory.is_dir():
        raise error(f"There is no {noun} at {directory}", fix="Check the path.")
    if not path.is_symlink() and not path.exists():
        raise error(
            f"{directory} is not {format.one}: it has no {MANIFEST}",
            fix="Name the directory that a training wrote.",
        )
    try:
        text = regular.read_bytes(path)
        header = decoded(text, _Header)
        if header.format != format.name:
            raise error(
                f"{directory} is not {format.one}, says its {MANIFEST}",
                got=shown(header.format),
                expected=f"the format {format.name!r}",
            )
        if not 1 <= header.format_version <= format.version:
            raise error(
                f"The {noun} at {directory} has a format version that this Turret cannot read, "
                f"says its {MANIFEST}",
                got=header.format_version,
                expected=f"1 to {format.version}" if format.version > 1 else "1",
                fix="Upgrade Turret, or train again with this version.",
            )
        manifest = decoded(text, Manifest)
    except (OSError, msgspec.MsgspecError) as cause:
        raise error(
            f"{path} is damaged: {cause}", fix=f"Copy the {noun} again, or train again."
        ) from cause
    for name in manifest.files:
        if not _is_inside(name):
            raise error(f"{path} names a file outside of the {noun}", got=shown(name))
    return manifest


def _is_inside(name: str) -> bool:
    """Whether a name leads to a file in the directory, on every system, and in one way only."""
    plain = not any(sign in name for sign in "\\:\0")
    return plain and all(part not in ("", ".", "..") for part in name.split("/"))


def verify(directory: Path, format: Format, *, required: Iterable[str] = ()) -> Manifest:
    """Checks that a sealed directory is as it was written.

    Args:
        directory: the sealed directory.
        format: the kind of directory wanted.
        required: files that it must have.

    Returns:
        Its manifest.

    Raises:
        TurretError: of the format's kind, naming what is missing, damaged or too many.
    """
    manifest = read_manifest(directory, format)
    try:
        found = problems(directory, manifest)
    except OSError as cause:
        raise format.error(
            f"The {format.noun} at {directory} cannot be read: {cause}", fix="Copy it again."
        ) from cause
    found += [f"{name} is missing" for name in required if name not in manifest.files]
    if found:
        told = found if len(found) <= _TOLD else [*found[:_TOLD], f"and {len(found) - _TOLD} more"]
        raise format.error(
            f"The {format.noun} at {directory} is not as it was written: {'; '.join(told)}",
            fix="Copy it again, or train again.",
        )
    return manifest


def identity(directory: Path) -> tuple[int, int]:
    """Tells one directory from another that takes its place.

    Args:
        directory: an existing directory.

    Returns:
        A pair that changes when the path comes to name another directory.
    """
    status = directory.stat()
    return status.st_dev, status.st_ino


def require_free(directory: Path, format: Format) -> Path:
    """Checks that `seal` may write at a place, before there is anything to write.

    Args:
        directory: where a sealed directory is to stand.
        format: the kind of directory that may be replaced.

    Returns:
        The place as an absolute path, links resolved.

    Raises:
        TurretError: of the format's kind, if something stands there that is neither an empty
            directory nor a sealed directory of that format, or if the place is inside of one.
    """
    target = directory.resolve()
    require_outside(target, error=format.error)
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    try:
        header = decoded(regular.read_bytes(target / MANIFEST), _Header)
        if header.format == format.name:
            return target
    except (OSError, msgspec.MsgspecError):
        pass
    raise format.error(
        f"{target} exists and is not {format.one}, so it is not overwritten",
        fix="Choose another path, or move away what is there.",
    )


def require_outside(path: Path, *, error: type[TurretError]) -> None:
    """Checks that a place is inside of no sealed directory, which another file would damage.

    Args:
        path: where something is to be written.
        error: what is raised.

    Raises:
        TurretError: of the kind given, if it is.
    """
    for folder in path.resolve().parents:
        try:
            header = decoded(regular.read_bytes(folder / MANIFEST), _Header)
        except (OSError, msgspec.MsgspecError):
            continue
        if header.format.startswith(_OURS):
            raise error(
                f"{path} is inside of {folder}, whose {MANIFEST} names every file in it, so "
                "nothing is written there",
                got=shown(header.format),
                fix="Choose a place beside it.",
            )


def seal(directory: Path, format: Format, *, fill: Callable[[Path], None]) -> Path:
    """Writes a sealed directory; whoever looks sees the old one or the new one, never a part.

    Args:
        directory: where it will stand. Its parents are made. Nothing may stand there, or an empty
            directory, or a sealed directory of the same format, which is replaced.
        format: the kind of directory.
        fill: writes the files into the empty directory it is given.

    Returns:
        The path of the sealed directory, absolute.

    Raises:
        TurretError: of the format's kind, if something else stands at that place.
    """
    target = require_free(directory, format)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target.parent, glob.escape(target.name))
    with _partial_directory(target) as partial:
        fill(partial)
        files: dict[str, FileEntry] = {}
        for path in sorted(path for path in partial.rglob("*") if path.is_file()):
            name = path.relative_to(partial).as_posix()
            files[name] = FileEntry(bytes=path.stat().st_size, sha256=sha256_of(path))
        manifest = Manifest(format=format.name, format_version=format.version, files=files)
        text = msgspec.json.format(msgspec.json.encode(manifest))
        (partial / MANIFEST).write_bytes(text + b"\n")
        for path in [*partial.rglob("*"), partial]:
            _flush(path)
        require_free(target, format)
        _move_into_place(partial, target)
        _flush(target.parent)
    return target


@contextmanager
def _partial_directory(target: Path) -> Generator[Path]:
    """A directory beside the target, locked while this process lives, and removed in the end."""
    partial, lock = _new_partial(target)
    try:
        yield partial
    finally:
        # After an exchange, what is removed here is the directory that was replaced.
        shutil.rmtree(partial, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _new_partial(target: Path) -> tuple[Path, int | None]:
    while True:
        partial = target.with_name(f".{target.name}.{secrets.token_hex(6)}{_PARTIAL}")
        partial.mkdir()
        try:
            lock = _locked(partial)
        except FileNotFoundError:
            continue
        if partial.exists():
            return partial, lock
        # Another process that writes here took it for a leftover before it was locked.
        if lock is not None:
            os.close(lock)


def _locked(directory: Path) -> int | None:
    """Locks a directory; None where another process holds the lock or there are no such locks."""
    if sys.platform == "win32":
        return None
    descriptor = os.open(directory, os.O_RDONLY)
    if locked(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def remove(directory: Path) -> None:
    """Removes a sealed directory: it is gone at once, or was never touched.

    Args:
        directory: the directory; none need stand there.
    """
    aside = directory.with_name(f".{directory.name}.{secrets.token_hex(6)}{_PARTIAL}")
    with suppress(FileNotFoundError):
        directory.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(folder: Path, name: str) -> None:
    """Removes what killed processes left half written: nobody holds a lock on it.

    Args:
        folder: an existing folder, in which sealed directories are written.
        name: the name of the directory that was being written, or a pattern such as `step-*`.
    """
    for path in folder.iterdir():
        if fnmatch.fnmatchcase(path.name, f".{name}.*{_PARTIAL}"):
            with suppress(FileNotFoundError):
                lock = _locked(path)
                if lock is not None:
                    shutil.rmtree(path, ignore_errors=True)
                    os.close(lock)


def _flush(path: Path) -> None:
    """Asks the operating system to put a file, or the names in a directory, on the disk."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_into_place(partial: Path, target: Path) -> None:
    if not target.exists() or not any(target.iterdir()):
        partial.rename(target)
    elif not _exchange(partial, target):
        # No single step replaces a directory here: for a moment nothing stands at the target.
        aside = partial.with_name(f"{partial.name}.old")
        target.rename(aside)
        partial.rename(target)
        aside.rename(partial)


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two directories in one step, where the operating system can (Linux)."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    here, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    return rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0
