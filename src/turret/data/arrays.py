"""Columns of vectors from `.npy` files."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from turret.errors import DataError

__all__ = ["with_arrays"]


def with_arrays(table: pl.DataFrame, arrays: Mapping[str, str]) -> pl.DataFrame:
    """Join columns of vectors to a table.

    Args:
        table: `n` rows.
        arrays: By the name of each new column the path of an `.npy` file of numbers, `[n, width]`,
            of which row `i` belongs to row `i` of the table. Nothing in it is run.

    Returns:
        The table and the columns, of float32 arrays.

    Raises:
        DataError: When a file is no such array, or the table has the column.
    """
    return table.with_columns(
        _column(path, name=name, table=table) for name, path in arrays.items()
    )


def _column(path: str, *, name: str, table: pl.DataFrame) -> pl.Series:
    if name in table.columns:
        raise DataError(f"{path} is for a column that the table has", got=name, fix="Rename it.")
    try:
        # Of an archive of several arrays, .npz, this makes none of numbers.
        values = np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as an .npy file ({error})") from error
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise DataError(
            f"{path} holds no vectors",
            got=f"{values.dtype}{list(values.shape)}",
            expected="numbers, one row for each row of the table",
        )
    if len(values) != table.height:
        raise DataError(
            f"{path} has another number of rows than its table",
            got=len(values),
            expected=f"{table.height}",
        )
    numbers = np.ascontiguousarray(values, dtype=np.float32)
    return pl.Series(name, numbers, dtype=pl.Array(pl.Float32, values.shape[1]))
