"""Reading the text of a condition as a tree that databases can write.

Only what means the same everywhere is taken: comparisons of one column with values, `in`,
`between`, `is null`, `array_contains`, `and`, `or`, `not`. Of other conditions a search is told
which rows fulfil them instead.
"""

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

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
    Value,
)
from turret.index.stores.table import Column

__all__ = ["translated"]

_OPERATORS: dict[type[object], Operator] = {
    exp.EQ: "=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_TURNED: dict[Operator, Operator] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_LARGEST = 2**53
_LARGEST_REAL = float(np.finfo(np.float32).max)


class _Untranslatable(Exception):
    """It may mean something else in a database."""


def translated(condition: str, columns: Mapping[str, Column]) -> Condition | None:
    """Reads a condition.

    Args:
        condition: an SQL condition that Polars accepts.
        columns: the columns that a database has.

    Returns:
        The condition; None where it may mean something else in a database.

    Example:
        >>> translated("year >= 1990", {"year": Column("whole", filterable=True)})
        Compared(column='year', operator='>=', value=1990)
        >>> translated("year / 10 = 199", {"year": Column("whole", filterable=True)})
    """
    try:
        return _Reader(columns).read(parse_one(condition, dialect="postgres"))
    except (_Untranslatable, SqlglotError, RecursionError):
        return None


class _Reader:
    """Reads the tree of a condition over some columns."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns

    def read(self, node: object) -> Condition:
        if isinstance(node, exp.Paren):
            return self.read(node.this)
        if isinstance(node, exp.And):
            return All((self.read(node.this), self.read(node.expression)))
        if isinstance(node, exp.Or):
            return AnyOf((self.read(node.this), self.read(node.expression)))
        if isinstance(node, exp.Not):
            return Not(self.read(node.this))
        if isinstance(node, exp.Column):
            name, _ = self._column(node, "truth")
            return Compared(name, "=", True)
        return self._leaf(node)

    def _leaf(self, node: object) -> Condition:
        if isinstance(node, exp.NEQ):
            return Not(self._compared(node.this, "=", node.expression))
        if type(node) in _OPERATORS:
            binary = cast("exp.Binary", node)
            return self._compared(binary.this, _OPERATORS[type(binary)], binary.expression)
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            low = self._compared(node.this, ">=", node.args["low"], rounded=False)
            high = self._compared(node.this, "<=", node.args["high"], rounded=False)
            return All((low, high))
        if isinstance(node, exp.In) and node.expressions:
            name, column = self._column(node.this)
            values = (_value(one, column, rounded=False) for one in node.expressions)
            return OneOf(name, tuple(values))
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            missing = Missing(self._column(node.this)[0])
            return Not(missing) if node.args.get("negate") else missing
        if isinstance(node, exp.ArrayContains) and isinstance(node.this, exp.Column):
            name, column = self._column(node.this, "texts", "wholes")
            return Contains(name, _value(node.expression, column))
        raise _Untranslatable

    def _compared(
        self, left: object, operator: Operator, right: object, *, rounded: bool = True
    ) -> Compared:
        if isinstance(right, exp.Column):
            left, right, operator = right, left, _TURNED[operator]
        name, column = self._column(left)
        ordered = column.ordered and column.kind != "truth"
        if column.kind in ("texts", "wholes") or not (ordered or operator == "="):
            raise _Untranslatable
        return Compared(name, operator, _value(right, column, rounded=rounded))

    def _column(self, node: object, *kinds: str) -> tuple[str, Column]:
        if (
            not isinstance(node, exp.Column)
            or node.table
            or not isinstance(node.this, exp.Identifier)
        ):
            raise _Untranslatable
        column = self._columns.get(node.name)
        if column is None or not column.filterable or (kinds and column.kind not in kinds):
            raise _Untranslatable
        return node.name, column


def _value(node: object, column: Column, *, rounded: bool = True) -> Value:
    """The value that a node says, if the column holds such.

    A comparison with float32 rounds the value to it; `in` and `between` do so sometimes, so that
    only values are taken there which are the same either way.
    """
    sign = 1
    if isinstance(node, exp.Neg):
        node, sign = node.this, -1
    if isinstance(node, exp.Boolean) and column.kind == "truth" and sign == 1:
        return bool(node.this)
    if not isinstance(node, exp.Literal):
        raise _Untranslatable
    text = str(node.this)
    if node.is_string:
        if column.kind not in ("text", "texts") or sign == -1 or "\0" in text:
            raise _Untranslatable
        return text
    if column.kind in ("whole", "wholes"):
        if not text.isdecimal() or int(text) > _LARGEST:
            raise _Untranslatable
        return sign * int(text)
    if column.kind not in ("real", "double"):
        raise _Untranslatable
    number = sign * float(text)
    most = _LARGEST_REAL if column.kind == "real" else math.inf
    if not abs(number) <= most or math.isinf(number):
        raise _Untranslatable
    if column.kind == "double":
        return number
    single = float(np.float32(number))
    if single != number and not rounded:
        raise _Untranslatable
    return single
