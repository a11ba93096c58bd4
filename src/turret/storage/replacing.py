"""A small file that appears whole, in the place of the one before it."""

import os
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file beside its place and moves it there, so that nobody sees half of it.

    Args:
        path: where it will stand, in a folder that is there.
        content: all of it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
