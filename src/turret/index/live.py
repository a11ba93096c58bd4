"""An index that changes while it is searched: candidates come, go and are replaced by id.

What was there at the beginning is searched by an index of any kind, the *base*; what was added
since, exactly. Nothing is ever changed in place that a search could see half-done: every row knows
in which change it left, a search looks at the rows as of one change, and rows are only appended.
So any number of threads may search while one changes; writers take turns.
"""

import threading
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import polars as pl
from jaxtyping import Float, Shaped

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.base import Index
from turret.index.candidates import Candidates
from turret.index.changes import Change, columns_of, put, removal, vectors_of
from turret.index.ids import require_several
from turret.index.live_view import Added, LiveView

__all__ = ["LiveIndex"]

NEVER = np.iinfo(np.int64).max
_FIRST_ROOM = 1024


class LiveIndex:
    """An index that can be changed.

    Args:
        base: what is there at the beginning.
        log: called with each change before it takes effect; when it returns, the change is kept.

    Example:
        >>> start = registry.build("exact", ids=["a", "b"], vectors=np.eye(2, dtype=np.float32))
        >>> live = LiveIndex(start)
        >>> live.put(["c"], np.array([[2, 2]], dtype=np.float32))
        >>> live.remove(["a"])
        1
        >>> query = np.array([[1, 0]], dtype=np.float32)
        >>> live.view().search(query, 3).ids.tolist()
        [['c', 'b', None]]
    """

    def __init__(self, base: Index, *, log: Callable[[Change], None] | None = None) -> None:
        """Begin with the base."""
        self._lock = threading.RLock()
        self._log = log
        self._hidden = False
        self._begin(base)
        self._view = self._current

    def _begin(self, base: Index) -> None:
        columns = base.candidates.columns
        n, dim = len(base.candidates), base.dim
        self._row_of: dict[str, int] = {}
        self._left = np.full(n, NEVER, dtype=np.int64)
        self._dead = 0
        self._vectors = np.empty((_FIRST_ROOM, dim), dtype=np.float32)
        self._added_left = np.full(_FIRST_ROOM, NEVER, dtype=np.int64)
        self._added = Added.nothing(like=columns)
        self._since: list[Change] | None = None
        self._current = LiveView(
            base,
            left=self._left,
            dead=0,
            added=self._added.upto(0),
            vectors=self._vectors[:0],
            added_left=self._added_left[:0],
            change=0,
        )

    def view(self) -> LiveView:
        """The index as of the last change: it does not change any more.

        Returns:
            An index.
        """
        return self._view

    def __len__(self) -> int:
        """Return the number of candidates."""
        return self._view.alive_count

    def put(
        self,
        ids: Sequence[str],
        vectors: Float[np.ndarray, "m d"],
        *,
        columns: pl.DataFrame | None = None,
    ) -> None:
        """Adds candidates, and replaces those whose ids are there already.

        Args:
            ids: distinct ids.
            vectors: their vectors, `[m, d]`, finite.
            columns: what is known of each, for conditions; absent columns are null.

        Raises:
            CandidateIndexError: if ids, vectors and columns do not fit together or the index.
        """
        checked = Candidates(ids, vectors, columns=columns)
        if checked.dim != self._view.dim:
            raise CandidateIndexError(
                "the new vectors have another length", got=checked.dim, expected=f"{self._view.dim}"
            )
        fitted = self._added.fitted(columns, len(checked))
        self.apply(put(tuple(ids), checked.vectors, fitted))

    def add(
        self,
        ids: Sequence[str],
        vectors: Float[np.ndarray, "m d"],
        *,
        columns: pl.DataFrame | None = None,
    ) -> None:
        """Adds candidates that are not there yet; see `put`.

        Args:
            ids: distinct new ids.
            vectors: their vectors, `[m, d]`.
            columns: what is known of each.

        Raises:
            CandidateIndexError: if an id is there already, or as for `put`.
        """
        with self._lock:
            there = [name for name in ids if self._alive_row(name) is not None]
            if there:
                raise CandidateIndexError("a candidate is there already", got=there[0])
            self.put(ids, vectors, columns=columns)

    def update(
        self,
        ids: Sequence[str],
        vectors: Float[np.ndarray, "m d"],
        *,
        columns: pl.DataFrame | None = None,
    ) -> None:
        """Replaces candidates that are there; see `put`.

        Args:
            ids: distinct ids.
            vectors: their new vectors, `[m, d]`.
            columns: what is known of each.

        Raises:
            CandidateIndexError: if an id is not there, or as for `put`.
        """
        with self._lock:
            absent = [name for name in ids if self._alive_row(name) is None]
            if absent:
                raise CandidateIndexError("there is no such candidate", got=absent[0])
            self.put(ids, vectors, columns=columns)

    def remove(self, ids: Iterable[str]) -> int:
        """Takes candidates away; ids that are not there are passed over.

        Args:
            ids: their ids.

        Returns:
            How many were there.

        Raises:
            QueryError: if the ids are one string.
        """
        require_several(ids)
        with self._lock:
            there = tuple(name for name in dict.fromkeys(ids) if self._alive_row(name) is not None)
            if there:
                self.apply(removal(there))
        return len(there)

    def apply(self, change: Change, *, logged: bool = False) -> None:
        """Makes a change: it is kept first, and seen by searches that begin afterwards.

        Args:
            change: the change.
            logged: it is in the log already.
        """
        with self._lock:
            if self._log is not None and not logged:
                self._log(change)
            if self._since is not None:
                self._since.append(change)
            number = self._current.change + 1
            for name in change.ids:
                self._leave(name, number)
            if change.op == "put":
                self._append(change)
            count = len(self._added)
            self._current = LiveView(
                self._current.base,
                left=self._left,
                dead=self._dead,
                added=self._added.upto(count),
                vectors=self._vectors[:count],
                added_left=self._added_left[:count],
                change=number,
            )
            if not self._hidden:
                self._view = self._current

    def compacted(self) -> Index:
        """Builds the base anew of what is there, and goes on with it; searches go on meanwhile.

        Returns:
            The new base. Changes made while it was built are on top of it.
        """
        view = self.collect()
        try:
            base = registry.again(view.base, view.remaining())
        except BaseException:
            self.forget()
            raise
        self.go_on_with(base)
        return base

    def go_on_with(
        self, base: Index, *, before: Callable[[list[Change]], None] | None = None
    ) -> None:
        """Puts another base in the place of the old one, and the changes since on top.

        Args:
            base: holds what was there when `collect` was called.
            before: called with these changes before any of it is seen; no change is made meanwhile.
        """
        with self._lock:
            since = self._since or []
            if before is not None:
                before(since)
            self._begin(base)
            # Nobody may see the new base without the changes that belong on top of it.
            self._hidden = True
            for change in since:
                self.apply(change, logged=True)
            self._hidden = False
            self._view = self._current

    def collect(self) -> LiveView:
        """Begins to remember the changes that `go_on_with` will put on top.

        Returns:
            The index as of now.

        Raises:
            CandidateIndexError: if it has begun to already.
        """
        with self._lock:
            if self._since is not None:
                raise CandidateIndexError("the index is being compacted already")
            self._since = []
            return self._view

    def forget(self) -> None:
        """Ends what `collect` began, when there will be no other base."""
        with self._lock:
            self._since = None

    def _alive_row(self, name: str) -> int | None:
        n = self._left.shape[0]
        row = self._row_of.get(name)
        if row is None:
            row = self._current.base.candidates.row(name)
        if row is None:
            return None
        left = self._left[row] if row < n else self._added_left[row - n]
        return row if left == NEVER else None

    def _leave(self, name: str, number: int) -> None:
        row = self._alive_row(name)
        if row is None:
            return
        n = self._left.shape[0]
        if row < n:
            self._left[row] = number
            self._dead += 1
        else:
            self._added_left[row - n] = number

    def _append(self, change: Change) -> None:
        first = len(self._added)
        last = first + len(change.ids)
        if last > self._vectors.shape[0]:
            # Views keep the old arrays, in which nothing before their own change is missing.
            room = max(2 * self._vectors.shape[0], last)
            self._vectors = _larger(self._vectors, room)
            self._added_left = _larger(self._added_left, room, fill=NEVER)
        self._vectors[first:last] = vectors_of(change, self._vectors.shape[1])
        n = self._left.shape[0]
        for row, name in enumerate(change.ids, start=n + first):
            self._row_of[name] = row
        self._added.append(change.ids, columns_of(change))


def _larger(
    array: Shaped[np.ndarray, "m ..."], room: int, *, fill: int = 0
) -> Shaped[np.ndarray, "r ..."]:
    larger = np.full((room, *array.shape[1:]), fill, dtype=array.dtype)
    larger[: array.shape[0]] = array
    return larger
