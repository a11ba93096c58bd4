"""A recommender whose candidates come, go and change while it answers.

Each change is in a log beside the bundle before it is acknowledged, so it survives the process.
`Recommender.load` makes the logged changes too. A compaction, which goes on in the background,
writes them into the bundle.
"""

import logging
import os
import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.bundle.bundle import Bundle
from turret.bundle.trust import require_trusted
from turret.data.vocabulary import as_ids
from turret.errors import CandidateIndexError, DataError
from turret.index.changes import Change, ChangeLog, forgetting, sight
from turret.index.ids import require_several
from turret.index.live import LiveIndex
from turret.recommender.changes import compacted, identity_of, log_of, stands
from turret.recommender.memory import Memory
from turret.recommender.recommender import Recommender

__all__ = ["LiveRecommender"]

_logger = logging.getLogger("turret")


class LiveRecommender:
    """Opens a bundle for answers and for changes; one process at a time may.

    Any number of threads may take `now` and ask it, while others change.

    Args:
        path: the directory of the bundle.
        compact_after: begins a compaction in the background after so many changes; None: never. One
            that fails is said to the logger `turret`, and tried again after as many changes as
            there are by then.
        allow_custom: see `Recommender.load`.

    Raises:
        BundleError: if there is no bundle, it is damaged, or needs a class that is not allowed.
        CandidateIndexError: if its log is damaged, or another process changes this bundle.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        compact_after: int | None = 10_000,
        allow_custom: Collection[str] = (),
    ) -> None:
        """Open the bundle and its log, and make the logged changes."""
        self._path = Path(path).resolve()
        self._compact_after = self._due = compact_after
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._bundle = Bundle.open(self._path, allow_custom=allow_custom)
        require_trusted(self._bundle.config, allow_custom)
        self._log = self._open_log(self._bundle)
        self._memory = Memory(self._log.changes)
        self._plain = Recommender(self._bundle, memory=self._memory)
        self._live = LiveIndex(self._bundle.index, log=self._append)
        for change in self._log.changes:
            if change.of_candidates:
                self._live.apply(change, logged=True)
        self._seen_view = self._live.view()
        self._now = self._plain.seeing(self._seen_view)

    @property
    def now(self) -> Recommender:
        """The recommender as of the last change; it does not change any more."""
        return self._now

    def put(self, candidates: pl.DataFrame) -> None:
        """Adds candidates, encoded by the candidate tower, and replaces those of the same ids.

        Args:
            candidates: a row each: the id, the columns that the candidate tower reads, and any of
                the columns that the bundle's candidates have.

        Raises:
            CandidateIndexError: if the ids or a column cannot be used.
            DataError: if a column that the tower reads is missing.
        """
        ids, table, vectors = self._encoded(candidates)
        with self._lock:
            self._live.put(ids, vectors, columns=table)
            self._changed()

    def add(self, candidates: pl.DataFrame) -> None:
        """Adds candidates that are not there yet; see `put`.

        Args:
            candidates: a row each.

        Raises:
            CandidateIndexError: if one is there already, or as for `put`.
        """
        ids, table, vectors = self._encoded(candidates)
        with self._lock:
            self._live.add(ids, vectors, columns=table)
            self._changed()

    def update(self, candidates: pl.DataFrame) -> None:
        """Replaces candidates that are there; see `put`.

        Args:
            candidates: a row each.

        Raises:
            CandidateIndexError: if one is not there, or as for `put`.
        """
        ids, table, vectors = self._encoded(candidates)
        with self._lock:
            self._live.update(ids, vectors, columns=table)
            self._changed()

    def remove(self, ids: Iterable[str]) -> int:
        """Takes candidates away; ids that are not there are passed over.

        Args:
            ids: their ids.

        Returns:
            How many were there.
        """
        with self._lock:
            number = self._live.remove(ids)
            self._changed()
        return number

    def saw(self, seen: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Notes what queries have just seen: for `exclude_seen`, and for their histories.

        Args:
            seen: for each query its id, and the ids of candidates, the most recent last.

        Raises:
            QueryError: if the ids of one are one string.
        """
        sights: list[Change] = []
        for query, ids in seen:
            require_several(ids)
            sights.append(sight(query, tuple(ids)))
        self._note(sights)

    def forget(self, query_id: str) -> None:
        """Takes away what is known of a query: it is answered like an unknown one from now on.

        A compaction takes it out of the bundle, too, but for the parameters that the training gave
        to its id; those go with the next training.

        Args:
            query_id: its id.
        """
        self._note([forgetting(query_id)])

    def compact(self) -> None:
        """Writes the changes into the bundle, while answers and changes go on.

        Raises:
            OSError: if the bundle cannot be written; the changes are in the log as before. Or if
                something failed after the new bundle stood in its place; that one is then in use.
        """
        view = self._live.collect()
        try:
            count = self._bundle.provenance.get("compactions", 0)
            number = count + 1 if isinstance(count, int) else 1
            bundle = compacted(self._bundle, view, self._memory, number=number)
            with self._lock:
                self._live.go_on_with(
                    bundle.index, before=lambda since: self._switch(bundle, since)
                )
                self._seen_view = self._live.view()
                self._now = self._plain.seeing(self._seen_view)
                self._due = self._compact_after
                failure, self._failure = self._failure, None
        except BaseException:
            self._live.forget()
            raise
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Waits for a compaction in the background and closes the log."""
        thread = self._thread
        if thread is not None:
            thread.join()
        self._log.close()

    def __enter__(self) -> "LiveRecommender":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def _append(self, change: Change) -> None:
        self._log.append(change)

    def _open_log(self, bundle: Bundle) -> ChangeLog:
        return ChangeLog(log_of(self._path, bundle), belongs_to=identity_of(bundle))

    def _encoded(
        self, candidates: pl.DataFrame
    ) -> tuple[list[str], pl.DataFrame, Float32[np.ndarray, "m d"]]:
        name = self._bundle.candidate_id
        if name not in candidates.columns:
            raise CandidateIndexError(
                "the candidates have no ids", got=candidates.columns, expected=f"a column {name}"
            )
        ids = as_ids(candidates[name], what=f"the column {name} of the candidates")
        if ids.null_count() > 0:
            raise DataError(f"a candidate lacks its {name}", got=f"{ids.null_count()} nulls")
        table = candidates.with_columns(ids.alias(name))
        return ids.to_list(), table, self._bundle.trained.candidate_vectors(table)

    def _note(self, changes: list[Change]) -> None:
        with self._lock:
            self._log.append(*changes)
            for change in changes:
                self._memory.apply(change)
            self._changed()

    def _changed(self) -> None:
        view = self._live.view()
        if view is not self._seen_view:
            self._now, self._seen_view = self._plain.seeing(view), view
        number = view.change + self._memory.number
        due = self._due is not None and number >= self._due
        if due and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._compact_apart, name="turret-compaction")
            self._thread.start()

    def _compact_apart(self) -> None:
        """A compaction in the background: what fails now may succeed later, but not at once."""
        try:
            self.compact()
        except Exception:
            with self._lock:
                number = self._live.view().change + self._memory.number
                if self._due is not None:
                    self._due = max(2 * number, self._due)
            _logger.exception(
                "The changes of %s could not be compacted; the next try is after %s changes",
                self._path,
                self._due,
            )

    def _switch(self, bundle: Bundle, since: list[Change]) -> None:
        """Puts the new bundle and its log in the place of the old ones.

        A crash before the bundle is renamed into place leaves the old one and its whole log; after
        that, the new one and a log that holds the changes since. So do failures: once the new
        bundle stands there, later changes belong into its log.
        """
        old = self._log
        fresh = log_of(self._path, bundle)
        with suppress(FileNotFoundError):
            fresh.unlink()
        log = self._open_log(bundle)
        try:
            log.append(*self._memory.changes(), *since)
            bundle.save(self._path)
        except BaseException as error:
            if not stands(self._path, bundle):
                log.close()
                raise
            self._failure = error
        self._memory.merged()
        self._bundle, self._log = bundle, log
        self._plain = Recommender(bundle, memory=self._memory)
        old.close()
        if self._failure is None:
            old.path.unlink()
