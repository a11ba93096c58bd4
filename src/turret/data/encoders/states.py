"""What an encoder kept of its fit, read from a table that anybody may have written."""

import numpy as np
import polars as pl
from jaxtyping import Int64, Shaped

from turret.errors import DataError

__all__ = ["kept", "kept_numbers", "kept_rows"]


def kept(state: pl.DataFrame, name: str, *, dtype: object) -> pl.Series:
    """A column of a state.

    Args:
        state: what an encoder's `state` gave.
        name: the column.
        dtype: the type that it must have. A column without rows may have any.

    Returns:
        The column.

    Raises:
        DataError: if there is none, it has another type, or lacks a value.
    """
    if name not in state.columns:
        raise DataError(f"there is no column {name!r}", got=state.columns[:20])
    column = state[name]
    if len(column) > 0 and column.dtype != dtype:
        raise DataError(
            f"the column {name!r} has another type", got=str(column.dtype), expected=str(dtype)
        )
    if column.has_nulls():
        raise DataError(f"the column {name!r} lacks a value")
    return column


def kept_numbers(
    state: pl.DataFrame, name: str, *, least: int, most: int | None = None
) -> Shaped[np.ndarray, " n"]:
    """A column of finite numbers of a state.

    Args:
        state: what an encoder's `state` gave.
        name: the column, float64.
        least: how many numbers there are at least.
        most: how many there are at most; None for any number.

    Returns:
        The numbers.

    Raises:
        DataError: if they are not so many, or not finite.
    """
    numbers = kept(state, name, dtype=pl.Float64).cast(pl.Float64).to_numpy()
    if len(numbers) < least or (most is not None and len(numbers) > most):
        raise DataError(f"the column {name!r}", got=len(numbers), expected=f"{least} numbers")
    if not np.isfinite(numbers).all():
        raise DataError(f"the column {name!r} has a number that is not finite")
    return numbers


def kept_rows(state: pl.DataFrame, name: str, *, least: int, most: int) -> Int64[np.ndarray, " n"]:
    """A column of rows of an embedding table of a state, ascending.

    Args:
        state: what an encoder's `state` gave.
        name: the column, int32.
        least: the first row that there can be.
        most: the last one.

    Returns:
        The rows.

    Raises:
        DataError: if one is outside, or they do not rise.
    """
    rows = kept(state, name, dtype=pl.Int32).cast(pl.Int64).to_numpy()
    if len(rows) and (rows[0] < least or rows[-1] > most or (rows[1:] <= rows[:-1]).any()):
        raise DataError(
            f"the column {name!r} has rows that are none",
            expected=f"ascending ones, each once, from {least} to {most}",
        )
    return rows
