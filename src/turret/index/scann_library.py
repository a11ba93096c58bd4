"""The ScaNN library, imported so that it works with and without TensorFlow beside it.

ScaNN's package looks for TensorFlow when it is imported, and passes over its absence. Beside a
TensorFlow it was not compiled against it finds one, loads an operator library that does not fit,
and fails. Turret needs only the part that works on NumPy arrays, so TensorFlow is hidden from that
one import.
"""

import importlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

from turret.errors import MissingPartError

__all__ = ["import_scann", "without_log_lines"]

_lock = threading.Lock()
_LOG_LINE = re.compile(rb"^([IWEF]\d{4,} |[IWEF]\d{4} |WARNING: All log messages before absl)")


@contextmanager
def _hidden(module: str) -> Generator[None]:
    """Makes a top-level module look absent to imports, and puts back what was there."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    was_there = module in modules
    before = modules.get(module)
    # None is how Python itself spells "this import fails with ModuleNotFoundError".
    modules[module] = None
    try:
        yield
    finally:
        if was_there:
            modules[module] = before
        else:
            modules.pop(module, None)


def import_scann() -> Any:  # the library has no types
    """Imports the part of ScaNN that works on NumPy arrays.

    Returns:
        The module `scann.scann_ops.py.scann_ops_pybind`.

    Raises:
        MissingPartError: if ScaNN is not installed.
    """
    with _lock, _hidden("tensorflow"):
        try:
            return importlib.import_module("scann.scann_ops.py.scann_ops_pybind")
        except ModuleNotFoundError as error:
            raise MissingPartError("scann", extra="scann") from error


@contextmanager
def without_log_lines() -> Generator[None]:
    """Keeps ScaNN's log lines off the standard error stream while it builds or loads.

    They come from compiled code, so the stream is set aside at the level of the operating system;
    whatever else was written meanwhile is passed on at the end.

    Yields:
        Nothing.
    """
    try:
        stream = os.dup(2)
    except OSError:  # a process without a standard error stream has nothing to protect
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            kept.seek(0)
            rest = b"".join(line for line in kept if not _LOG_LINE.match(line))
            if rest:
                os.write(2, rest)
