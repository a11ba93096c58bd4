"""Whether the files of a bundle fit each other: right checksums alone do not say so.

Whoever writes a bundle writes its checksums too. What is looked at here is what an answer would
otherwise trip over later: ids, row numbers, numbers that are none, and sizes for which memory would
be asked before anything is found to be wrong.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Shaped

from turret.data.encoders.tower import TowerEncoder
from turret.errors import BundleError
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.custom import Custom
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.cross import Cross
from turret.recipe.features.history import History
from turret.recipe.features.text import Text
from turret.recipe.towers import Tower, TwoTower

__all__ = [
    "require_finite",
    "require_ids",
    "require_modest",
    "require_parameters",
    "require_seen",
]

_LONGEST_LIST = 100_000
_BLOCK_VALUES = 16 * 1024 * 1024


def require_ids(path: Path, table: pl.DataFrame, column: str) -> None:
    """Refuses a column that does not say for each row what it is called.

    Args:
        path: the file of the table.
        table: what it holds.
        column: the column of ids.

    Raises:
        BundleError: if it is no text, or an id is missing or stands there twice.
    """
    ids = table[column]
    what = f"{path}: the column {column!r}"
    if ids.dtype != pl.String:
        raise BundleError(f"{what} holds no text", got=str(ids.dtype), expected="String")
    if ids.has_nulls():
        raise BundleError(f"{what} has a row without an id", got=f"row {ids.is_null().arg_max()}")
    if ids.n_unique() < len(ids):
        twice = ids.filter(ids.is_duplicated())[0]
        raise BundleError(f"{what} has an id twice", got=twice[:200], expected="distinct ids")


def require_finite(path: Path, name: str, array: Shaped[np.ndarray, "n ..."]) -> None:
    """Refuses numbers that are none.

    Args:
        path: the file.
        name: of the tensor.
        array: what it holds; read a block at a time.

    Raises:
        BundleError: if one is infinite or no number.
    """
    rows = max(1, _BLOCK_VALUES // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, array.shape[0], rows):
        finite = np.isfinite(array[start : start + rows])
        if not finite.all():
            row = start + int(np.argwhere(~finite)[0][0])
            raise BundleError(
                f"{path}: the tensor {name} has a number that is not finite",
                got=f"in row {row}",
                expected="finite numbers",
            )


def require_seen(path: Path, seen: Mapping[str, np.ndarray], *, candidates: int) -> None:
    """Refuses rows of candidates that there are not, or that are not where they are said to be.

    Args:
        path: the file.
        seen: its tensors `indptr`, `candidate_row` and `candidate_count`.
        candidates: how many there are.

    Raises:
        BundleError: if the rows do not fit.
    """
    indptr, rows = seen["indptr"], seen["candidate_row"]
    if indptr[0] != 0 or indptr[-1] != rows.shape[0] or (indptr[1:] < indptr[:-1]).any():
        raise BundleError(
            f"{path}: the tensor indptr does not fit the tensor candidate_row",
            expected=f"numbers that never fall, from 0 to {rows.shape[0]}",
        )
    if rows.shape[0] and (rows.min() < 0 or rows.max() >= candidates):
        raise BundleError(
            f"{path}: the tensor candidate_row has a row that is none",
            got=f"{rows.min()} to {rows.max()}",
            expected=f"0 to {candidates - 1}",
        )
    rises = rows[1:] > rows[:-1]
    begins = np.zeros(rows.shape[0] + 1, dtype=bool)
    begins[indptr] = True
    if not (rises | begins[1:-1]).all():
        raise BundleError(
            f"{path}: the tensor candidate_row does not rise within a query",
            expected="the distinct candidates of each query, ascending",
        )
    if candidates and seen["candidate_count"].min() < 0:
        raise BundleError(f"{path}: the tensor candidate_count has a number below 0")


def require_modest(directory: Path, config: TwoTower, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuses numbers in `model.json` that ask for more than the parameters are there for.

    An encoder keeps something for each bucket, and a model is built layer by layer, before its
    parameters are compared with what is built.

    Args:
        directory: of the bundle.
        config: the two towers.
        arrays: the parameters by name.

    Raises:
        BundleError: if there are not as many parameters.
    """
    path = directory / "model.json"
    for name, tower in _towers(config):
        for feature in tower.features:
            length = getattr(feature, "length", 0)
            if length > _LONGEST_LIST:
                raise BundleError(
                    f"{path}: {name} feature {feature.key!r} asks for lists too long to be made",
                    got=length,
                    expected=f"a length of at most {_LONGEST_LIST:,}",
                )
            layers = feature.layers if isinstance(feature, History) else 1
            _require_layers(path, layers, arrays)
            buckets = _buckets(feature)
            if buckets is not None and looks_up(feature):
                _require_table(directory, table_name(name, feature), arrays, rows=buckets + 1)
        for body in tower.body:
            _require_layers(path, body.layers if isinstance(body, CrossNetwork) else 1, arrays)


def _towers(config: TwoTower) -> tuple[tuple[str, Tower], ...]:
    return (("query", config.query), ("candidate", config.candidate))


def _buckets(feature: object) -> int | None:
    if isinstance(feature, Categorical | Cross):
        return feature.hash_buckets
    return feature.buckets if isinstance(feature, Text) else None


def _require_layers(path: Path, layers: int, arrays: Mapping[str, np.ndarray]) -> None:
    if layers > max(1, len(arrays)):
        raise BundleError(
            f"{path} asks for more layers than there are parameters",
            got=layers,
            expected=f"at most {len(arrays)}",
        )


def _require_table(
    directory: Path,
    table: str,
    arrays: Mapping[str, np.ndarray],
    *,
    rows: int,
    dim: int | None = None,
) -> None:
    path = directory / "parameters.safetensors"
    array = arrays.get(f"tables/{table}")
    if array is None:
        raise BundleError(f"{path} has no tensor tables/{table}")
    shape = (rows, array.shape[1] if dim is None and array.ndim == 2 else dim)
    if array.dtype != np.float32 or array.shape != shape or array.size == 0:
        raise BundleError(
            f"{path}: the tensor tables/{table} does not fit the rest",
            got=f"{array.dtype.name}{list(array.shape)}",
            expected=f"float32[{rows}, {'dim' if dim is None else dim}]",
        )


def require_parameters(
    directory: Path,
    config: TwoTower,
    *,
    encoders: tuple[TowerEncoder, TowerEncoder],
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Refuses embedding tables and first layers that do not fit the encoders.

    What the further layers are like only the model knows, which is not built to answer by id.

    Args:
        directory: of the bundle.
        config: the two towers.
        encoders: of the query tower and the candidate tower.
        arrays: the parameters by name.

    Raises:
        BundleError: if a tensor is missing, or of another type or shape.
    """
    path = directory / "parameters.safetensors"
    for name, array in arrays.items():
        if not name.startswith(("tables/", "dense/")) or array.dtype != np.float32:
            raise BundleError(
                f"{path}: the tensor {name[:200]} is no parameter",
                got=f"{array.dtype.name}{list(array.shape)}",
                expected="float32, and a name that begins with tables/ or dense/",
            )
    whole = any(isinstance(body, Custom) for _, tower in _towers(config) for body in tower.body)
    for encoder in encoders:
        for feature in encoder.features:
            dim, one = feature.embedding_dim or config.embedding_dim, encoder.encoders[feature.key]
            if looks_up(feature):
                table = table_name(encoder.name, feature)
                _require_table(directory, table, arrays, rows=one.num_rows, dim=dim)
            name = f"dense/{encoder.name}/features/{feature.key}/weight"
            array = arrays.get(name)
            if one.num_values and (array is None or array.shape != (one.num_values, dim)):
                if array is None and whole:
                    continue
                raise BundleError(
                    f"{path}: the tensor {name} does not fit the rest",
                    got=None if array is None else f"float32{list(array.shape)}",
                    expected=f"float32[{one.num_values}, {dim}]",
                )
