"""The kinds of file in a sealed directory: JSON, tensors, tables, each written and read in one way.

Reading turns whatever goes wrong into an error that names the file: a `BundleError` unless another
kind is asked for.
"""

import os
import re
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import polars as pl
import safetensors
import safetensors.numpy

from turret.errors import BundleError, MissingPartError, TurretError
from turret.storage import parquet, regular, tensors
from turret.storage.plain_json import decoded

__all__ = [
    "beside",
    "read_json",
    "read_object",
    "read_table",
    "read_tensors",
    "reading",
    "write_json",
    "write_table",
    "write_tensors",
]

T = TypeVar("T")

# Whatever a file by a stranger can make a library raise.
_WRONG = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    TurretError,
    msgspec.MsgspecError,
    pl.exceptions.PolarsError,
    safetensors.SafetensorError,
)


@contextmanager
def reading(path: Path, *, error: type[TurretError] = BundleError) -> Generator[None]:
    """Names the file in whatever goes wrong while it is read.

    Args:
        path: the file.
        error: the kind of error that is raised.

    Yields:
        Nothing.

    Raises:
        TurretError: of that kind, if the block fails because of what the file holds.
    """
    try:
        yield
    except (error, MissingPartError):
        raise
    except _WRONG as cause:
        # A library says nothing of some failures, a KeyError the key alone.
        plain = isinstance(cause, OSError | TurretError | msgspec.MsgspecError) and str(cause)
        said = plain or f"{type(cause).__name__}: {cause}"
        raise error(
            f"{path} cannot be read: {said}", fix="Copy it again, or train again."
        ) from cause


def beside(directory: str | os.PathLike[str], suffix: str) -> Path:
    """A folder that belongs to a directory and stands beside it.

    Args:
        directory: the directory.
        suffix: what is added to its name.

    Example:
        >>> beside("runs/tutorial", "report").name
        'tutorial.report'
    """
    place = Path(directory).resolve()
    return place.with_name(f"{place.name}.{suffix}")


def write_json(path: Path, value: object) -> None:
    """Writes a value as indented JSON in UTF-8.

    Args:
        path: the file.
        value: anything that msgspec encodes.

    Raises:
        BundleError: if it comes to more than a reader takes.
    """
    text = msgspec.json.format(msgspec.json.encode(value)) + b"\n"
    if len(text) > regular.MOST_TEXT:
        raise BundleError(
            f"{path.name} would be too large to be read again",
            got=f"{len(text):,} bytes",
            expected=f"at most {regular.MOST_TEXT:,}",
        )
    path.write_bytes(text)


def read_json(path: Path, kind: type[T], *, error: type[TurretError] = BundleError) -> T:
    """Reads a JSON file into a struct.

    Args:
        path: the file.
        kind: the struct.
        error: the kind of error that is raised.

    Returns:
        The struct.

    Raises:
        TurretError: of that kind, if the file is no JSON, or does not fit the struct.
    """
    with reading(path, error=error):
        return decoded(regular.read_bytes(path), kind)


def read_object(path: Path) -> dict[str, object]:
    """Reads a JSON file that holds an object of whatever content.

    Args:
        path: the file.

    Returns:
        The object.

    Raises:
        BundleError: if the file is no JSON object.
    """
    with reading(path):
        return decoded(regular.read_bytes(path), dict[str, object])


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as safetensors.

    Args:
        path: the file.
        arrays: the arrays by name.

    Raises:
        OSError: if it cannot be written: the disk is full, for instance.
    """
    # NumPy makes a contiguous scalar one of length 1.
    plain = {
        name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()
    }
    # safetensors leaves the type parameters of its arrays open.
    try:
        safetensors.numpy.save_file(plain, path)  # pyright: ignore[reportUnknownMemberType]
    except safetensors.SafetensorError as error:
        found = re.search(r"\(os error ([0-9]+)\)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error


def read_tensors(
    path: Path,
    shapes: Mapping[str, tuple[str, tuple[int, ...]]] | None = None,
    *,
    mapped: bool = False,
    error: type[TurretError] = BundleError,
) -> dict[str, np.ndarray]:
    """Reads named arrays from safetensors.

    Args:
        path: the file.
        shapes: for each name the array's dtype and shape, when they are known.
        mapped: leave the arrays on the disk until they are used; they are read-only then. A file
            that is removed or replaced stays as it was for whoever mapped it. Not on Windows,
            where a file could then not be replaced.
        error: the kind of error that is raised.

    Returns:
        The arrays by name.

    Raises:
        TurretError: of that kind, if the file cannot be read, or an array is missing or of another
            dtype or shape.
    """
    with reading(path, error=error):
        found = tensors.mapped(path)
        if not mapped or sys.platform == "win32":
            found = {name: array.copy() for name, array in found.items()}
    wanted: Mapping[str, tuple[str, tuple[int, ...]]] = {} if shapes is None else shapes
    for name, (dtype, shape) in wanted.items():
        array = found.get(name)
        if array is None:
            raise error(f"{path} has no tensor {name}", got=sorted(found)[:20])
        if (array.dtype.name, array.shape) != (dtype, shape):
            raise error(
                f"{path}: the tensor {name} does not fit the rest",
                got=f"{array.dtype.name}{list(array.shape)}",
                expected=f"{dtype}{list(shape)}",
            )
    return found


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Writes a table as Parquet, compressed with zstd.

    Args:
        path: the file.
        table: the table.
    """
    table.write_parquet(path)


def read_table(
    path: Path, columns: Iterable[str], *, allowance: parquet.Allowance | None = None
) -> pl.DataFrame:
    """Reads a table from Parquet.

    Args:
        path: the file.
        columns: the columns it must have.
        allowance: what the tables of one directory may come to in memory; None gives this one
            what its own size allows.

    Returns:
        The whole table.

    Raises:
        BundleError: if the file cannot be read, would take more memory than is allowed, or a
            column is missing.
    """
    with reading(path):
        room = parquet.Allowance.of(path.lstat().st_size) if allowance is None else allowance
        table = parquet.read(path, room)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise BundleError(f"{path} lacks the column {missing[0]!r}", got=table.columns[:20])
    return table
