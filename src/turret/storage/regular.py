"""Opening files that somebody else may have made: regular ones alone, and of a bounded size.

A name in a directory may lead to a link, a pipe that never ends or never begins, or a device. What
is opened here follows no link, waits for nobody, and is a regular file, whatever the name led to
when it was looked at.
"""

import io
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MOST_TEXT", "opened", "read_bytes"]

MOST_TEXT = 16 * 1024 * 1024
"""The bytes that a file of text, JSON or TOML, may have."""

# What is not on a system does not exist there: Windows has neither pipes by name nor this danger.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@contextmanager
def opened(path: Path) -> Generator[io.BufferedReader]:
    """Opens a regular file for reading.

    Args:
        path: the file. The last part of the path may not be a link.

    Yields:
        The file, at its beginning.

    Raises:
        OSError: if it cannot be opened, or is no regular file.
    """
    if path.is_symlink():
        raise OSError("it is a link, not a regular file")
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def read_bytes(path: Path, *, most: int = MOST_TEXT) -> bytes:
    """Reads a small file.

    Args:
        path: the file.
        most: the bytes that it may have.

    Returns:
        Its content.

    Raises:
        OSError: if it cannot be read, is no regular file, or is larger.
    """
    with opened(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"it has more than {most:,} bytes")
    return content
