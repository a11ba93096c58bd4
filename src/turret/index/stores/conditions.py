"""Conditions on columns as a tree, for databases to write in their own words."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "All",
    "AnyOf",
    "Compared",
    "Condition",
    "Contains",
    "Missing",
    "Not",
    "OneOf",
    "Operator",
    "Value",
]

Value = bool | int | float | str
"""What a column is compared with."""

Operator = Literal["=", "<", "<=", ">", ">="]
"""How it is compared; `<>` is `Not` of `=`."""


@dataclass(frozen=True)
class Compared:
    """A column beside a value."""

    column: str
    operator: Operator
    value: Value


@dataclass(frozen=True)
class OneOf:
    """A column that has one of some values."""

    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Contains:
    """A column of lists that hold a value."""

    column: str
    value: Value


@dataclass(frozen=True)
class Missing:
    """A column that is null."""

    column: str


@dataclass(frozen=True)
class Not:
    """What another condition is known not to be; unknown where that is."""

    part: "Condition"


@dataclass(frozen=True)
class All:
    """Every one of some conditions."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of some conditions."""

    parts: tuple["Condition", ...]


Condition = Compared | OneOf | Contains | Missing | Not | All | AnyOf
"""A condition."""
