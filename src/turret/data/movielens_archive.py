"""Where MovieLens comes from: a path, the cache, GroupLens, or the copy inside the RecBole package.

The releases are not part of Turret and may not be passed on, so each user fetches them once.
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from turret.caching import cache_folder
from turret.data.downloads import Package, Say, Unavailable, download, download_package
from turret.data.movielens_formats import members
from turret.errors import DataError

__all__ = [
    "GROUPLENS",
    "RECBOLE",
    "RELEASES",
    "TERMS",
    "Found",
    "NoCopyError",
    "Release",
    "find",
    "movielens_cache",
]

GROUPLENS = "https://files.grouplens.org/datasets/movielens/"
"""The address of the releases."""

TERMS = (
    "MovieLens is collected and offered by GroupLens, University of Minnesota, for research: cite "
    "Harper and Konstan (2015), doi.org/10.1145/2827872; imply no endorsement; do not pass the "
    "data on or use them commercially without permission. In full: "
    "https://grouplens.org/datasets/movielens/"
)


class NoCopyError(DataError):
    """No place that is looked at has a copy of a release."""


class Release(NamedTuple):
    """What a release must be: size and SHA-256 of its archive, and its counts; None is unknown."""

    size: int | None
    sha256: str | None
    ratings: int | None
    users: int | None
    movies: int | None


RELEASES: dict[str, Release] = {
    "100k": Release(
        4_924_029,
        "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        100_000,
        943,
        1_682,
    ),
    "1m": Release(
        5_917_549,
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        1_000_209,
        6_040,
        3_883,
    ),
    "10m": Release(
        65_566_137,
        "813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862",
        10_000_054,
        69_878,
        10_681,
    ),
    "20m": Release(
        198_702_078,
        "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
        20_000_263,
        138_493,
        27_278,
    ),
    "25m": Release(
        261_978_986,
        "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
        25_000_095,
        162_541,
        62_423,
    ),
    "32m": Release(
        238_950_008,
        "e4a68655d7386b8f95f2f2424b2ff975dfdd15ffd59e0d864a14dca43e99d6ee",
        32_000_204,
        200_948,
        87_585,
    ),
    # GroupLens replaces this one from time to time, so nothing about it is certain.
    "latest-small": Release(None, None, None, None, None),
}
"""The releases by name."""

RECBOLE = Package(
    "recbole==1.2.1",
    "recbole-1.2.1-py3-none-any.whl",
    "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
)
"""The package that carries a copy of the 100k release."""


class Found(NamedTuple):
    """A release as it was found.

    Attributes:
        files: the content of its files.
        origin: where they come from, in words.
        exact: whether it is the published archive; a folder or file of the user's own may differ.
    """

    files: dict[str, bytes]
    origin: str
    exact: bool


def movielens_cache() -> Path:
    """The user's cache folder for MovieLens, under `$XDG_CACHE_HOME` or else `~/.cache`."""
    return cache_folder() / "movielens"


def find(name: str, *, path: str | os.PathLike[str] | None, say: Say) -> Found:
    """Finds a release: at a path, else in the cache, else at GroupLens, else in RecBole's package.

    Args:
        name: the name of the release.
        path: a folder or a zip archive; with a path no other place is looked at.
        say: is told which place serves, and once the terms of use.

    Returns:
        The release.

    Raises:
        NoCopyError: if no place has it; the message gives each place's reason.
        DataError: if there is none at the given path.
    """
    if path is not None:
        place = Path(path).expanduser()
        try:
            found = Found(_read(place, name), str(place), exact=False)
        except Unavailable as error:
            raise DataError(
                f"{place} is no copy of MovieLens {name}: {error.what}",
                fix=f"Give the folder or zip archive that GroupLens publishes as ml-{name}.zip.",
            ) from error
        say(f"MovieLens {name}: read from {place}")
        return found
    reasons: list[str] = []
    for place, attempt in _places(name, say):
        try:
            found = attempt()
        except Unavailable as error:
            reasons.append(f"{place}: {error.what}")
            continue
        say(f"MovieLens {name}: read from {found.origin}")
        _show_terms(say)
        return found
    raise NoCopyError(
        f"No copy of MovieLens {name} can be had ({'; '.join(reasons)})",
        fix=f"Fetch {GROUPLENS}ml-{name}.zip and give its path, or use the source 'synthetic'.",
    )


def _places(name: str, say: Say) -> Iterator[tuple[str, Callable[[], Found]]]:
    """The places to look at without a path, in order, with the function that looks."""
    cache = movielens_cache()
    archive = cache / f"ml-{name}.zip"
    package = cache / RECBOLE.file

    def fetch_archive() -> Found:
        size, sha256 = RELEASES[name].size, RELEASES[name].sha256
        download(GROUPLENS + archive.name, archive, size=size, sha256=sha256, say=say)
        return Found(_read(archive, name), "GroupLens", exact=True)

    def fetch_package() -> Found:
        download_package(RECBOLE, package, say=say)
        return Found(_read(package, name), f"the package {RECBOLE.requirement}", exact=True)

    def cached(place: Path, *, exact: bool) -> Callable[[], Found]:
        return lambda: Found(_read(place, name), str(place), exact=exact)

    yield "cache", cached(archive, exact=RELEASES[name].sha256 is not None)
    if (cache / f"ml-{name}").is_dir():
        yield "cache", cached(cache / f"ml-{name}", exact=False)
    if name == "100k" and package.exists():
        yield "cache", cached(package, exact=True)
    yield "GroupLens", fetch_archive
    if name == "100k":
        yield "package index", fetch_package


def _read(place: Path, name: str) -> dict[str, bytes]:
    """The files of a release from a folder (or a folder in it) or a zip archive."""
    wanted = {file for format_ in members(name) for file in format_}
    if place.is_dir():
        folders = [place, *sorted(folder for folder in place.iterdir() if folder.is_dir())]
        listings = [{f: folder / f for f in wanted if (folder / f).is_file()} for folder in folders]
        listing = next((files for files in listings if _complete(files, name)), listings[0])
        files = {file: path.read_bytes() for file, path in listing.items()}
    elif place.is_file():
        files = _read_zip(place, wanted)
    else:
        raise Unavailable("nothing there")
    if not _complete(files, name):
        needed = " or ".join(" + ".join(format_) for format_ in members(name))
        raise Unavailable(f"it lacks files of that release ({needed})")
    return files


def _complete(files: dict[str, Path] | dict[str, bytes], name: str) -> bool:
    return any(set(format_) <= set(files) for format_ in members(name))


def _read_zip(place: Path, wanted: set[str]) -> dict[str, bytes]:
    """Those members of a zip archive that are wanted, by their names without folders."""
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(place) as archive:
            for member in archive.namelist():
                file = member.rpartition("/")[2]
                if file in wanted:
                    files[file] = archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise Unavailable(f"it cannot be read as a zip archive ({error})") from error
    return files


def _show_terms(say: Say) -> None:
    """Shows GroupLens' terms of use, once for each cache folder."""
    mark = movielens_cache() / "terms-shown"
    if mark.exists():
        return
    say(TERMS)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        pass  # They are shown again next time.
