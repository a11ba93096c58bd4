"""Arrays in files of safetensors and of NumPy, mapped.

The libraries check the headers, and this what they leave.
"""

from pathlib import Path

import msgspec
import numpy as np
import safetensors

from turret.storage import regular
from turret.storage.plain_json import decoded

__all__ = ["mapped", "mapped_numpy"]

_DTYPES = {
    "BOOL": "?",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "I8": "i1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
    "U8": "u1",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
}
_BLOCK = 1 << 24


class _Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """An entry of the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def mapped(path: Path) -> dict[str, np.ndarray]:
    """Maps the arrays of a file; they stay on the disk until they are used, and are read-only.

    Args:
        path: the file.

    Returns:
        The arrays by name.

    Raises:
        OSError: if it is no regular file.
        ValueError: if the header is too long, or an array of truth values holds others.
        msgspec.MsgspecError: if the header is no JSON, or names a tensor twice.
        safetensors.SafetensorError: if it does not fit the file.
    """
    with regular.opened(path) as file:
        length = int.from_bytes(file.read(8), "little")
        # Else the library would read what a stranger asks it to read.
        if length > regular.MOST_TEXT:
            raise ValueError(f"its header has {length:,} bytes, more than {regular.MOST_TEXT:,}")
        header = decoded(file.read(length), dict[str, msgspec.Raw])
        with safetensors.safe_open(path, framework="numpy"):
            pass
        data = np.memmap(file, dtype=np.uint8, mode="r").view(np.ndarray)
    header.pop("__metadata__", None)
    return {name: _array(name, raw, data[8 + length :]) for name, raw in header.items()}


def mapped_numpy(path: Path) -> np.ndarray:
    """Maps the array of an `.npy` file; it is read-only.

    Args:
        path: the file.

    Returns:
        The array.

    Raises:
        OSError: if it is no regular file.
        ValueError: if it holds no array of numbers, or another one than its header says.
    """
    with regular.opened(path):
        pass
    try:
        # Not `numpy.load`, which opens archives and pickles, too.
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # its header is parsed as Python, which fails in many ways
        raise ValueError(f"it is no array: {error}") from error
    # A plain view: a memory-mapped array makes each of its slices a mapping again.
    return array.view(np.ndarray)


def _array(name: str, raw: msgspec.Raw, data: np.ndarray) -> np.ndarray:
    entry = decoded(bytes(raw), _Tensor)
    first, last = entry.data_offsets
    if entry.dtype not in _DTYPES:
        raise ValueError(f"the tensor {name} has a type that is not read: {entry.dtype}")
    part = data[first:last]
    if entry.dtype == "BOOL":
        for start in range(0, len(part), _BLOCK):
            if part[start : start + _BLOCK].max() > 1:
                raise ValueError(f"the tensor {name} has a truth value that is neither 0 nor 1")
    return part.view(np.dtype(_DTYPES[entry.dtype])).reshape(entry.shape)
