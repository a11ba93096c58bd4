"""The files of a bundle, each read into what it holds; those that it may lack give None.

Whoever wrote them is not trusted: see `turret.bundle.checks`.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from turret import toml
from turret.bundle import checks
from turret.bundle.names import require_same_ids
from turret.errors import BundleError
from turret.index import registry
from turret.index.base import Index
from turret.index.tuning import Curve
from turret.recipe.recipe import Recipe
from turret.recipe.towers import TwoTower
from turret.storage import files, regular
from turret.storage.parquet import Allowance

__all__ = [
    "OPTIMIZER",
    "Head",
    "read_curve",
    "read_index",
    "read_optimizer",
    "read_parameters",
    "read_recipe",
    "read_report",
    "read_seen",
    "read_tables",
    "read_vectors",
]

OPTIMIZER = "optimizer.safetensors"
"""The file that only a later training needs."""

_MOST_RECIPE = 1024 * 1024
_MOST_DOTS = 100


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `model.json`."""

    query_id: str
    candidate_id: str
    model: TwoTower


def read_vectors(
    directory: Path, *, queries: int, candidates: int, dim: int
) -> dict[str, np.ndarray]:
    """Maps the vectors of candidates and queries, and which queries training met."""
    path = directory / "vectors.safetensors"
    shapes = {
        "candidates": ("float32", (candidates, dim)),
        "queries": ("float32", (queries, dim)),
        "known_queries": ("bool", (queries,)),
    }
    vectors = files.read_tensors(path, shapes, mapped=True)
    for name in ("candidates", "queries"):
        checks.require_finite(path, name, vectors[name])
    return vectors


def read_seen(directory: Path, *, queries: int, candidates: int) -> dict[str, np.ndarray]:
    """Maps what each query has seen, and how often each candidate was."""
    path = directory / "seen.safetensors"
    shapes = {"indptr": ("int64", (queries + 1,)), "candidate_count": ("int64", (candidates,))}
    seen = files.read_tensors(path, shapes, mapped=True)
    rows = seen.get("candidate_row")
    if rows is None or rows.dtype != np.int32 or rows.ndim != 1:
        raise BundleError(
            f"{path}: the tensor candidate_row is missing or does not fit the rest",
            got=None if rows is None else f"{rows.dtype.name}{list(rows.shape)}",
            expected="int32[pairs]",
        )
    checks.require_seen(path, seen, candidates=candidates)
    return seen


def read_parameters(directory: Path, config: TwoTower) -> dict[str, np.ndarray]:
    """Maps the parameters of the towers, which are enough for what `model.json` asks for."""
    arrays = files.read_tensors(directory / "parameters.safetensors", mapped=True)
    checks.require_modest(directory, config, arrays)
    return arrays


def read_tables(
    directory: Path, *, query_id: str, candidate_id: str, columns: list[str], allowance: Allowance
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reads the queries, which have certain columns, and the candidates."""
    tables: list[pl.DataFrame] = []
    for name, names in (
        ("queries.parquet", (query_id, *columns)),
        ("candidates.parquet", (candidate_id,)),
    ):
        tables.append(files.read_table(directory / name, names, allowance=allowance))
        checks.require_ids(directory / name, tables[-1], names[0])
    queries, candidates = tables
    require_same_ids(directory, queries=queries[query_id], candidates=candidates[candidate_id])
    return queries, candidates


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
        text = regular.read_bytes(path, most=_MOST_RECIPE)
        # A key of many parts takes the reader of TOML a time that grows with their square.
        if max(line.count(b".") for line in text.split(b"\n")) > _MOST_DOTS:
            raise ValueError(f"a line has more than {_MOST_DOTS} dots")
        return toml.loads(text, where=path.name)
