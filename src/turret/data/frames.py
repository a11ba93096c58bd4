"""Columns of data frames, validated: what a source delivers becomes ids, seconds and weights.

Each function takes a whole column and answers with a whole column, or with an error that says which
row is wrong and how to mend it. Rows are counted from 1 in errors.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int32

from turret.data.conditions import condition_columns, fulfilled
from turret.data.vocabulary import Vocabulary, as_ids, require_present
from turret.errors import DataError, nearest

__all__ = [
    "POSITIVES",
    "UNITS_PER_SECOND",
    "as_frame",
    "constant_columns",
    "entity_table",
    "require_columns",
    "select_positive",
    "timestamp_seconds",
    "weight_values",
]

POSITIVES = "The condition for positives"
"""How an error names the condition that `select_positive` applies."""

UNITS_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of each unit of time a second has."""


def as_frame(data: object, *, what: str) -> pl.DataFrame:
    """Takes a table of any common kind as a Polars data frame.

    Args:
        data: a Polars data frame (eager or lazy), a pandas data frame, an Arrow table or anything
            else with the Arrow stream interface, or a mapping from column names to sequences.
        what: how an error names the table.

    Returns:
        The table. No copy is made where none is needed.

    Raises:
        DataError: if it is no such thing.

    Example:
        >>> as_frame({"user_id": [1, 2]}, what="the interactions").columns
        ['user_id']
    """
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    table = cast(Any, data)  # Known only by what it can do: no such library is a dependency.
    try:
        if isinstance(data, Mapping):
            return pl.DataFrame(table)
        if hasattr(table, "__arrow_c_stream__"):
            try:
                return pl.DataFrame(table)
            except ImportError:
                # pandas offers the Arrow interface even where the library behind it is missing.
                pass
        if hasattr(table, "columns") and hasattr(table, "__getitem__"):
            return pl.DataFrame({str(name): _array(table[name]) for name in table.columns})
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise DataError(
            f"{what} cannot be taken as a table ({error})", got=type(table).__name__
        ) from error
    raise DataError(
        f"{what} cannot be taken as a table",
        got=type(table).__name__,
        expected="a data frame (Polars, pandas, Arrow) or a mapping of columns",
    )


def _array(column: object) -> np.ndarray:
    """A column of another library; among objects, what is unlike itself (NaN) is missing."""
    values = np.asarray(column)
    if values.dtype == np.object_:
        values = values.copy()
        values[values != values] = None
    return values


def require_columns(frame: pl.DataFrame, names: Sequence[str], *, what: str) -> None:
    """Refuses a table that lacks a column, and names the nearest one it has.

    Args:
        frame: the table.
        names: the columns that are needed.
        what: how the error names the table.

    Raises:
        DataError: if one of the columns is absent.
    """
    for name in names:
        if name not in frame.columns:
            raise DataError(
                f"{what} has no column {name!r}",
                got=frame.columns,
                fix=nearest(name, frame.columns),
            )


def timestamp_seconds(values: pl.Series, *, unit: str) -> Float64[np.ndarray, " n"]:
    """Turns a column of times into seconds since 1970 (UTC).

    Args:
        values: numbers in `unit`; or dates, date-times (without a zone: UTC) or ISO 8601 strings,
            for which the unit plays no part.
        unit: `"s"`, `"ms"`, `"us"` or `"ns"`.

    Returns:
        Seconds, `[n]`; NaN where the time is missing.

    Raises:
        DataError: if the column is of another type, a string is no time, or the unit is unknown.

    Example:
        >>> timestamp_seconds(pl.Series([1500, None]), unit="ms").tolist()
        [1.5, nan]
    """
    if unit not in UNITS_PER_SECOND:
        raise DataError("The timestamp unit is unknown", got=unit, expected="s, ms, us or ns")
    what = f"The timestamp column {values.name!r}"
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        values = values.cast(pl.String)
    if values.dtype == pl.String:
        parsed = _parse_times(values, what=what)
        return timestamp_seconds(parsed, unit=unit)
    if isinstance(values.dtype, pl.Date | pl.Datetime):
        values, unit = values.cast(pl.Datetime("us")).to_physical(), "us"
    elif not (values.dtype.is_numeric() or values.dtype == pl.Null):
        raise DataError(
            f"{what} cannot be read as times",
            got=str(values.dtype),
            expected="numbers, dates, date-times or ISO 8601 strings",
        )
    seconds = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    infinite = np.isinf(seconds)
    if infinite.any():
        raise DataError(f"{what} is infinite in row {int(infinite.argmax()) + 1:,}")
    return seconds / UNITS_PER_SECOND[unit]


def _parse_times(values: pl.Series, *, what: str) -> pl.Series:
    """Reads ISO 8601 strings, with or without a zone; refuses the first one that is no time."""
    numbers = values.cast(pl.Float64, strict=False)
    if numbers.null_count() == values.null_count():
        return numbers
    try:
        parsed = values.str.to_datetime(strict=False, time_unit="us")
    except pl.exceptions.PolarsError:
        parsed = pl.Series(values.name, [None] * len(values), dtype=pl.Datetime("us"))
    if parsed.null_count() > values.null_count():
        broken = int((parsed.is_null() & values.is_not_null()).arg_max() or 0)
        raise DataError(
            f"{what} holds text that is no time, first in row {broken + 1:,}",
            got=values[broken],
            expected="ISO 8601 such as 2024-05-31T12:00:00, all of one form",
        )
    return parsed


def weight_values(values: pl.Series) -> Float32[np.ndarray, " n"]:
    """Takes a column as the weights of interactions.

    Args:
        values: finite numbers, none below zero, none missing.

    Returns:
        The weights, `[n]`.

    Raises:
        DataError: if the column is not numeric, one of its values is no weight, or all are 0.

    Example:
        >>> weight_values(pl.Series("stars", [1, 5])).tolist()
        [1.0, 5.0]
    """
    what = f"The weight column {values.name!r}"
    if not values.dtype.is_numeric():
        raise DataError(f"{what} is not numeric", got=str(values.dtype), expected="numbers")
    weights = values.cast(pl.Float32).fill_null(float("nan")).to_numpy()
    broken = ~(np.isfinite(weights) & (weights >= 0))
    if broken.any():
        first = int(broken.argmax())
        raise DataError(
            f"{what} holds {int(broken.sum()):,} values that are no weight, "
            f"first in row {first + 1:,}",
            got=str(values[first]),
            expected="a finite number, zero or above",
        )
    if len(weights) and not weights.any():
        raise DataError(
            f"{what} is 0 in all {len(weights):,} rows",
            expected="at least one weight above 0",
            fix="Name another column, or none: each interaction then counts 1.",
        )
    return weights


def select_positive(frame: pl.DataFrame, condition: str, *, what: str) -> pl.DataFrame:
    """Keeps the interactions that fulfil a condition.

    Args:
        frame: the interactions.
        condition: an SQL condition over their columns, such as `"user_rating >= 4"`. A row for
            which it is unknown (a null on one side) does not fulfil it.
        what: how an error names the table.

    Returns:
        The rows kept, in their order.

    Raises:
        DataError: if the condition cannot be read, names an absent column, or is no condition.

    Example:
        >>> select_positive(pl.DataFrame({"stars": [3, 5]}), "stars >= 4", what="the table").height
        1
    """
    require_columns(frame, condition_columns(condition, what=POSITIVES), what=what)
    return frame.filter(fulfilled(frame, condition, what=POSITIVES))


def constant_columns(
    frame: pl.DataFrame, rows: Int32[np.ndarray, " n"], *, num_rows: int
) -> pl.DataFrame:
    """Collects the columns of a table of events that have one value for each entity.

    Args:
        frame: the columns to look at, `n` events.
        rows: for each event the row of its entity, `[n]`, in `[0, num_rows)`, each row used.
        num_rows: the number of entities.

    Returns:
        A table of `num_rows` rows with those columns whose value (null counts as a value) is the
        same in all events of an entity.

    Example:
        >>> events = pl.DataFrame({"country": ["nl", "de", "nl"], "stars": [1, 5, 4]})
        >>> constant_columns(events, np.array([0, 1, 0], np.int32), num_rows=2).columns
        ['country']
    """
    first = np.zeros(num_rows, dtype=np.int64)
    # The last write wins, so that going backwards leaves the first event of each entity.
    first[rows[::-1]] = np.arange(len(rows) - 1, -1, -1)
    kept = [
        column.gather(first)
        for column in frame.get_columns()
        # Most columns that vary do so at once; the whole column is only read for the others.
        if _is_constant(column.head(10_000), first[rows[:10_000]], column)
        and _is_constant(column, first[rows], column)
    ]
    return pl.DataFrame(kept) if kept else pl.DataFrame(height=num_rows)


def _is_constant(part: pl.Series, first: np.ndarray, column: pl.Series) -> bool:
    return not part.ne_missing(column.gather(first)).any()


def entity_table(
    ids: pl.Series, table: pl.DataFrame, *, id_column: str, what: str
) -> tuple[pl.DataFrame, Int32[np.ndarray, " m"], tuple[str, ...]]:
    """Joins the ids that occur in interactions with a table that describes them.

    Args:
        ids: the distinct ids of the interactions, `m` strings.
        table: a table with the column `id_column` and any others.
        id_column: the name of the column of ids.
        what: what the rows are, in the plural, such as `"candidates"`.

    Returns:
        The table of all entities, one row a distinct id, sorted by id, with the id column first
        and as text; the row of each of `ids` in it, `[m]`; and notes on what was changed.

    Raises:
        DataError: if the table lacks the column, or an id in it is missing.
    """
    require_columns(table, [id_column], what=f"The table of {what}")
    column = table[id_column]
    id_name = f"The id {id_column} in the table of {what}"
    require_present(column, what=id_name)
    known = table.with_columns(as_ids(column, what=id_name))
    distinct = known.unique(subset=id_column, keep="first", maintain_order=True)
    notes: list[str] = []
    if distinct.height < known.height:
        twice = known.height - distinct.height
        notes.append(
            f"{twice:,} of {known.height:,} rows in the table of {what} repeat an id "
            f"({id_column}) and were removed, the first of each kept: {distinct.height:,} remain"
        )
    bare = ids.filter(Vocabulary(distinct[id_column]).rows(ids) == 0)
    if len(bare) > 0:
        notes.append(
            f"{len(bare):,} {what} occur in interactions but not in their table (first: "
            f"{bare[0]!r}); their features are missing"
        )
        distinct = pl.concat([distinct, bare.rename(id_column).to_frame()], how="diagonal")
    others = [name for name in distinct.columns if name != id_column]
    entities = distinct.select(id_column, *others).sort(id_column)
    return entities, Vocabulary(entities[id_column]).rows(ids) - np.int32(1), tuple(notes)
