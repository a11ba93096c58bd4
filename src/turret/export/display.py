"""The columns of candidates that an exported model shows beside their ids."""

import msgspec
import numpy as np
import polars as pl

__all__ = ["shown"]


def shown(column: pl.Series) -> np.ndarray:
    """A column of the bundle as an array that a model can hold.

    Whole numbers are int64, and float64 where some are missing, as NaN; other numbers are float64.
    Everything else, whole numbers beyond int64 included, is text, empty where it is missing: times
    in ISO 8601, truth values as "true" and "false", lists and structures as JSON.

    Args:
        column: `n` values.

    Returns:
        `[n]`: int64, float64, or texts as `object`.

    Example:
        >>> shown(pl.Series(["Drama", None])).tolist(), shown(pl.Series([[1], [2, 3]])).tolist()
        (['Drama', ''], ['[1]', '[2,3]'])
    """
    dtype = column.dtype
    if (
        dtype.is_integer()
        and column.cast(pl.Int64, strict=False).null_count() > column.null_count()
    ):
        column, dtype = column.cast(pl.String), pl.String()
    if dtype.is_integer() and not column.has_nulls():
        return column.cast(pl.Int64).to_numpy()
    if dtype.is_numeric():
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    plain = isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Boolean | pl.Null)
    if plain:
        texts = column.cast(pl.String).to_list()
    else:
        texts = [_text(value) for value in column.to_list()]
    return np.array([text or "" for text in texts], dtype=object)


def _text(value: object) -> str:
    if value is None:
        return ""
    return msgspec.json.encode(value).decode().strip('"')
