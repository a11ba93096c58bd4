"""The candidates that an index searches: ids, vectors, and the columns that filters read."""

from collections.abc import Collection, Iterable, Sequence
from copy import copy

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Float32, Int64

from turret.data.conditions import fulfilled
from turret.errors import CandidateIndexError, DataError, QueryError
from turret.index.hits import Hits, RowHits
from turret.index.names import Names

__all__ = ["Candidates"]

_BLOCK_VALUES = 16 * 1024 * 1024
_CONDITIONS_KEPT = 16


class Candidates:
    """The candidates of an index: distinct ids and one finite vector each, never changed.

    Args:
        ids: `n` distinct strings; the position of an id is its row. A column of Polars is taken as
            it is.
        vectors: `[n, d]`, finite; kept as float32, copied only when they are something else. A
            memory-mapped array stays on the disk.
        columns: what is known of each candidate, for conditions to read; `n` rows in the order of
            `ids`.

    Raises:
        CandidateIndexError: if the numbers differ, an id is not a string or occurs twice, or a
            vector is not finite, or there is not one row of columns for each id.

    Example:
        >>> candidates = Candidates(["a", "b"], np.eye(2, dtype=np.float32))
        >>> candidates.rows(["b", "no such id"]).tolist()
        [1]
    """

    def __init__(
        self,
        ids: Iterable[str] | pl.Series,
        vectors: Float[np.ndarray, "n d"],
        *,
        columns: pl.DataFrame | None = None,
    ) -> None:
        """Check the candidates and keep them."""
        self._names = Names(ids)
        kept = np.ascontiguousarray(vectors, dtype=np.float32).view()
        kept.flags.writeable = False
        _check_vectors(kept, self._names)
        self._vectors = kept
        if columns is not None:
            _check_columns(columns, len(self._names))
        self._columns = columns
        self._fulfilled: dict[str, Bool[np.ndarray, " n"]] = {}

    def __len__(self) -> int:
        """Return the number of candidates."""
        return self._vectors.shape[0]

    @property
    def ids(self) -> pl.Series:
        """The ids in row order: a column of `n` strings."""
        return self._names.ids

    @property
    def vectors(self) -> Float32[np.ndarray, "n d"]:
        """The vectors in row order, `[n, d]`, read-only."""
        return self._vectors

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return self._vectors.shape[1]

    @property
    def columns(self) -> pl.DataFrame | None:
        """What is known of each candidate, in row order; None where nothing is."""
        return self._columns

    def with_columns(self, columns: pl.DataFrame) -> "Candidates":
        """The same candidates with other columns.

        Args:
            columns: `n` rows in row order.

        Returns:
            New candidates that share the ids and vectors.
        """
        _check_columns(columns, len(self))
        same = copy(self)
        same._columns = columns
        same._fulfilled = {}
        return same

    def where(self, condition: str) -> Bool[np.ndarray, " n"]:
        """Says which candidates fulfil a condition on their columns.

        Args:
            condition: an SQL condition; see `turret.data.conditions.fulfilled`.

        Returns:
            `[n]`, read-only. The masks of the last conditions are kept.

        Raises:
            QueryError: if there are no columns, or the condition cannot be used on them.
        """
        known = self._fulfilled.get(condition)
        if known is not None:
            return known
        if self._columns is None:
            raise QueryError(
                "where: nothing is known of the candidates but their ids",
                got=condition,
                fix="Give columns when the index is made.",
            )
        try:
            mask = fulfilled(self._columns, condition, what="where")
        except DataError as error:
            raise QueryError(
                error.what, got=error.got, expected=error.expected, fix=error.fix
            ) from error
        mask.flags.writeable = False
        kept = dict(list(self._fulfilled.items())[1 - _CONDITIONS_KEPT :])
        self._fulfilled = {**kept, condition: mask}
        return mask

    def row(self, name: str) -> int | None:
        """Finds the row of an id.

        Args:
            name: the id.

        Returns:
            Its row; None where there is no such candidate.
        """
        return self._names.row(name)

    def find(self, ids: Iterable[str] | pl.Series) -> Int64[np.ndarray, " m"]:
        """Finds the rows of ids.

        Args:
            ids: `m` external ids.

        Returns:
            The row of each, `[m]`; -1 where there is no such candidate.
        """
        return self._names.find(ids)

    def rows(self, ids: Iterable[str]) -> Int64[np.ndarray, " m"]:
        """Finds the rows of the ids that exist; the others are passed over.

        Args:
            ids: external ids.

        Returns:
            The rows, `[m]`, in the order of `ids`.
        """
        found = self.find(ids)
        return found[found >= 0]

    def take(self, rows: Int64[np.ndarray, " m"]) -> "Candidates":
        """Some of the candidates.

        Args:
            rows: theirs, `[m]`.

        Returns:
            Their ids, vectors and columns, in the order of `rows`.
        """
        columns = None if self.columns is None else self.columns[rows]
        return Candidates(self.ids.gather(rows), self.vectors[rows], columns=columns)

    def exclusions(
        self, exclude: Sequence[Collection[str]] | None
    ) -> list[Int64[np.ndarray, " ..."]] | None:
        """Turns the excluded ids of each query into rows.

        Args:
            exclude: a collection of ids for each query. None: nothing is excluded.

        Returns:
            The rows for each query, or None. An id that is no candidate is passed over: it cannot
            be an answer anyway.

        Raises:
            QueryError: if a query's ids are one string instead of a collection of them.
        """
        if exclude is None:
            return None
        for ids in exclude:
            if isinstance(ids, str):
                raise QueryError(
                    "exclude: the ids of a query are one string",
                    got=ids,
                    expected="a list of ids for each query",
                    fix=f"Write [[{ids!r}]] for one query.",
                )
        return [self.rows(ids) for ids in exclude]

    def name(self, hits: RowHits) -> Hits:
        """Puts ids in the place of rows.

        Args:
            hits: answers whose rows are rows of these candidates.

        Returns:
            The same answers by id.
        """
        return Hits(ids=self._names.at(hits.rows), scores=hits.scores, counts=hits.counts)


def _check_columns(columns: pl.DataFrame, size: int) -> None:
    if columns.height != size:
        raise CandidateIndexError(
            "columns and ids of the candidates do not fit together",
            got=f"{columns.height} rows",
            expected=f"{size}",
        )


def _check_vectors(vectors: Float32[np.ndarray, "n d"], names: Names) -> None:
    if vectors.ndim != 2 or vectors.shape[0] != len(names):
        raise CandidateIndexError(
            "ids and vectors of the candidates do not fit together",
            got=f"{len(names)} ids and vectors of shape {vectors.shape}",
            expected="a matrix with one row for each id",
        )
    block = max(1, _BLOCK_VALUES // max(1, vectors.shape[1]))
    starts = range(0, len(names), block)
    bad = [~np.isfinite(vectors[start : start + block]).all(axis=1) for start in starts]
    rows = np.flatnonzero(np.concatenate(bad)) if bad else np.empty(0, dtype=np.int64)
    if rows.shape[0] > 0:
        row = int(rows[0])
        raise CandidateIndexError(
            f"{rows.shape[0]} candidate vectors are not finite, first in row {row}",
            got=names.ids[row],
            expected="finite numbers",
            fix="Look for a training that diverged: its loss is not finite either.",
        )
