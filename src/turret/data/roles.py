"""Which columns of a table of events say who asked, what was chosen, and when: a guess."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl

from turret.data.frames import timestamp_seconds
from turret.data.profiling import words_of
from turret.errors import DataError, RecipeError

__all__ = ["Role", "Roles", "guess_roles"]

Unit = Literal["s", "ms", "us", "ns"]

_QUERY = frozenset(
    "user users customer session visitor member account person reviewer client buyer query uid"
    " reader listener viewer".split()
)
_CANDIDATE = frozenset(
    "item items product movie film book article candidate sku asin stock track song artist video"
    " game listing isbn business place location venue recipe course job news post iid".split()
)
_ID = frozenset({"id", "code", "key", "uuid", "uid", "iid", "sku", "asin", "isbn"})
_TIME = frozenset("time timestamp date datetime ts when created at day".split())
_RATING = frozenset({"rating", "ratings", "stars", "score", "grade"})
_WEIGHT = frozenset({"weight", "quantity", "count", "amount", "plays", "clicks", "views"})
_UNITS: tuple[tuple[float, Unit], ...] = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (0.0, "s"))


@dataclass(frozen=True)
class Role:
    """A column, and why it was taken for what it is taken for.

    Attributes:
        column: its name.
        why: what was seen in it.
        unit: of times that are numbers.
        condition: for a rating, what says that a choice was liked.
    """

    column: str
    why: str
    unit: Unit = "s"
    condition: str | None = None


@dataclass(frozen=True)
class Roles:
    """What the columns of a table of events seem to be.

    Attributes:
        query_id: who asked.
        candidate_id: what was chosen.
        timestamp: when, if that is known.
        rating: how much it was liked, if that is known.
        weight: how much it counts, if that is known.
    """

    query_id: Role
    candidate_id: Role
    timestamp: Role | None
    rating: Role | None
    weight: Role | None

    def by_key(self) -> dict[str, Role]:
        """What was found, by the key of a recipe's `[data]`; the rating is its `positive`."""
        found = {
            "query_id": self.query_id,
            "candidate_id": self.candidate_id,
            "timestamp": self.timestamp,
            "positive": self.rating,
            "weight": self.weight,
        }
        return {key: role for key, role in found.items() if role is not None}


def guess_roles(
    events: pl.DataFrame,
    *,
    query_id: str | None = None,
    candidate_id: str | None = None,
    timestamp: str | None = None,
) -> Roles:
    """Guesses the columns of a table of events, by their names first and then by their values.

    Args:
        events: one row an event.
        query_id: the column that says who asked, if that is known.
        candidate_id: the column that says what was chosen, if that is known.
        timestamp: the column that says when, if that is known.

    Returns:
        The columns.

    Raises:
        RecipeError: if no two columns look like ids.

    Example:
        >>> events = {"customer": [1, 1, 2], "sku": ["a", "b", "a"], "at": [10, 20, 30]}
        >>> roles = guess_roles(pl.DataFrame(events))
        >>> roles.query_id.column, roles.candidate_id.column, roles.timestamp.column
        ('customer', 'sku', 'at')
    """
    free = [name for name in events.columns if name not in (query_id, candidate_id, timestamp)]
    when = _time(events, free, given=timestamp)
    free = [name for name in free if when is None or name != when.column]
    ids = [name for name in free if _may_be_id(events[name])]
    query, candidate = (
        None if given is None else Role(given, "as you say") for given in (query_id, candidate_id)
    )
    query = query or _named(events, ids, _QUERY, "who asks")
    ids = [name for name in ids if query is None or name != query.column]
    candidate = candidate or _named(events, ids, _CANDIDATE, "what is chosen")
    ids = [name for name in ids if candidate is None or name != candidate.column]
    query = query or _first(events, ids)
    ids = [name for name in ids if query is None or name != query.column]
    candidate = candidate or _first(events, ids)
    if query is None or candidate is None:
        raise RecipeError(
            "No column looks like the id of what asks, or of what is chosen",
            got=events.columns,
            fix="Name them with --query-id and --candidate-id.",
        )
    taken = {query.column, candidate.column}
    numeric = [name for name in free if name not in taken and events[name].dtype.is_numeric()]
    return Roles(query, candidate, when, _rating(events, numeric), _weight(events, numeric))


def _may_be_id(column: pl.Series) -> bool:
    dtype = column.dtype
    of_ids = dtype == pl.String or dtype.is_integer() or isinstance(dtype, pl.Categorical)
    return of_ids and column.null_count() == 0 and 1 < column.n_unique() < max(len(column), 3)


def _counted(column: pl.Series) -> str:
    return f"{column.n_unique():,} distinct values in {len(column):,} rows"


def _named(
    events: pl.DataFrame, names: Iterable[str], words: frozenset[str], what: str
) -> Role | None:
    """The column whose name fits best, the first of equal ones."""
    fits = {name: len(words_of(name) & words) for name in names}
    best = max(
        (name for name, fit in fits.items() if fit),
        key=lambda name: (bool(words_of(name) & _ID), fits[name]),
        default=None,
    )
    if best is None:
        return None
    return Role(best, f"named like {what}; {_counted(events[best])}")


def _first(events: pl.DataFrame, names: Iterable[str]) -> Role | None:
    """The first column that could be of ids: named so, or else with the most values."""
    best = max(
        names,
        key=lambda name: (bool(words_of(name) & _ID), events[name].n_unique()),
        default=None,
    )
    return None if best is None else Role(best, f"its values repeat; {_counted(events[best])}")


def _time(events: pl.DataFrame, names: Iterable[str], *, given: str | None) -> Role | None:
    if given is not None:
        return Role(given, "as you say")
    found: list[tuple[int, Role]] = []
    for name in names:
        column = events[name]
        unit: Unit = "s"
        fit = len(words_of(name) & _TIME)
        if column.null_count() or column.n_unique() < 2:
            continue
        if column.dtype.is_numeric():
            high = cast(float, column.max())
            unit = next(unit for least, unit in _UNITS if high >= least or least == 0.0)
            if not fit or cast(float, column.min()) < 0:
                continue
        elif column.dtype == pl.String or column.dtype.is_temporal():
            fit += 2
        else:
            continue
        try:
            # Some values first: most columns of text show there that they are no times.
            for part in (column.head(1000), column):
                timestamp_seconds(part, unit=unit)
        except DataError:
            continue
        why = f"times from {_short(column.min())} to {_short(column.max())}"
        found.append((fit, Role(name, why, unit)))
    return max(found, key=lambda one: one[0], default=(0, None))[1]


def _rating(events: pl.DataFrame, names: Iterable[str]) -> Role | None:
    for name in names:
        column = events[name]
        middle = column.median()
        if middle is None or not words_of(name) & _RATING or not name.isidentifier():
            continue
        if column.n_unique() <= 20:
            why = f"ratings from {column.min():g} to {column.max():g}; this keeps the better half"
            return Role(name, why, condition=f"{name} >= {middle:g}")
    return None


def _weight(events: pl.DataFrame, names: Iterable[str]) -> Role | None:
    for name in names:
        column = events[name]
        sound = column.null_count() == 0 and cast(float, column.min()) >= 0
        if words_of(name) & _WEIGHT and sound and cast(float, column.max()) > 0:
            return Role(name, f"numbers from {column.min():g} to {column.max():g}")
    return None


def _short(value: object) -> str:
    return str(value)[:26]
