"""The vectors and ids of a bundle as plain files: for vector databases, Spark, a warehouse."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32, Int64

from turret.recommender.changes import opened, view_of
from turret.recommender.memory import Memory
from turret.storage.naming import unlike
from turret.storage.streaming import stream

__all__ = ["fill"]

_BLOCK_VALUES = 1 << 22
# A row group holds about so many numbers: 64 MiB.
_GROUP_VALUES = 1 << 24


def fill(source: Path, directory: Path, *, k: int) -> None:
    """Write `candidates` and `queries`, each as `.parquet` and as `.npy`, a block at a time.

    The Parquet files have the column of the ids, text, and `vector`, an array of float32; row `i`
    of the `.npy` file, `[n, d]` float32, is the vector of row `i`. Candidates stand in the order of
    the index; scores are inner products. Queries are those that have a vector: of a query of which
    training met nothing there is none.

    Args:
        source: the directory of the bundle; changes that were logged beside it count, except what
            queries saw since.
        directory: an empty directory.
        k: of no use here.

    Raises:
        BundleError: if there is no bundle, or it is damaged.
    """
    bundle, changes = opened(source)
    view = view_of(bundle, changes)
    candidates, alive = view.candidates, view.alive
    rows = np.arange(len(candidates)) if alive is None else alive.rows
    names = candidates.ids.alias(bundle.candidate_id)
    _write(directory / "candidates", names, candidates.vectors, rows=rows)
    known, memory = bundle.known_queries, Memory(changes)
    names = bundle.queries[bundle.query_id]
    if memory:
        known = known & ~np.array([memory.forgets(name) for name in names], dtype=bool)
    _write(directory / "queries", names, bundle.query_vectors, rows=np.flatnonzero(known))


def _write(
    path: Path,
    ids: pl.Series,
    vectors: Float32[np.ndarray, "n d"],
    *,
    rows: Int64[np.ndarray, " m"],
) -> None:
    """Write some rows in both formats."""
    dim: int = vectors.shape[1]
    block = max(1, _BLOCK_VALUES // dim)
    called, dtype = unlike("vector", [ids.name]), pl.Array(pl.Float32, dim)
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows.shape[0], dim)}
    # No memory map: one of a file that the disk has no room for ends the process.
    with path.with_suffix(".npy").open("wb") as plain:
        np.lib.format.write_array_header_1_0(plain, header)
        for start in range(0, rows.shape[0], block):
            plain.write(vectors[rows[start : start + block]].astype("<f4").tobytes())

    def frames() -> Iterator[pl.DataFrame]:
        for start in range(0, max(rows.shape[0], 1), block):
            some = rows[start : start + block]
            part = vectors[some]
            yield pl.DataFrame([ids.gather(some), pl.Series(called, part, dtype=dtype)])

    stream(frames(), path.with_suffix(".parquet"), row_group=max(1, _GROUP_VALUES // dim))
