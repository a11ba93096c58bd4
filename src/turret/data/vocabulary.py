"""External ids and the rows that stand for them inside.

An external id is text. Whole numbers are ids too: `42`, `42.0` and `"42"` are one id, `"042"` is
another. `as_ids` is the one place where that rule lives; everything else in the package receives
ids as a `pl.Series` of strings.

A `Vocabulary` numbers ids for an embedding table. Its row 0 is out-of-vocabulary: it answers for an
id that was never seen and for a missing one. A table of a `Dataset` has no such row; `factorize`
numbers its ids from 0.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Int32, Integer

from turret.data.lookup import TextTable
from turret.errors import DataError

__all__ = ["Vocabulary", "as_ids", "factorize", "require_present"]

_MANY = 16


def as_ids(values: pl.Series, *, what: str) -> pl.Series:
    """Turns a column into external ids.

    Strings stay exactly as they are, integers are written in decimal, whole floating-point numbers
    like the integer they equal (pandas turns a column of integers with a gap into such numbers),
    truth values as `true` and `false`. A null is a missing id, and so is a NaN.

    Args:
        values: the column, of any length.
        what: how an error names the column, such as `"the query id user_id"`.

    Returns:
        The ids as a `pl.Series` of strings under the same name, nulls kept.

    Raises:
        DataError: if the column has another type, or a number that is not whole.

    Example:
        >>> as_ids(pl.Series("user_id", [42, None, 7]), what="user_id").to_list()
        ['42', None, '7']
        >>> as_ids(pl.Series("user_id", [42.0, float("nan")]), what="user_id").to_list()
        ['42', None]
    """
    dtype = values.dtype
    if dtype == pl.String:
        return values
    if dtype.is_integer() or isinstance(dtype, pl.Categorical | pl.Enum | pl.Boolean | pl.Null):
        return values.cast(pl.String)
    if not dtype.is_float():
        raise DataError(
            f"{what} cannot serve as an id",
            got=str(dtype),
            expected="a column of strings or whole numbers",
            fix="Cast the column to text first.",
        )
    numbers = values.cast(pl.Float64).fill_nan(None)
    broken = numbers.filter((numbers.floor() != numbers) | (numbers.abs() >= 2.0**63))
    if len(broken) > 0:
        raise DataError(
            f"{what} has {len(broken):,} numbers that are not whole",
            got=broken[0],
            expected="strings or whole numbers",
            fix="Cast the column to text first, if these numbers are meant as ids.",
        )
    return numbers.cast(pl.Int64).cast(pl.String)


def factorize(values: pl.Series, *, what: str) -> tuple[pl.Series, Int32[np.ndarray, " n"]]:
    """Numbers the distinct ids of a column, in the order of the ids as text.

    Args:
        values: a column of `n` ids without gaps.
        what: how an error names the column.

    Returns:
        The distinct ids, sorted as text, and for each value the position of its id among them,
        `[n]`, from 0.

    Raises:
        DataError: if the column cannot serve as ids, or an id is missing.

    Example:
        >>> ids, rows = factorize(pl.Series("user_id", [9, 10, 9]), what="user_id")
        >>> ids.to_list(), rows.tolist()
        (['10', '9'], [1, 0, 1])
    """
    require_present(values, what=what)
    if values.dtype.is_numeric():
        # Numbers are far cheaper to tell apart than text: only the distinct ones are written out.
        numbers = values.unique()
        text = as_ids(numbers, what=what)
        rows = Vocabulary(text.sort()).rows(text) - np.int32(1)
        mapping = pl.DataFrame({"value": numbers, "row": rows})
        events = values.rename("value").to_frame()
        joined = events.join(mapping, on="value", how="left", maintain_order="left")
        return text.sort(), joined["row"].to_numpy().astype(np.int32)
    text = as_ids(values, what=what)
    ids = text.unique().sort()
    return ids, Vocabulary(ids).rows(text) - np.int32(1)


def require_present(values: pl.Series, *, what: str) -> None:
    """Refuses a column in which an id is missing.

    Args:
        values: the column.
        what: how the error names the column.

    Raises:
        DataError: if a value is null or NaN; it says how many are and where the first one stands,
            rows counted from 1.
    """
    missing = values.is_null()
    if values.dtype.is_float():
        missing = missing | values.is_nan().fill_null(False)
    count = int(missing.sum())
    if count > 0:
        first = int(missing.arg_max() or 0) + 1
        raise DataError(
            f"{what} is missing in {count:,} of {len(values):,} rows, first in row {first:,}",
            fix="Fill these ids in, or drop the rows.",
        )


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Distinct external ids and the rows of an embedding table that belong to them.

    Row 0 is out-of-vocabulary; the id at position `i` has row `i + 1`.

    Attributes:
        ids: the distinct ids, strings without nulls, in row order.

    Example:
        >>> vocabulary = Vocabulary(pl.Series(["a", "b"]))
        >>> vocabulary.rows(pl.Series(["b", "unseen", None, "a"])).tolist()
        [2, 0, 0, 1]
    """

    ids: pl.Series

    def __post_init__(self) -> None:
        """Checks that the ids are distinct strings."""
        if self.ids.dtype != pl.String:
            # An empty list of ids has no type of its own.
            object.__setattr__(self, "ids", as_ids(self.ids, what="A vocabulary"))
        if self.ids.has_nulls():
            raise DataError("A vocabulary holds a missing id", fix="Drop the nulls first.")
        if self.ids.n_unique() != len(self.ids):
            twice = self.ids.filter(self.ids.is_duplicated())
            raise DataError("A vocabulary holds an id twice", got=twice[0], expected="distinct ids")

    @classmethod
    def fit(
        cls, values: pl.Series, *, min_count: int = 1, max_size: int | None = None
    ) -> "Vocabulary":
        """Collects the ids of a column.

        The rows follow the ids as text, so they do not depend on the order of the column.

        Args:
            values: a column of ids; missing ones are passed over.
            min_count: an id is kept when it occurs at least this often.
            max_size: at most so many ids are kept, the most frequent ones; of equally frequent ones
                those that come first as text. None keeps all.

        Returns:
            The vocabulary.

        Raises:
            DataError: if the column cannot serve as ids.

        Example:
            >>> Vocabulary.fit(pl.Series("tag", ["b", "a", "b", "c"]), max_size=2).ids.to_list()
            ['a', 'b']
        """
        # Numbers are counted as numbers: only the distinct ones are written out as text.
        if min_count <= 1 and max_size is None:
            return cls(as_ids(values.unique(), what=_named(values)).drop_nulls().sort())
        counts = values.rename("id").value_counts(name="count")
        counts = counts.with_columns(as_ids(counts["id"], what=_named(values)))
        counts = counts.drop_nulls().filter(pl.col("count") >= min_count)
        if max_size is not None:
            counts = counts.sort("count", "id", descending=[True, False]).head(max_size)
        return cls(counts["id"].sort())

    @property
    def num_rows(self) -> int:
        """The number of rows of the table: one an id, and the out-of-vocabulary row."""
        return len(self.ids) + 1

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Finds the rows of ids.

        Args:
            values: a column of `n` ids, as text or whole numbers.

        Returns:
            The row of each, `[n]`; 0 where the id is unknown or missing.

        Raises:
            DataError: if the column cannot serve as ids.
        """
        text = as_ids(values, what=_named(values))
        if 0 < len(self.ids) * _MANY < len(text):
            # Polars knows few ids by heart: eight times sooner for 500 in 3 million values, but it
            # learns them anew each time.
            place = text.cast(pl.Enum(self.ids), strict=False).to_physical().cast(pl.Int32)
            return (place + 1).fill_null(0).to_numpy().astype(np.int32, copy=False)
        return self._table.find(text) + np.int32(1)

    @cached_property
    def _table(self) -> TextTable:
        return TextTable.of(self.ids)

    def ids_at(self, rows: Integer[np.ndarray, " n"]) -> pl.Series:
        """Names the ids of rows: the inverse of `rows`.

        Args:
            rows: rows of the table, `[n]`, each in `[0, num_rows)`.

        Returns:
            The ids as a `pl.Series` of strings, `[n]`; null for row 0.

        Raises:
            DataError: if a row is outside the table.

        Example:
            >>> Vocabulary(pl.Series(["a", "b"])).ids_at(np.array([2, 0])).to_list()
            ['b', None]
        """
        outside = (rows < 0) | (rows >= self.num_rows)
        if outside.any():
            raise DataError(
                "A row is outside the vocabulary",
                got=int(rows[outside][0]),
                expected=f"0 to {self.num_rows - 1}",
            )
        positions = pl.Series(rows.astype(np.int64) - 1)
        return self.ids.gather(positions.set(positions < 0, None))


def _named(values: pl.Series) -> str:
    return f"The column {values.name!r}" if values.name else "The column"
