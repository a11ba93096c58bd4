"""`ids.safetensors`: the ids once more, for readers that know NumPy and safetensors alone."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from turret.errors import BundleError
from turret.storage import files

__all__ = ["FILE", "require_same_ids", "write_ids"]

FILE = "ids.safetensors"
"""The file; a bundle may lack it."""


def _tensors(ids: Mapping[str, pl.Series]) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for name, column in ids.items():
        text = "".join(column.str.join("").to_list()).encode("utf-8")
        indptr = np.zeros(len(column) + 1, dtype=np.int64)
        np.cumsum(column.str.len_bytes().to_numpy(), out=indptr[1:])
        tensors[name] = np.frombuffer(text, dtype=np.uint8)
        tensors[f"{name}_indptr"] = indptr
    return tensors


def write_ids(directory: Path, *, queries: pl.Series, candidates: pl.Series) -> None:
    """Writes the ids of queries and candidates.

    Args:
        directory: of the bundle.
        queries: the ids of queries, in the order of their rows.
        candidates: the ids of candidates, in the order of their rows.
    """
    files.write_tensors(directory / FILE, _tensors({"queries": queries, "candidates": candidates}))


def require_same_ids(directory: Path, *, queries: pl.Series, candidates: pl.Series) -> None:
    """Refuses ids that are others than those in the tables: two readers would disagree.

    Args:
        directory: of the bundle.
        queries: the ids of queries, as the table has them.
        candidates: the ids of candidates, as the table has them.

    Raises:
        BundleError: if the file is there and holds other ids.
    """
    path = directory / FILE
    if not path.exists():
        return
    wanted = _tensors({"queries": queries, "candidates": candidates})
    shapes = {name: (array.dtype.name, array.shape) for name, array in wanted.items()}
    found = files.read_tensors(path, shapes, mapped=True)
    for name, array in wanted.items():
        if not np.array_equal(found[name], array):
            raise BundleError(
                f"{path}: the tensor {name} holds other ids than the table",
                fix="Copy it again, or train again.",
            )
