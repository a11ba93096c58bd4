"""The statements that PostgreSQL is asked, with every name quoted and every value a parameter."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float32, Int64
from psycopg import sql

from turret.index.stores.base import ANN_FROM, Restriction
from turret.index.stores.conditions import (
    All,
    AnyOf,
    Compared,
    Condition,
    Contains,
    Missing,
    Not,
    OneOf,
    Operator,
)
from turret.index.stores.table import Kind, Table

__all__ = ["ID", "ROW", "VECTOR", "Creation", "conditions_of", "create_table", "search_of"]

ROW, ID, VECTOR = "_row", "_id", "_vector"
"""The columns that every table has."""

_COLLATED = sql.SQL(' COLLATE "C"')
_TYPES: dict[Kind, tuple[sql.SQL, str]] = {
    "text": (sql.SQL("text"), "text"),
    "whole": (sql.SQL("bigint"), "int8"),
    "real": (sql.SQL("real"), "float4"),
    "double": (sql.SQL("double precision"), "float8"),
    "truth": (sql.SQL("boolean"), "bool"),
    "date": (sql.SQL("date"), "date"),
    "texts": (sql.SQL("text[]"), "text[]"),
    "wholes": (sql.SQL("bigint[]"), "int8[]"),
}
_ZONED = (sql.SQL("timestamptz"), "timestamptz")
_ZONELESS = (sql.SQL("timestamp"), "timestamp")
_ELEMENTS: dict[Kind, Kind] = {"texts": "text", "wholes": "whole"}
_OPERATORS: dict[Operator, sql.SQL] = {
    "=": sql.SQL("="),
    "<": sql.SQL("<"),
    "<=": sql.SQL("<="),
    ">": sql.SQL(">"),
    ">=": sql.SQL(">="),
}


class Creation(NamedTuple):
    """A statement that makes a table.

    Attributes:
        text: the statement.
        types: the types of its columns, by the names that a copy in binary form needs.
    """

    text: sql.Composed
    types: tuple[str, ...]


def create_table(
    name: str, table: Table, *, most_indexed: int
) -> tuple[Creation, sql.Composed, list[sql.Composed]]:
    """Writes the statements that make a table.

    Args:
        name: of the table.
        table: what it will hold.
        most_indexed: the longest vectors that can have an approximate index.

    Returns:
        The one that makes it, the one that copies rows into it, and those that follow.
    """
    target = sql.Identifier(name)
    dim = sql.Literal(table.candidates.dim)
    columns = [
        sql.SQL("{} bigint PRIMARY KEY").format(sql.Identifier(ROW)),
        sql.SQL('{} text COLLATE "C" NOT NULL').format(sql.Identifier(ID)),
        sql.SQL("{} vector({}) NOT NULL").format(sql.Identifier(VECTOR), dim),
    ]
    types = ["int8", "text", "vector"]
    for column, (kind, short) in zip(table.columns, _types(table), strict=True):
        columns.append(sql.SQL("{} {}").format(sql.Identifier(column), kind))
        types.append(short)
    create = sql.SQL("CREATE TABLE {} ({})").format(target, sql.SQL(", ").join(columns))
    copy = sql.SQL("COPY {} FROM STDIN WITH (FORMAT BINARY)").format(target)
    after = [sql.SQL("CREATE INDEX ON {} USING hash ({})").format(target, sql.Identifier(ID))]
    if len(table) >= ANN_FROM and table.candidates.dim <= most_indexed:
        operators = sql.SQL("vector_cosine_ops" if table.normalized else "vector_ip_ops")
        index = sql.SQL("CREATE INDEX ON {} USING hnsw ({} {})")
        after.append(index.format(target, sql.Identifier(VECTOR), operators))
    after.append(sql.SQL("ANALYZE {}").format(target))
    return Creation(create, tuple(types)), copy, after


def _types(table: Table) -> list[tuple[sql.Composable, str]]:
    """The type of each column, as a statement and as a copy name it."""
    found: list[tuple[sql.Composable, str]] = []
    for name, column in table.columns.items():
        if column.kind == "moment":
            dtype = table.frame.schema[name]
            zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
            found.append(_ZONED if zoned else _ZONELESS)
            continue
        kind, short = _TYPES[column.kind]
        text = column.kind in ("text", "texts")
        found.append((sql.Composed([kind, _COLLATED]) if text else kind, short))
    return found


def conditions_of(restriction: Restriction, table: Table) -> tuple[sql.Composed, list[Any]]:
    """Writes what holds for all queries.

    Args:
        restriction: which rows may be answers.
        table: what is searched.

    Returns:
        A condition, and the values of its parameters.
    """
    parts: list[sql.Composable] = [sql.SQL("true")]
    values: list[Any] = []
    if restriction.where is not None:
        parts.append(_written(restriction.where, table, values))
    if restriction.only is not None:
        parts.append(sql.SQL("{} = ANY(%s::bigint[])").format(sql.Identifier(ROW)))
        values.append(restriction.only.tolist())
    return sql.SQL(" AND ").join(parts), values


def search_of(
    name: str,
    where: sql.Composed,
    *,
    query: Float32[np.ndarray, " d"],
    metric: str,
    without: Int64[np.ndarray, " m"] | None,
    limit: int,
) -> tuple[sql.Composed, list[Any]]:
    """Writes the search for one query.

    Args:
        name: of the table.
        where: what `conditions_of` wrote.
        query: the vector.
        metric: what vectors are compared by.
        without: rows that are no answers.
        limit: how many rows.

    Returns:
        The statement, and the values of its parameters behind those of `where`.
    """
    values: list[Any] = []
    if without is not None and without.shape[0] > 0:
        where = sql.SQL("{} AND {} <> ALL(%s::bigint[])").format(where, sql.Identifier(ROW))
        values.append(without.tolist())
    statement = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} {} %s::vector LIMIT %s").format(
        sql.Identifier(ROW),
        sql.Identifier(name),
        where,
        sql.Identifier(VECTOR),
        sql.SQL("<=>" if metric == "cosine" else "<#>"),
    )
    return statement, [*values, str(query.tolist()), limit]


def _written(condition: Condition, table: Table, values: list[Any]) -> sql.Composed:
    """A condition; the values of its parameters are added to those before."""
    match condition:
        case Not(part):
            return sql.SQL("NOT ({})").format(_written(part, table, values))
        case All(parts) | AnyOf(parts):
            joint = sql.SQL(" AND " if isinstance(condition, All) else " OR ")
            inner = [_written(part, table, values) for part in parts]
            return sql.SQL("({})").format(joint.join(inner))
        case Missing(column):
            return sql.SQL("{} IS NULL").format(sql.Identifier(column))
        case Compared(column, operator, value):
            values.append(value)
            parts = (sql.Identifier(column), _OPERATORS[operator], _type(table, column))
            return sql.SQL("{} {} %s::{}").format(*parts)
        case OneOf(column, several):
            values.append(list(several))
            return sql.SQL("{} = ANY(%s::{}[])").format(
                sql.Identifier(column), _type(table, column)
            )
        case Contains(column, value):
            values.append(value)
            return sql.SQL("%s::{} = ANY({})").format(_type(table, column), sql.Identifier(column))


def _type(table: Table, column: str) -> sql.SQL:
    """The type of a column's values, or of what its lists hold."""
    kind = table.columns[column].kind
    return _TYPES[_ELEMENTS.get(kind, kind)][0]
