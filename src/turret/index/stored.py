"""Candidates that come block by block and stay in files: more of them than memory would hold.

A folder holds `vectors.npy`, which is written as the blocks come and mapped into memory afterwards,
`ids.parquet`, and `columns.parquet` where something is known of the candidates. What is kept in
memory are the ids, 16 bytes each and their text, and the columns.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from turret.data.encoders.lists import lists_in
from turret.data.vocabulary import as_ids
from turret.errors import CandidateIndexError
from turret.index.candidates import Candidates
from turret.storage.files import read_table, reading, write_table
from turret.storage.parquet import Allowance

__all__ = ["Block", "parquet_blocks", "read_candidates", "write_candidates"]

_VECTORS, _IDS, _COLUMNS = "vectors.npy", "ids.parquet", "columns.parquet"


class Block(NamedTuple):
    """Some of the candidates.

    Attributes:
        ids: `m` strings.
        vectors: `[m, d]`.
        columns: what is known of each, `m` rows; every block has the same columns, or none has.
    """

    ids: Iterable[str] | pl.Series
    vectors: Float[np.ndarray, "m d"]
    columns: pl.DataFrame | None = None


def write_candidates(blocks: Iterable[Block], directory: Path) -> Candidates:
    """Writes candidates as they come.

    Args:
        blocks: the candidates, in the order of their rows; at least one block.
        directory: an existing, empty directory.

    Returns:
        The candidates, whose vectors stay on the disk. An index of any kind can be built of them.

    Raises:
        CandidateIndexError: if a block cannot be used, blocks do not fit together, an id occurs
            twice, or there is no block.

    Example:
        >>> import tempfile
        >>> blocks = (Block([f"{n}"], np.full((1, 2), n, dtype=np.float32)) for n in range(3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_candidates(blocks, Path(folder)).vectors.tolist()
        [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]
    """
    ids: list[pl.Series] = []
    tables: list[pl.DataFrame] = []
    dim: int | None = None
    with (directory / _VECTORS).open("wb") as file:
        for block in blocks:
            part = Candidates(block.ids, block.vectors, columns=block.columns)
            if dim is None:
                dim = part.dim
                _write_header(file, rows=0, dim=dim)
            if part.dim != dim:
                raise CandidateIndexError(
                    "a block has vectors of another length", got=part.dim, expected=str(dim)
                )
            ids.append(part.ids)
            tables.append(pl.DataFrame() if part.columns is None else part.columns)
            file.write(part.vectors.astype("<f4", copy=False).data)
        if dim is None:
            raise CandidateIndexError("there is no block of candidates")
        file.seek(0)
        _write_header(file, rows=sum(map(len, ids)), dim=dim)
    write_table(directory / _IDS, pl.concat(ids).to_frame("id"))
    columns = _joined(tables)
    if columns.width > 0:
        write_table(directory / _COLUMNS, columns)
    return read_candidates(directory)


def read_candidates(directory: Path) -> Candidates:
    """Opens what `write_candidates` wrote.

    Args:
        directory: the directory.

    Returns:
        The candidates; their vectors are read from the disk as they are needed.

    Raises:
        CandidateIndexError: if a file is missing or damaged.
    """
    with reading(directory, error=CandidateIndexError):
        size = sum(path.stat().st_size for path in directory.iterdir())
        allowance = Allowance.of(size)
        ids = read_table(directory / _IDS, ["id"], allowance=allowance)["id"]
        # A plain view: a memory-mapped array makes each of its slices a mapping again.
        vectors = np.load(directory / _VECTORS, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        known = directory / _COLUMNS
        columns = read_table(known, [], allowance=allowance) if known.exists() else None
        return Candidates(ids, vectors, columns=columns)


def parquet_blocks(
    path: str | Path, *, candidate_id: str, vector: str = "vector", size: int = 100_000
) -> Iterator[Block]:
    """Reads candidates from a Parquet file, some at a time.

    Args:
        path: the file, or a pattern such as `"vectors/*.parquet"`.
        candidate_id: the column of ids.
        vector: the column of vectors: lists or arrays of numbers, all of one length.
        size: how many are read at a time.

    Yields:
        The blocks; all other columns are what is known of the candidates.

    Raises:
        CandidateIndexError: if the file cannot be read, or a column is missing or of no use.
    """
    place = Path(path)
    with reading(place, error=CandidateIndexError):
        table = pl.scan_parquet(place)
        rows = int(table.select(pl.len()).collect().item())
    for start in range(0, max(rows, 1), size):
        with reading(place, error=CandidateIndexError):
            part = table.slice(start, size).collect()
            lists = lists_in(part[vector], of="numbers")
            lengths = lists.list.len().fill_null(0).to_numpy()
            width = int(lengths.max(initial=0))
            if (lengths != width).any() or lists.has_nulls():
                raise CandidateIndexError(
                    f"{vector} has vectors of several lengths, or none", got=str(lists.dtype)
                )
            numbers = lists.explode().cast(pl.Float32).to_numpy()
            yield Block(
                as_ids(part[candidate_id], what=candidate_id),
                numbers.reshape(len(part), width),
                part.drop(vector),
            )


def _write_header(file: BinaryIO, *, rows: int, dim: int) -> None:
    """The header of an `.npy` file; NumPy leaves room in it for any number of rows."""
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
    )


def _joined(tables: list[pl.DataFrame]) -> pl.DataFrame:
    try:
        return pl.concat(tables)
    except pl.exceptions.PolarsError as error:
        raise CandidateIndexError(
            f"the blocks do not have the same columns ({error})",
            got=str(tables[-1].schema),
            expected=str(tables[0].schema),
        ) from error
