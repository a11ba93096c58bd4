"""What an exported model is given of a query or a candidate: its columns, and how each is spelled.

A column is one input. Text is what a feature looks up or hashes, also where the bundle's column
holds whole numbers: "42" for 42. Numbers are float64. A time is a number, too: in the feature's
unit where the bundle's column holds numbers, and else in seconds since 1970. The empty text and NaN
stand for a missing value.
"""

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from turret.data.encoders.base import AnyEncoder
from turret.data.encoders.tower import TowerEncoder
from turret.data.frames import timestamp_seconds
from turret.data.vocabulary import as_ids
from turret.errors import ExportError
from turret.recipe.features.bag import Bag
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.features.number import Number
from turret.recipe.features.timestamp import Timestamp
from turret.recipe.features.vector import Vector

__all__ = ["RESERVED", "Column", "Kind", "columns_of", "in_seconds"]

RESERVED = ("k", "exclude", "vectors", "ids", "scores", "counts", "fallback", "self")
"""Inputs that are no columns, and outputs, some of which no input may be called as; and the name
that TensorFlow takes for an object, not for an input."""

Kind = Literal["text", "number", "texts", "numbers", "vector"]
"""How a column is spelled.

`text`, `[n]`; `number`, float64 `[n]`; `texts`, `[n, m]`, padded with the empty text; `numbers`,
float64 `[n, m]`, the weights of such texts; `vector`, float32 `[n, width]`, NaN where missing.
"""


@dataclass(frozen=True, eq=False)
class Column:
    """One input.

    Attributes:
        name: the column of the bundle's table.
        input: what the input is called: the name, brought to letters, digits and underscores, and
            different from the others.
        kind: how it is spelled.
        width: numbers in a vector; None for other kinds.
        stored: what the bundle's table holds, one row an id behind row 0, which is all missing;
            None for lists, of which the features keep what they make of them.
    """

    name: str
    input: str
    kind: Kind
    width: int | None = None
    stored: np.ndarray | None = field(repr=False, default=None)


def columns_of(id_column: str, encoder: TowerEncoder, table: pl.DataFrame) -> tuple[Column, ...]:
    """The inputs of a tower: the column of its ids, and those that its features read.

    Args:
        id_column: the name of the column of ids.
        encoder: the tower's features.
        table: the bundle's table of queries or of candidates.

    Returns:
        The columns, that of the ids first.

    Raises:
        ExportError: if features read one column in ways that no single spelling serves.
    """
    readers: dict[str, list[tuple[Feature, AnyEncoder]]] = {id_column: []}
    for feature in encoder.features:
        for name in feature.reads:
            readers.setdefault(name, []).append((feature, encoder.encoders[feature.key]))
    found: list[Column] = []
    for name, those in readers.items():
        kinds: set[Kind] = {_kind(feature, name, table) for feature, _ in those}
        if name == id_column:
            kinds.add("text")
        kind = _common(name, kinds, (feature for feature, _ in those), table)
        width = next((one.num_values - 1 for _, one in those if kind == "vector"), None)
        units = [feature.unit for feature, _ in those if isinstance(feature, Timestamp)]
        stored = _stored(table[name], kind, unit=units[0] if units else None, width=width)
        called = _called(name, {*RESERVED, *(column.input.lower() for column in found)})
        found.append(Column(name, called, kind, width, stored))
    return tuple(found)


def _called(name: str, taken: set[str]) -> str:
    """A name for an input that no other has: not in another case either, says TensorFlow."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    called = plain if plain[:1].isalpha() else f"column_{plain}"
    while called.lower() in taken or keyword.iskeyword(called):
        called += "_"
    return called


def in_seconds(column: pl.Series) -> bool:
    """Whether times of a column of the bundle are given in seconds since 1970, whatever the unit.

    Example:
        >>> in_seconds(pl.Series(["2024-05-31"])), in_seconds(pl.Series([1717113600]))
        (True, False)
    """
    return not (column.dtype.is_numeric() or column.dtype == pl.Null)


def _kind(feature: Feature, name: str, table: pl.DataFrame) -> Kind:
    dtype = table[name].dtype
    text = isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
    match feature:
        case Bag() if name == feature.weights:
            return "numbers"
        case Bag() if feature.separator is not None and text:
            return "text"
        case Bag() | History():
            return "texts"
        case Vector():
            return "vector"
        case Number() | Timestamp():
            return "number"
        case _:
            return "text"


def _common(name: str, kinds: set[Kind], features: Iterable[Feature], table: pl.DataFrame) -> Kind:
    """The one kind that serves all features: of text a number can be read, if it says one."""
    timed = any(isinstance(feature, Timestamp) for feature in features)
    if kinds == {"text", "number"} and not (timed and in_seconds(table[name])):
        return "text"
    if len(kinds) > 1:
        raise ExportError(
            f"column {name!r} is read by features that an export cannot serve from one input",
            got=sorted(kinds),
            expected="features that all read it as text, as a number, as a list or as a vector",
            fix="Give one of the features a column of its own, with the same values.",
        )
    return next(iter(kinds))


def _stored(
    column: pl.Series, kind: Kind, *, unit: str | None, width: int | None
) -> np.ndarray | None:
    """What a column of the bundle holds, behind a row of what is missing."""
    if kind == "text":
        texts = as_ids(column, what=f"column {column.name!r}").fill_null("")
        return np.array(["", *texts.to_list()], dtype=object)
    if kind == "number":
        if unit is not None and in_seconds(column):
            numbers = timestamp_seconds(column, unit=unit)
        else:
            numbers = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        return np.concatenate([[np.nan], numbers])
    if kind == "vector":
        assert width is not None  # a vector has one
        vectors = np.full((len(column) + 1, width), np.nan, np.float32)
        there = column.is_not_null().to_numpy()
        flat = column.filter(column.is_not_null()).explode().cast(pl.Float32).to_numpy()
        vectors[1:][there] = flat.reshape(-1, width)
        return vectors
    return None
