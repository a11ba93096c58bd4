"""The files of a bundle, each read into what it holds; those that it may lack give None."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from turret import toml
from turret.errors import BundleError
from turret.index import registry
from turret.index.base import Index
from turret.index.tuning import Curve
from turret.recipe.recipe import Recipe
from turret.storage import files

__all__ = [
    "OPTIMIZER",
    "read_curve",
    "read_index",
    "read_optimizer",
    "read_recipe",
    "read_report",
    "read_seen",
    "read_vectors",
]

OPTIMIZER = "optimizer.safetensors"
"""The file that only a later training needs."""


def read_vectors(
    directory: Path, *, queries: int, candidates: int, dim: int
) -> dict[str, np.ndarray]:
    """Maps the vectors of candidates and queries, and which queries training met."""
    shapes = {
        "candidates": ("float32", (candidates, dim)),
        "queries": ("float32", (queries, dim)),
        "known_queries": ("bool", (queries,)),
    }
    return files.read_tensors(directory / "vectors.safetensors", shapes, mapped=True)


def read_seen(directory: Path, *, queries: int, candidates: int) -> dict[str, np.ndarray]:
    """Reads what each query has seen, and how often each candidate was."""
    shapes = {"indptr": ("int64", (queries + 1,)), "candidate_count": ("int64", (candidates,))}
    return files.read_tensors(directory / "seen.safetensors", shapes)


def read_index(
    directory: Path, *, candidates: pl.DataFrame, candidate_id: str, vectors: np.ndarray
) -> Index:
    """Loads the index over the vectors of the candidates."""
    place = directory / "index"
    with files.reading(place):
        ids = candidates[candidate_id]
        return registry.load(place, ids=ids, vectors=vectors, columns=candidates)


def read_curve(directory: Path) -> Curve | None:
    """Reads how the settings of the index were found, if it was tuned."""
    path = directory / "index" / "curve.json"
    return files.read_json(path, Curve) if path.exists() else None


def read_report(directory: Path) -> dict[str, object] | None:
    """Reads how the model was judged, if it was."""
    path = directory / "report.json"
    return files.read_object(path) if path.exists() else None


def read_optimizer(
    directory: Path, *, parameters: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray] | None:
    """Maps the optimizer's state, if it was kept: it stays on the disk until a training begins."""
    path = directory / OPTIMIZER
    if not path.exists():
        return None
    arrays = files.read_tensors(path, mapped=True)
    for name, array in arrays.items():
        if name.startswith("slots/"):
            table = "tables/" + name.removeprefix("slots/").rpartition("/")[0]
            expected = parameters[table].shape[0] if table in parameters else 0
            if array.shape[:1] != (expected,):
                raise BundleError(
                    f"{path}: the tensor {name} does not fit the rest",
                    got=f"{array.dtype.name}{list(array.shape)}",
                    expected=f"{expected:,} rows, those of {table}",
                )
    return arrays


def read_recipe(directory: Path) -> Recipe | None:
    """Reads the recipe of the training, if there was one."""
    path = directory / "recipe.toml"
    if not path.exists():
        return None
    with files.reading(path):
        return toml.loads(path.read_bytes(), where=path.name)
