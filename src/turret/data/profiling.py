"""What a column of a table of queries or candidates looks like, and why: a guess, for a person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import polars as pl

__all__ = ["Kind", "Looks", "looks_like", "words_of"]

Kind = Literal["categorical", "bag", "number", "timestamp", "text", "vector"]

_FEW = 20
_SAMPLE = 100_000
_SEPARATORS = ("|", ";", ",")
_NAMES_THINGS = frozenset({"id", "ids", "code", "zip", "zipcode", "postcode", "uuid", "sku"})


@dataclass(frozen=True)
class Looks:
    """What a column looks like.

    Attributes:
        kind: the kind of feature that reads such columns; None when it seems to be of no use.
        why: what was seen in it.
        keys: what else the feature is to be told, by the keys of its kind.
    """

    kind: Kind | None
    why: str
    keys: Mapping[str, object] = field(default_factory=dict[str, object])


def words_of(name: str) -> frozenset[str]:
    """The words in the name of a column, in lower case.

    Example:
        >>> sorted(words_of("customerID")), sorted(words_of("first_name.2"))
        (['customer', 'id'], ['2', 'first', 'name'])
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[^\W_]+", apart.lower()))


def looks_like(column: pl.Series) -> Looks:
    """Guesses which kind of feature a column wants.

    Args:
        column: one value for each query, or each candidate.

    Returns:
        The kind, and why.

    Example:
        >>> looks_like(pl.Series("genres", [["Drama"], ["Drama", "War"]]))
        Looks(kind='bag', why='lists of 1.5 values, 2 distinct', keys={'length': 2})
        >>> looks_like(pl.Series("price", [n / 4 for n in range(100)])).why
        'numbers from 0 to 24.75'
    """
    values = column.drop_nulls().head(_SAMPLE)
    if values.dtype.is_float():
        values = values.drop_nans()
    if len(values) == 0:
        return Looks(None, "it has no value")
    dtype = values.dtype
    if isinstance(dtype, pl.List | pl.Array):
        return _lists(values)
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Boolean):
        values = values.cast(pl.String)
    elif not (dtype.is_numeric() or dtype.is_temporal() or dtype == pl.String):
        return Looks(None, f"no kind of feature reads the type {dtype}")
    distinct = values.n_unique()
    if distinct == 1:
        return Looks(None, f"it has the one value {_short(values[0])}")
    if dtype.is_temporal():
        return _times(values)
    if dtype.is_numeric():
        return _numbers(values, distinct)
    return _strings(values, distinct)


def _lists(values: pl.Series) -> Looks:
    lists = values.cast(pl.List(cast(pl.List, values.dtype).inner))
    sizes, inner = lists.list.len(), lists.explode().drop_nulls()
    if inner.dtype.is_float():
        lengths = sizes.unique().sort().to_list()
        if len(lengths) == 1 and lengths[0] > 0:
            return Looks("vector", f"{lengths[0]} numbers in each row")
        return Looks(None, "lists of numbers that differ in length")
    if len(inner) == 0 or inner.dtype.is_nested():
        return Looks(None, "lists without a value, or lists of lists")
    mean = len(inner) / len(values)
    why = f"lists of {mean:.1f} values, {inner.n_unique():,} distinct"
    return Looks("bag", why, {"length": _length(sizes)})


def _times(values: pl.Series) -> Looks:
    if values.dtype == pl.Date or isinstance(values.dtype, pl.Datetime):
        return Looks("timestamp", f"times from {values.min()} to {values.max()}")
    return Looks(None, f"no kind of feature reads the type {values.dtype}")


def _numbers(values: pl.Series, distinct: int) -> Looks:
    whole = values.dtype.is_integer()
    if words_of(values.name) & _NAMES_THINGS and whole:
        return Looks("categorical", f"named like a code, {distinct:,} distinct values")
    if whole and distinct <= _FEW:
        return Looks("categorical", f"only {distinct} distinct whole numbers")
    low, high = values.min(), values.max()
    why = f"numbers from {low:g} to {high:g}"
    if cast(float, low) >= 0 and (values.skew() or 0.0) > 2:
        return Looks("number", f"{why}, few of them large", {"encoding": "log"})
    return Looks("number", why)


def _strings(values: pl.Series, distinct: int) -> Looks:
    if _all_times(values):
        return Looks("timestamp", f"times written as text, such as {_short(values[0])}")
    bag = _joined(values, distinct)
    if bag is not None:
        return bag
    words = cast(float, values.str.count_matches(r"\S+").mean())
    varied = distinct / len(values)
    if varied > 0.5 and words >= 3:
        return Looks("text", f"{words:.0f} words on average, such as {_short(values[0])}")
    if varied > 0.9 and distinct > _FEW:
        return Looks(None, f"almost every row has another value, such as {_short(values[0])}")
    counts = values.rename("value").value_counts().sort("count", "value", descending=[True, False])
    examples = ", ".join(map(_short, counts["value"].head(2).to_list()))
    return Looks("categorical", f"{distinct:,} distinct values, such as {examples}")


def _all_times(values: pl.Series) -> bool:
    sample = values.head(1000)
    try:
        parsed = sample.str.to_datetime(strict=False, time_unit="us")
    except pl.exceptions.PolarsError:
        return False
    return parsed.null_count() == 0


def _joined(values: pl.Series, distinct: int) -> Looks | None:
    """A bag written as text: short pieces, few of them, in many combinations."""
    for separator in _SEPARATORS:
        share = cast(float, values.str.contains(separator, literal=True).mean())
        if share < 0.2:
            continue
        pieces = values.str.split(separator).explode().str.strip_chars()
        kinds = pieces.n_unique()
        if kinds < distinct and kinds < len(pieces) / 3:
            why = f"values joined by {separator!r}, {kinds:,} distinct, such as {_short(values[0])}"
            length = _length(values.str.count_matches(separator, literal=True) + 1)
            return Looks("bag", why, {"separator": separator, "length": length})
    return None


def _length(sizes: pl.Series) -> int:
    """Room for the longest bag, if that is not far longer than the others."""
    return max(1, min(cast(int, sizes.max()), 2 * int(cast(float, sizes.quantile(0.99)))))


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
