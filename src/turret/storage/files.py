"""The kinds of file in a sealed directory: JSON, tensors, tables, each written and read in one way.

Reading turns whatever goes wrong into an error that names the file: a `BundleError` unless another
kind is asked for.
"""

import os
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

from turret.errors import BundleError, DataError, MissingPartError, TurretError

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
    except (
        OSError,
        UnicodeDecodeError,
        TurretError,
        msgspec.MsgspecError,
        pl.exceptions.PolarsError,
        safetensors.SafetensorError,
    ) as cause:
        raise error(
            f"{path} cannot be read: {cause}", fix="Copy it again, or train again."
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
    """
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value)) + b"\n")


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
        return msgspec.json.decode(path.read_bytes(), type=kind)


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
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as safetensors.

    Args:
        path: the file.
        tensors: the arrays by name.
    """
    # NumPy makes a contiguous scalar one of length 1.
    plain = {
        name: np.ascontiguousarray(array).reshape(array.shape) for name, array in tensors.items()
    }
    # safetensors leaves the type parameters of its arrays open.
    safetensors.numpy.save_file(plain, path)  # pyright: ignore[reportUnknownMemberType]


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
        if mapped and sys.platform != "win32":
            tensors = _map(path)
        else:
            # safetensors leaves the type parameters of its arrays open.
            tensors: dict[str, np.ndarray] = safetensors.numpy.load_file(path)  # pyright: ignore[reportUnknownMemberType]
    wanted: Mapping[str, tuple[str, tuple[int, ...]]] = {} if shapes is None else shapes
    for name, (dtype, shape) in wanted.items():
        array = tensors.get(name)
        if array is None:
            raise error(f"{path} has no tensor {name}", got=sorted(tensors))
        if (array.dtype.name, array.shape) != (dtype, shape):
            raise error(
                f"{path}: the tensor {name} does not fit the rest",
                got=f"{array.dtype.name}{list(array.shape)}",
                expected=f"{dtype}{list(shape)}",
            )
    return tensors


class _Tensor(msgspec.Struct):
    """An entry of the header of a safetensors file."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


_DTYPES = {
    "BOOL": "?",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "I8": "i1",
    "I32": "<i4",
    "I64": "<i8",
    "U32": "<u4",
    "U8": "u1",
}


def _map(path: Path) -> dict[str, np.ndarray]:
    """Maps the arrays of a safetensors file, whose header the library has checked."""
    with safetensors.safe_open(path, framework="numpy"):
        pass
    data = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = msgspec.json.decode(data[8:start].tobytes(), type=dict[str, msgspec.Raw])
    header.pop("__metadata__", None)
    arrays: dict[str, np.ndarray] = {}
    for name, raw in header.items():
        entry = msgspec.json.decode(raw, type=_Tensor)
        first, last = entry.data_offsets
        if entry.dtype not in _DTYPES:
            raise DataError(f"the tensor {name} has a type that cannot be mapped", got=entry.dtype)
        part = data[start + first : start + last]
        arrays[name] = part.view(np.dtype(_DTYPES[entry.dtype])).reshape(entry.shape)
    return arrays


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Writes a table as Parquet, compressed with zstd.

    Args:
        path: the file.
        table: the table.
    """
    table.write_parquet(path)


def read_table(path: Path, columns: Iterable[str]) -> pl.DataFrame:
    """Reads a table from Parquet.

    Args:
        path: the file.
        columns: the columns it must have.

    Returns:
        The whole table.

    Raises:
        BundleError: if the file cannot be read, or a column is missing.
    """
    with reading(path):
        table = pl.read_parquet(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise BundleError(f"{path} lacks the column {missing[0]!r}", got=table.columns)
    return table
