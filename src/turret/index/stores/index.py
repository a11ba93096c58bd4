"""An index whose search is done by a vector database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Integer

from turret.errors import CandidateIndexError, StoreError
from turret.index.base import Index, Parameter, check_search
from turret.index.candidates import Candidates
from turret.index.exact import search_exactly
from turret.index.filters import Filter
from turret.index.hits import RowHits
from turret.index.stores.base import Restriction, VectorStore
from turret.index.stores.conditions import Condition
from turret.index.stores.table import Table

__all__ = ["StoreIndex", "remaining"]

# So many rows more are asked for than are answered, so that ties and roundings at the end show.
_LEAST_MORE = 8
_MORE = 10


class StoreIndex(Index):
    """An index that a vector database searches.

    The database proposes, with its own index and behind the filters; what it proposes is scored
    with the vectors at hand. Where it proposes fewer than there are, it is asked again to look at
    every row; a tie for the last place is settled here.

    Args:
        store: holds the candidates, all of them and as they are.
        candidates: the same; rows that have left may be among them.
        alive: the rows that can be answers at all; None: every one.

    Raises:
        StoreError: if the store holds other candidates.
    """

    kind: ClassVar[str] = "store"
    is_exact: ClassVar[bool] = False

    def __init__(
        self,
        store: VectorStore,
        candidates: Candidates,
        *,
        alive: Filter | None = None,
    ) -> None:
        """Look for the version of the candidates."""
        self.candidates, self._alive, self._store = candidates, alive, store
        self._nothing = np.empty(0, dtype=np.int64)
        self._table = store.fitted(Table.of(remaining(candidates, alive)))
        if not store.holds(self._table.version):
            found = store.current()
            raise StoreError(
                f"the collection {store.collection!r} does not hold the candidates as they are",
                got="nothing" if found is None else f"version {found}",
                expected=f"version {self._table.version}",
                fix="Push them with: turret index BUNDLE --push STORE URL.",
            )

    @classmethod
    def build(cls, candidates: Candidates, **parameters: Parameter) -> "StoreIndex":
        """Not built directly."""
        raise CandidateIndexError("a database is pushed to", fix="Use turret index --push.")

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Parameter]) -> None:
        """It has no settings: the database has its own."""
        raise CandidateIndexError("a database has settings of its own", got=dict(parameters))

    @classmethod
    def load(cls, directory: Path, candidates: Candidates) -> "StoreIndex":
        """Not loaded from files."""
        raise CandidateIndexError("a database is no part of a bundle", fix="Use open_store.")

    def save(self, directory: Path) -> None:
        """Not saved to files."""
        raise CandidateIndexError("a database is no part of a bundle", fix="Save another index.")

    @property
    def settings(self) -> dict[str, Parameter]:
        """Which database, collection and version. See `Index.settings`."""
        return {
            "store": self._store.kind,
            "collection": self._store.collection,
            "version": self._table.version,
        }

    @property
    def alive(self) -> Filter | None:
        """The rows that can be answers at all; None: every one."""
        return self._alive

    def search_rows(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
        among: Filter | None = None,
    ) -> RowHits:
        """Has the database search. See `Index.search_rows`."""
        checked = check_search(queries, dim=self.dim, k=k, exclude=exclude_rows)
        outs = [self._nothing] * checked.shape[0]
        if exclude_rows is not None:
            outs = [self._stored(np.unique(rows)) for rows in exclude_rows]
        kept = among
        if among is not None and self._alive is not None:
            kept = Filter(among.mask[self._alive.rows])
        hits = self._search(checked, k, outs=outs, kept=kept, asked=self._asked(among, kept))
        if self._alive is None:
            return hits
        return hits._replace(rows=np.append(self._alive.rows, len(self))[hits.rows])

    def _search(
        self,
        queries: Float32[np.ndarray, "q d"],
        k: int,
        *,
        outs: list[Int64[np.ndarray, " ..."]],
        kept: Filter | None,
        asked: Restriction,
    ) -> RowHits:
        """Searches the rows of the store."""
        size = len(self._table)
        hits = RowHits.empty(queries=queries.shape[0], k=k, size=size)
        left = np.array([_left(out, kept, size=size) for out in outs], dtype=np.int64)
        # The zero vector has no direction, and all candidates tie.
        here: Bool[np.ndarray, " q"] = np.all(queries == 0, axis=1)
        wanted = np.minimum(left, k)
        limit = min(size, k + max(_LEAST_MORE, k // _MORE))
        for exact in (False, True):
            members = np.flatnonzero(~here & (hits.counts < wanted))
            if members.shape[0] == 0:
                break
            if exact:
                # Whatever the database makes of the condition: these rows fulfil it.
                asked = Restriction(only=None if kept is None else kept.rows)
            found = self._store.nearest(
                self._table,
                _scaled(queries[members]),
                limit,
                restriction=_of(asked, [outs[query] for query in members.tolist()]),
                exact=exact,
            )
            for query, rows in zip(members.tolist(), found, strict=True):
                allowed = _allowed(rows, outs[query], kept, size=size)
                here[query] = self._rank(hits, query, queries[query], rows=allowed, limit=limit)
        members = np.flatnonzero(here)
        if members.shape[0] > 0:
            out = [outs[query] for query in members.tolist()]
            settled = search_exactly(
                self._table.vectors, queries[members], k=k, exclude_rows=out, among=kept
            )
            for whole, part in zip(hits, settled, strict=True):
                whole[members] = part
        return hits

    def _rank(
        self,
        hits: RowHits,
        query: int,
        vector: Float32[np.ndarray, " d"],
        *,
        rows: Int64[np.ndarray, " p"],
        limit: int,
    ) -> bool:
        """Writes the best of the proposed rows; says whether the last place is not settled."""
        k: int = hits.rows.shape[1]
        scores = np.einsum("pd,d->p", self._table.vectors[rows], vector)
        order = np.lexsort((rows, -scores))
        best = order[:k]
        count = best.shape[0]
        hits.rows[query], hits.scores[query] = len(self._table), np.nan
        hits.rows[query, :count], hits.scores[query, :count] = rows[best], scores[best]
        hits.counts[query] = count
        there = rows.shape[0]
        return there == limit > k and bool(scores[order[k - 1]] == scores[order[-1]])

    def _asked(self, among: Filter | None, kept: Filter | None) -> Restriction:
        """What the database is told of a filter: a condition and few rows where it can be."""
        if among is None or kept is None:
            return Restriction()
        asked = among.asked
        condition = None
        if asked is not None and asked.where is not None:
            condition = self._translated(asked.where)
        if asked is None or (asked.where is not None and condition is None):
            return Restriction(only=kept.rows)
        allow, deny = (
            None if rows is None else self._stored(np.unique(rows))
            for rows in (asked.allow, asked.deny)
        )
        return Restriction(where=condition, only=allow, without=None if deny is None else [deny])

    def _translated(self, where: str) -> Condition | None:
        from turret.index.stores.reading import translated

        return translated(where, self._table.columns)

    def _stored(self, rows: Integer[np.ndarray, " m"]) -> Int64[np.ndarray, " s"]:
        """Where distinct rows of the candidates stand in the store; those that left do not."""
        if self._alive is None:
            return rows.astype(np.int64)
        there = rows[self._alive.keeps(rows)]
        return np.searchsorted(self._alive.rows, there).astype(np.int64)


def remaining(candidates: Candidates, alive: Filter | None) -> Candidates:
    """The candidates that are there.

    Args:
        candidates: some of which may have left.
        alive: the rows of those that are there; None: all.

    Returns:
        Their ids, vectors and columns, in row order.
    """
    return candidates if alive is None else candidates.take(alive.rows)


def _left(out: Int64[np.ndarray, " m"], kept: Filter | None, *, size: int) -> int:
    """How many rows may be answers."""
    if kept is None:
        return size - out.shape[0]
    return kept.count - int(np.count_nonzero(kept.keeps(out)))


def _scaled(queries: Float32[np.ndarray, "q d"]) -> Float32[np.ndarray, "q d"]:
    """Queries with the same answers, whose squares a database can add up: the largest about 1."""
    _, exponents = np.frexp(np.abs(queries).max(axis=1, keepdims=True, initial=0))
    return np.ldexp(queries, -exponents)


def _of(asked: Restriction, outs: list[Int64[np.ndarray, " ..."]]) -> Restriction:
    """A restriction with what each query excludes besides."""
    for_all = () if asked.without is None else asked.without
    without = [np.unique(np.concatenate([*for_all, out])) for out in outs]
    return replace(asked, without=without if any(map(len, without)) else None)


def _allowed(
    rows: Int64[np.ndarray, " m"], out: Int64[np.ndarray, " x"], kept: Filter | None, *, size: int
) -> Int64[np.ndarray, " a"]:
    """The proposed rows that may be answers, whatever the database thinks of them."""
    rows = np.unique(rows)
    rows = rows[(rows >= 0) & (rows < size) & ~np.isin(rows, out)]
    return rows if kept is None else rows[kept.keeps(rows)]
