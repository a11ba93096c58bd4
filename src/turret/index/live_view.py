"""A changing index as of one change: what a search of it sees."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Float32, Int64, Integer, Shaped

from turret.data.conditions import fulfilled
from turret.errors import CandidateIndexError, DataError, QueryError
from turret.index import registry
from turret.index.base import Index, Parameter, check_search
from turret.index.candidates import Candidates
from turret.index.exact import search_exactly
from turret.index.filters import Filter
from turret.index.hits import Hits, RowHits
from turret.index.joining import divided, merged

__all__ = ["Added", "LiveView"]


class Added:
    """The ids and columns of the candidates that were added, in the order of their rows.

    Args:
        ids: the ids; only appended to.
        rows_of: every row that an id ever had; only appended to.
        tables: what is known of them, a part for each change; only appended to.
        like: a table with the columns of the base; None where it has none.
        count: so many of them count.
    """

    def __init__(
        self,
        *,
        ids: list[str],
        rows_of: dict[str, list[int]],
        tables: list[pl.DataFrame],
        like: pl.DataFrame | None,
        count: int | None,
    ) -> None:
        """Keep the parts."""
        self._ids, self._rows_of, self._tables = ids, rows_of, tables
        self._like, self._count = None if like is None else like.clear(), count

    @classmethod
    def nothing(cls, *, like: pl.DataFrame | None) -> "Added":
        """Makes an empty one to append to.

        Args:
            like: a table with the columns of the base.

        Returns:
            One without candidates.
        """
        return cls(ids=[], rows_of={}, tables=[], like=like, count=None)

    def upto(self, count: int) -> "Added":
        """The first of them, whatever is appended later.

        Args:
            count: how many.

        Returns:
            A part that shares everything.
        """
        return Added(
            ids=self._ids,
            rows_of=self._rows_of,
            tables=self._tables,
            like=self._like,
            count=count,
        )

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self._ids) if self._count is None else self._count

    def fitted(self, columns: pl.DataFrame | None, count: int) -> pl.DataFrame | None:
        """Gives a table the columns of the base.

        Args:
            columns: what is known of new candidates, a row each; None: nothing.
            count: how many they are.

        Returns:
            The same with exactly the columns of the base, null where nothing is known; None where
            the base has no columns.

        Raises:
            CandidateIndexError: if the base has not such a column, or a value does not fit it.
        """
        if self._like is None:
            return None
        given = pl.DataFrame() if columns is None else columns
        unknown = [name for name in given.columns if name not in self._like.columns]
        if unknown:
            raise CandidateIndexError(
                "the candidates have no such column",
                got=unknown[0],
                expected=f"one of {', '.join(self._like.columns)}",
            )
        try:
            nothing = pl.Series([None] * count)
            made = [
                (given[name] if name in given.columns else nothing).cast(kind).alias(name)
                for name, kind in self._like.schema.items()
            ]
        except pl.exceptions.PolarsError as error:
            raise CandidateIndexError(
                f"a value does not fit its column ({error})", expected=str(dict(self._like.schema))
            ) from error
        return pl.DataFrame(made)

    def append(self, ids: Sequence[str], columns: pl.DataFrame | None) -> None:
        """Adds candidates at the end.

        Args:
            ids: their ids.
            columns: what is known of them, fitted.
        """
        if self._like is not None:
            fitted = self.fitted(columns, len(ids))
            assert fitted is not None
            self._tables.append(fitted)
        for row, name in enumerate(ids, start=len(self._ids)):
            self._rows_of[name] = [*self._rows_of.get(name, ()), row]
        self._ids.extend(ids)

    @property
    def ids(self) -> list[str]:
        """The ids in row order."""
        return self._ids[: len(self)]

    def rows(self, ids: Iterable[str]) -> list[int]:
        """Finds every row that ids have or had.

        Args:
            ids: external ids.

        Returns:
            The rows, in the order of `ids`.
        """
        count = len(self)
        return [row for name in ids for row in self._rows_of.get(name, ()) if row < count]

    @cached_property
    def columns(self) -> pl.DataFrame | None:
        """What is known of them, with the columns of the base; None where that has none."""
        if self._like is None:
            return None
        return pl.concat([self._like, *self._tables])[: len(self)]


class _Joined(Candidates):
    """The candidates of a base and, behind them, those that were added; some have left."""

    def __init__(self, base: Candidates, added: Added, vectors: Float32[np.ndarray, "m d"]) -> None:
        """Keep the parts: they are checked already."""
        self._base, self._added, self._new = base, added, vectors

    def __len__(self) -> int:
        return len(self._base) + len(self._added)

    @cached_property
    def _named(self) -> Shaped[np.ndarray, " n"]:
        added = np.empty(len(self._added) + 1, dtype=object)
        added[:-1] = self._added.ids
        return added

    @property
    def ids(self) -> pl.Series:
        return pl.concat([self._base.ids, pl.Series("id", self._added.ids, dtype=pl.String)])

    @cached_property
    def _all_vectors(self) -> Float32[np.ndarray, "n d"]:
        joined = np.concatenate([self._base.vectors, self._new])
        joined.flags.writeable = False
        return joined

    @property
    def vectors(self) -> Float32[np.ndarray, "n d"]:
        return self._base.vectors if len(self._added) == 0 else self._all_vectors

    @property
    def dim(self) -> int:
        return self._base.dim

    def row(self, name: str) -> int | None:
        added = self._added.rows([name])
        return len(self._base) + added[-1] if added else self._base.row(name)

    def find(self, ids: Iterable[str] | pl.Series) -> Int64[np.ndarray, " m"]:
        rows = map(self.row, ids)
        return np.asarray([-1 if row is None else row for row in rows], dtype=np.int64)

    @property
    def columns(self) -> pl.DataFrame | None:
        base, added = self._base.columns, self._added.columns
        return None if base is None or added is None else pl.concat([base, added])

    def rows(self, ids: Iterable[str]) -> Int64[np.ndarray, " m"]:
        listed = list(ids)
        added = np.array(self._added.rows(listed), dtype=np.int64) + len(self._base)
        return np.concatenate([self._base.rows(listed), added])

    def where(self, condition: str) -> Bool[np.ndarray, " n"]:
        mask = self._base.where(condition)
        columns = self._added.columns
        if columns is None or columns.height == 0:
            return mask
        try:
            return np.concatenate([mask, fulfilled(columns, condition, what="where")])
        except DataError as error:
            raise QueryError(
                error.what, got=error.got, expected=error.expected, fix=error.fix
            ) from error

    def name(self, hits: RowHits) -> Hits:
        n, total = len(self._base), len(self)
        ids = self._named[np.clip(hits.rows - n, 0, total - n)]
        of_base = hits.rows < n
        if of_base.any():
            ids = ids.copy()
            first = hits._replace(rows=np.where(of_base, hits.rows, n))
            ids[of_base] = self._base.name(first).ids[of_base]
        return Hits(ids=ids, scores=hits.scores, counts=hits.counts)


class LiveView(Index):
    """A changing index as of one change. Made by `LiveIndex.view`.

    Its rows are those of the base, and behind them one for each candidate that was ever added; the
    rows of candidates that left remain, and are never answers.

    Args:
        base: searches what was there at the beginning.
        left: for each row of the base the change in which it left, `[n]`.
        dead: how many rows of the base have left.
        added: the candidates that were added.
        vectors: their vectors, `[m, d]`.
        added_left: for each of them the change in which it left, `[m]`.
        change: the number of the change.
    """

    kind: ClassVar[str] = "live"
    is_exact: ClassVar[bool] = False

    def __init__(
        self,
        base: Index,
        *,
        left: Int64[np.ndarray, " n"],
        dead: int,
        added: Added,
        vectors: Float32[np.ndarray, "m d"],
        added_left: Int64[np.ndarray, " m"],
        change: int,
    ) -> None:
        """Keep the parts."""
        self.base, self.change = base, change
        self.candidates = _Joined(base.candidates, added, vectors)
        self._left, self._dead = left, dead
        self._added, self._vectors, self._added_left = added, vectors, added_left

    @classmethod
    def build(cls, candidates: Candidates, **parameters: Parameter) -> "LiveView":
        """Not built directly."""
        raise CandidateIndexError("a live index is made of another one", fix="Use LiveIndex.")

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Parameter]) -> None:
        """It has the settings of its base."""
        raise CandidateIndexError("a live index has the settings of its base", got=dict(parameters))

    @classmethod
    def load(cls, directory: Path, candidates: Candidates) -> "LiveView":
        """Not loaded directly: it is saved as its base."""
        raise CandidateIndexError("a live index is saved as its base", fix="Use LiveIndex.")

    def save(self, directory: Path) -> None:
        """Builds the base anew of what is there, and saves that. See `Index.save`."""
        registry.again(self.base, self.remaining()).save(directory)

    @property
    def settings(self) -> dict[str, Parameter]:
        """Those of the base. See `Index.settings`."""
        return self.base.settings

    @property
    def alive(self) -> Filter | None:
        """The rows that can be answers at all; None: every one."""
        return self._remain

    @cached_property
    def _remain(self) -> Filter | None:
        added = self._added_left > self.change
        if self._dead == 0 and bool(added.all()):
            return None
        return Filter(np.concatenate([self._left > self.change, added]))

    @cached_property
    def moved(self) -> dict[int, int]:
        """For each id of the base that was replaced: its row in the base, and its row now."""
        n, new = self._left.shape[0], np.flatnonzero(self._added_left > self.change)
        names = self._added.ids
        before = self.base.candidates.find(names[row] for row in new.tolist())
        known = before >= 0
        return dict(zip(before[known].tolist(), (n + new[known]).tolist(), strict=True))

    @property
    def added_vectors(self) -> Float32[np.ndarray, "m d"]:
        """The vectors of all candidates that were ever added, behind those of the base."""
        return self._vectors

    @cached_property
    def alive_count(self) -> int:
        """The number of candidates that are there."""
        count = self._left.shape[0] - self._dead
        return count + int(np.count_nonzero(self._added_left > self.change))

    def remaining(self) -> Candidates:
        """The candidates that are there, in row order.

        Returns:
            Their ids, vectors and columns.
        """
        alive, joined = self.alive, self.candidates
        if alive is None:
            return Candidates(joined.ids, joined.vectors, columns=joined.columns)
        return joined.take(alive.rows)

    def search_rows(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
        among: Filter | None = None,
    ) -> RowHits:
        """Searches the base and what was added. See `Index.search_rows`."""
        checked = check_search(queries, dim=self.dim, k=k, exclude=exclude_rows)
        n, m = self._left.shape[0], self._added_left.shape[0]
        old, new = among, None
        if among is not None or self._dead > 0 or m > 0:
            kept = self._added_left > self.change
            old = None if self._dead == 0 else _Alive(self._left, self._dead, self.change)
            if among is not None:
                kept = kept & among.mask[n:]
                mask = among.mask[:n]
                old = Filter(mask if old is None else mask & old.mask)
            new = Filter(kept)
        outs = [None, None] if exclude_rows is None else divided(exclude_rows, n)
        first = self.base.search_rows(checked, k, exclude_rows=outs[0], among=old)
        if m == 0:
            return first
        second = search_exactly(self._vectors, checked, k=k, exclude_rows=outs[1], among=new)
        return merged(first, second, n=n, m=m)


class _Alive(Filter):
    """The rows of the base that have not left, without looking at each of them."""

    def __init__(self, left: Int64[np.ndarray, " n"], dead: int, change: int) -> None:
        """Keep the parts."""
        self._left, self._change = left, change
        self._count = left.shape[0] - dead

    @property
    def count(self) -> int:
        return self._count

    @property
    def mask(self) -> Bool[np.ndarray, " n"]:
        return self._left > self._change

    @cached_property
    def rows(self) -> Int64[np.ndarray, " m"]:
        return np.flatnonzero(self.mask)

    def keeps(self, rows: Int64[np.ndarray, " ..."]) -> Bool[np.ndarray, " ..."]:
        return self._left[rows] > self._change
