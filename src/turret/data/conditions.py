"""Conditions over the columns of a table, written as SQL and read as data.

A condition such as `genre = 'Drama' and year >= 1990` is parsed by Polars and never run as code.
It sees the columns of one table and nothing else: a query inside it, which could name files, is
refused before Polars reads it, and so is what could take long or much memory.
"""

import re

import numpy as np
import polars as pl
from jaxtyping import Bool

from turret.errors import DataError, nearest

__all__ = ["condition_columns", "fulfilled"]

_PLAIN_QUOTED = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")
# Where one of these occurs, quotes may begin or end elsewhere than `_PLAIN_QUOTED` sees them.
_UNUSUAL = ("\\", "--", "/*", "$", "`")
_INNER_QUERY = re.compile(r"\bselect\b|\bread_\w+|\(\s*(from|with|table|values)\b", re.IGNORECASE)
_CALL = re.compile(r"([\w\'\"]+)\s*\(")
_CALLED = frozenset(
    "and or not in is between like ilike case when then else end"
    " abs ceil floor round coalesce nullif greatest least"
    " lower upper length char_length starts_with ends_with strpos left right trim ltrim rtrim"
    " array_contains array_length date_part extract year month day"
    " max min sum avg count".split()
)
_PARTS = re.compile(r"[A-Za-z_]\w*|[^\w\s\'\"(),.]+")
# The time that Polars takes grows with their square.
_MOST_PARTS = 300
_EXAMPLE = "an SQL condition such as year >= 1990 and genre = 'Drama'"


def condition_columns(condition: str, *, what: str) -> list[str]:
    """Lists the columns that a condition names.

    Args:
        condition: an SQL condition such as `"user_rating >= 4"`.
        what: how an error names the condition.

    Returns:
        The names, each once, sorted.

    Raises:
        DataError: if the condition cannot be read.

    Example:
        >>> condition_columns("user_rating >= 4 AND age < 30", what="the condition")
        ['age', 'user_rating']
    """
    return sorted(set(_read(condition, what=what).meta.root_names()))


def fulfilled(table: pl.DataFrame, condition: str, *, what: str) -> Bool[np.ndarray, " rows"]:
    """Says which rows of a table fulfil a condition.

    Args:
        table: the table.
        condition: an SQL condition over its columns. Text stands in single quotes. A row for which
            it is unknown (a null on one side) does not fulfil it.
        what: how an error names the condition.

    Returns:
        `[rows]`.

    Raises:
        DataError: if the condition cannot be read, names an absent column, holds a query, or is
            not true or false for each row.

    Example:
        >>> table = pl.DataFrame({"year": [1989, 1994, None]})
        >>> fulfilled(table, "year >= 1990", what="the condition").tolist()
        [False, True, False]
    """
    expression = _read(condition, what=what)
    absent = [name for name in expression.meta.root_names() if name not in table.columns]
    if absent:
        raise DataError(
            f"{what} names a column that is not there",
            got=absent[0],
            expected=f"one of {', '.join(table.columns)}",
            fix=f"{nearest(absent[0], table.columns)} Text stands in single quotes.".strip(),
        )
    try:
        found = table.select(fulfilled=expression)["fulfilled"]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(f"{what} does not fit the columns ({error})", got=condition) from error
    if found.dtype != pl.Boolean or len(found) != table.height:
        raise DataError(
            f"{what} is neither true nor false for a row", got=condition, expected=_EXAMPLE
        )
    return found.fill_null(False).to_numpy()


def _read(condition: str, *, what: str) -> pl.Expr:
    unusual = any(mark in condition for mark in _UNUSUAL)
    outside = condition if unusual else _PLAIN_QUOTED.sub("''", condition)
    if _INNER_QUERY.search(outside):
        raise DataError(
            f"{what} holds a query of its own",
            got=condition,
            expected="comparisons of columns with values",
        )
    for name in _CALL.findall(outside):
        if name.lower() not in _CALLED:
            raise DataError(
                f"{what} calls a function that conditions do not have",
                got=name,
                expected=f"one of {', '.join(sorted(_CALLED))}",
            )
    if len(_PARTS.findall(outside)) > _MOST_PARTS:
        raise DataError(
            f"{what} is too long",
            expected=f"at most {_MOST_PARTS} names and signs",
            fix="Compare with a list: column in ('a', 'b').",
        )
    try:
        return pl.sql_expr(condition)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(
            f"{what} cannot be read ({error})", got=condition, expected=_EXAMPLE
        ) from error
