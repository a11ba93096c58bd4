"""The ids of candidates, and the row of each.

A few are kept as Python strings with a dictionary, which answers soonest. Of many that would take
more memory than their vectors may; they stay one column of text, with a table of hashes.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Int64, Shaped

from turret.data.lookup import TextTable
from turret.errors import CandidateIndexError

__all__ = ["Names"]

# Up to so many ids are kept as Python strings: about 150 MB of them.
_FEW = 1_000_000
# So many are looked at one by one; a column of more is faster.
_SINGLY = 256


class Names:
    """Distinct ids, each of which has a row.

    Args:
        ids: strings; the position of an id is its row.

    Raises:
        CandidateIndexError: if an id is not a string, or occurs twice.

    Example:
        >>> names = Names(["b", "a"])
        >>> names.find(["a", "no such id"]).tolist(), names.at(np.array([[1, 2]])).tolist()
        ([1, -1], [['a', None]])
    """

    def __init__(self, ids: Iterable[str] | pl.Series) -> None:
        """Check the ids and keep them."""
        column = _texts(ids)
        if column.n_unique() != len(column):
            twice = column.filter(column.is_duplicated())[0]
            raise CandidateIndexError(
                "a candidate id occurs twice", got=twice, expected="distinct ids"
            )
        self.ids = column

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self.ids)

    def at(self, rows: Int64[np.ndarray, " ..."]) -> Shaped[np.ndarray, " ..."]:
        """Names rows.

        Args:
            rows: rows in any shape; the number of ids stands for none.

        Returns:
            An array of objects of the same shape: `str`, and None for no row.
        """
        if len(self) <= _FEW:
            return self._objects[rows]
        flat = rows.reshape(-1)
        named = np.empty(flat.shape[0], dtype=object)
        if flat.shape[0] <= _SINGLY:
            named[:] = [self.ids[row] if row < len(self) else None for row in flat.tolist()]
        else:
            places = pl.Series(flat)
            named[:] = self.ids.gather(places.set(places >= len(self), None)).to_list()
        return named.reshape(rows.shape)

    def row(self, name: str) -> int | None:
        """Finds the row of one id.

        Args:
            name: the id.

        Returns:
            Its row; None where there is no such id.
        """
        if len(self) <= _FEW:
            return self._row_of.get(name)
        return self._table.find_one(name)

    def find(self, names: Iterable[str] | pl.Series) -> Int64[np.ndarray, " m"]:
        """Finds the rows of ids.

        Args:
            names: `m` of them.

        Returns:
            The row of each; -1 where there is no such id.
        """
        if len(self) <= _FEW:
            found = [self._row_of.get(name, -1) for name in names]
            return np.asarray(found, dtype=np.int64)
        wanted = names if isinstance(names, pl.Series | Sequence) else list(names)
        if len(wanted) <= _SINGLY:
            rows = map(self._table.find_one, wanted)
            return np.asarray([-1 if row is None else row for row in rows], dtype=np.int64)
        texts = wanted if isinstance(wanted, pl.Series) else pl.Series(wanted, dtype=pl.String)
        return self._table.find(texts).astype(np.int64)

    @cached_property
    def _objects(self) -> Shaped[np.ndarray, " n"]:
        # One None behind the last id: a place without an answer then names no candidate.
        padded = np.empty(len(self) + 1, dtype=object)
        padded[:-1] = self.ids.to_list()
        return padded

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._objects[:-1])}

    @cached_property
    def _table(self) -> TextTable:
        return TextTable.of(self.ids)


def _texts(ids: Iterable[str] | pl.Series) -> pl.Series:
    """The ids as a column; whatever is no string is refused."""
    if isinstance(ids, pl.Series) and ids.dtype == pl.String and not ids.has_nulls():
        return ids.alias("id").rechunk()
    listed: list[object] = list(ids)
    for row, name in enumerate(listed):
        if not isinstance(name, str):
            raise CandidateIndexError(
                f"the candidate id in row {row} is not a string",
                got=name,
                fix="Write every id as text before building the index.",
            )
    try:
        return pl.Series("id", listed, dtype=pl.String)
    except UnicodeEncodeError as error:
        raise CandidateIndexError(
            "a candidate id is not Unicode text", got=error.object, fix="Write it in another way."
        ) from error
