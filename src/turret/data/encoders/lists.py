"""Lists in a column as rows of a fixed length."""

from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int64, Shaped

from turret.errors import DataError

__all__ = ["lists_in", "places", "plain", "pooling_weights", "right_aligned", "values_in"]


def plain(column: pl.Series) -> pl.Series:
    """A column; text that is kept as categories is text."""
    categories = isinstance(column.dtype, pl.Categorical | pl.Enum)
    return column.cast(pl.String) if categories else column


def lists_in(column: pl.Series, *, of: str, fix: str | None = None) -> pl.Series:
    """A column that must hold lists.

    Args:
        column: Lists, arrays, or nothing but nulls.
        of: What the lists are of, for the error.
        fix: What the error advises.

    Returns:
        The lists.

    Raises:
        DataError: When the column is of another type.
    """
    if column.dtype == pl.Null:
        return column.cast(pl.List(pl.String))
    if isinstance(column.dtype, pl.Array):
        return column.arr.to_list()
    if not isinstance(column.dtype, pl.List):
        raise DataError(
            f"column {column.name!r} holds no lists",
            got=str(column.dtype),
            expected=f"a list of {of} in each row",
            fix=fix,
        )
    return column


def values_in(lists: pl.Series) -> tuple[pl.Series, Int64[np.ndarray, " m"]]:
    """The values of all lists behind each other, and the row of each.

    Example:
        >>> values, owner = values_in(pl.Series([[1, 2], [], None, [3]]))
        >>> values.to_list(), owner.tolist()
        ([1, 2, 3], [0, 0, 3])
    """
    lengths = lists.list.len().fill_null(0)
    flat = lists.filter(lengths > 0).explode()
    return flat, np.repeat(np.arange(len(lists)), lengths.to_numpy().astype(np.int64))


def places(
    owner: Shaped[np.ndarray, " m"], *, n: int, length: int, last: bool
) -> tuple[Bool[np.ndarray, " m"], Shaped[np.ndarray, " m"]]:
    """Where values stand when each owner's get a row of a fixed length.

    Args:
        owner: For each value its row, ascending.
        n: How many rows.
        length: How many values a row has room for.
        last: Whether the last ones of a row are kept, at its end; else the first, at its start.

    Returns:
        Which values are kept, and the column of each.

    Example:
        >>> kept, column = places(np.array([0, 0, 0, 2]), n=3, length=2, last=True)
        >>> kept.tolist(), column.tolist()
        ([False, True, True, True], [-1, 0, 1, 1])
    """
    counts = np.bincount(owner, minlength=n)
    ends = np.cumsum(counts)
    if last:
        column = np.arange(len(owner)) - ends[owner] + length
        return column >= 0, column
    column = np.arange(len(owner)) - (ends - counts)[owner]
    return column < length, column


def right_aligned(
    values: Shaped[np.ndarray, " m"], owner: Shaped[np.ndarray, " m"], *, n: int, length: int
) -> Shaped[np.ndarray, "n l"]:
    """The last values of each owner, in their order, at the end of its row.

    Args:
        values: Values, those of an owner together and in order.
        owner: For each value its row, ascending.
        n: How many rows.
        length: How many values a row has room for; further ones at the front are dropped.

    Returns:
        The rows, int32; -1 where there is no value.

    Example:
        >>> values, owner = np.array([1, 2, 3, 4], np.int32), np.array([0, 0, 0, 2])
        >>> right_aligned(values, owner, n=3, length=2).tolist()
        [[2, 3], [-1, -1], [-1, 4]]
    """
    kept, column = places(owner, n=n, length=length, last=True)
    rows = np.full((n, length), -1, np.int32)
    rows[owner[kept], column[kept]] = values[kept]
    return rows


def pooling_weights(
    weights: Shaped[np.ndarray, "n l"], pooling: Literal["sum", "mean", "sqrtn"]
) -> Float32[np.ndarray, "n l"]:
    """What each entry of a pooled row counts.

    Args:
        weights: The entries' own weights, in float32's range; 0 where there is no entry.
        pooling: "sum"; "mean", over the sum of the magnitudes; "sqrtn", over the root of the sum of
            the squares.

    Returns:
        The weights; 0 in a row whose weights are all 0.

    Example:
        >>> pooling_weights(np.array([[1, 1, 1, 1], [0, 0, 0, 0]]), "sqrtn").tolist()
        [[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]]
    """
    if pooling == "sum":
        return weights.astype(np.float32)
    given = weights.astype(np.float64)
    if pooling == "sqrtn":
        total = np.sqrt(np.einsum("nl,nl->n", given, given))
    else:
        total = np.abs(given).sum(axis=1)
    return (given / np.where(total > 0, total, 1.0)[:, None]).astype(np.float32)
