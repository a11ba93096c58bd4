"""What is wrong with a sealed directory, file by file, the manifest included.

The manifest is the one file that has no SHA-256 of its own: what it says is compared with the
files instead. A file that was damaged has a SHA-256 that agrees with the right one in one digit of
sixteen, so where nearly all digits agree, or a length alone is wrong, or a name alone, it is
the manifest that was damaged, and that is said.
"""

import hashlib
import os
from pathlib import Path

import msgspec

from turret.storage import regular

__all__ = ["MANIFEST", "FileEntry", "Manifest", "problems", "sha256_of", "shown"]

MANIFEST = "manifest.json"
"""The name of the file that names the others."""

# Of 64 digits that have nothing to do with each other so many agree once in 10^50.
_NEARLY_ALL = 56
_MOST_FOLDERS = 1000
_TOLD_APART = 20


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a manifest says of one file.

    Attributes:
        bytes: its length.
        sha256: its SHA-256, in 64 lower-case hexadecimal digits.
    """

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `manifest.json`.

    Attributes:
        format: what kind of directory it is.
        format_version: the version of that format.
        files: every other file, by its path with forward slashes.
    """

    format: str
    format_version: int
    files: dict[str, FileEntry]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in lower-case hexadecimal digits.

    Args:
        path: the file.

    Raises:
        OSError: if it cannot be read, or is no regular file.
    """
    with regular.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown(name: str) -> str:
    r"""A name that somebody else chose, as a message may hold it: printable, and not long.

    Example:
        >>> shown("a.txt"), shown("a\n")
        ('a.txt', 'a\\n')
    """
    plain = name if name.isprintable() else ascii(name)[1:-1]
    return plain if len(plain) <= 200 else f"{plain[:200]}..."


def problems(directory: Path, manifest: Manifest) -> list[str]:
    """Compares the files of a directory with its manifest.

    Args:
        directory: the sealed directory.
        manifest: its manifest.

    Returns:
        One clause for each file that is missing, of another length, damaged or not in the
        manifest, in the order of their names; empty when all is as it was written.

    Raises:
        OSError: if the directory cannot be read.
    """
    present = _present(directory)
    present.pop(MANIFEST, None)
    found: dict[str, str] = {}
    for name in sorted(present.keys() | manifest.files.keys()):
        entry = manifest.files.get(name)
        if name not in present:
            found[name] = f"{shown(name)} is missing"
        elif entry is None:
            found[name] = f"{shown(name)} does not belong to it"
        elif not present[name]:
            found[name] = f"{shown(name)} is not a regular file"
        else:
            said = _difference(directory / name, shown(name), entry)
            if said is not None:
                found[name] = said
    _tell_misnamed(directory, manifest, present=present, found=found)
    return list(found.values())


def _present(directory: Path) -> dict[str, bool]:
    """Everything below a directory that is no directory, and whether it is a regular file.

    Links are not followed.
    """
    present: dict[str, bool] = {}
    folders = [""]
    for number, folder in enumerate(folders):
        if number > _MOST_FOLDERS:
            raise OSError(f"it has more than {_MOST_FOLDERS:,} folders")
        with os.scandir(directory / folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                else:
                    present[folder + entry.name] = entry.is_file(follow_symlinks=False)
    return present


def _difference(path: Path, name: str, entry: FileEntry) -> str | None:
    """How a regular file differs from what its manifest says, if it does."""
    try:
        length = path.lstat().st_size
        if length == entry.bytes:
            digest = sha256_of(path)
            if digest == entry.sha256:
                return None
            if _agreeing(digest, entry.sha256) >= _NEARLY_ALL:
                return f"{MANIFEST} is damaged in the SHA-256 of {name}"
            return f"{name} is damaged (its SHA-256 is another)"
        # A file of another length is not read to its end, unless the manifest may be the damaged.
        if _is_one_flip(str(length), str(entry.bytes)) and sha256_of(path) == entry.sha256:
            return f"{MANIFEST} is damaged in the length of {name}"
    except OSError as error:
        return f"{name} cannot be read ({error.strerror or error})"
    return f"{name} has {length} bytes instead of {entry.bytes}"


def _tell_misnamed(
    directory: Path, manifest: Manifest, *, present: dict[str, bool], found: dict[str, str]
) -> None:
    """Where a file that is missing lies there under nearly the same name, the manifest is wrong."""
    missing = [name for name in manifest.files if name not in present]
    spare = [name for name, regular_file in present.items() if regular_file]
    spare = [name for name in spare if name not in manifest.files]
    for wrong in missing[:_TOLD_APART]:
        for right in spare[:_TOLD_APART]:
            entry = manifest.files[wrong]
            if _is_one_flip(wrong, right) and _difference(directory / right, right, entry) is None:
                del found[right]
                found[wrong] = f"{MANIFEST} is damaged in the name of {shown(right)}"


def _agreeing(one: str, other: str) -> int:
    return sum(a == b for a, b in zip(one, other, strict=False)) if len(one) == len(other) else 0


def _is_one_flip(one: str, other: str) -> bool:
    """Whether two texts differ in one byte."""
    left, right = one.encode(errors="replace"), other.encode(errors="replace")
    return len(left) == len(right) and sum(a != b for a, b in zip(left, right, strict=True)) == 1
