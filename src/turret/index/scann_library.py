"""The ScaNN library, imported so that it works with and without TensorFlow beside it.

ScaNN's package looks for TensorFlow when it is imported, and passes over its absence. Beside a
TensorFlow it was not compiled against it finds one, loads an operator library that does not fit,
and fails. Turret needs only the part that works on NumPy arrays, so TensorFlow is hidden from that
one import.
"""

import importlib
import re
import sys
import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any, cast

from turret.errors import MissingPartError
from turret.storage.standard_error import sifted

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


def without_log_lines() -> AbstractContextManager[None]:
    """Keeps ScaNN's log lines off the standard error stream while it builds or loads.

    Returns:
        A context: whatever else is written meanwhile is passed on at its end.
    """
    return sifted(lambda line: not _LOG_LINE.match(line))
