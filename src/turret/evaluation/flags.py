"""Marks, for the device, which candidates are ranked for which query."""

import numpy as np
from jaxtyping import UInt8

from turret.data.dataset import Interactions
from turret.evaluation.counting import RANKED, UNSEEN
from turret.evaluation.truth import Truth

__all__ = ["Flags"]


class Flags:
    """For each query and candidate: is the candidate ranked, and is it when seen ones are not?

    Args:
        truth: has the queries.
        seen: events whose pairs are seen; None: nothing is.
        num_candidates: how many candidates there are.
    """

    def __init__(self, truth: Truth, seen: Interactions | None, *, num_candidates: int) -> None:
        """Keep the seen pairs of the queries."""
        self._num_candidates = num_candidates
        self._seen = seen is not None
        if seen is None:
            return
        last = max(int(rows.max(initial=-1)) for rows in (truth.query_row, seen.query_row))
        place = np.full(last + 1, -1, dtype=np.int32)
        place[truth.query_row] = np.arange(len(truth), dtype=np.int32)
        owner = place[seen.query_row]
        mine = owner >= 0
        self._owner, self._candidate_row = owner[mine], seen.candidate_row[mine]
        self._in_order = False

    def block(
        self, queries: slice, *, rows: int, columns: int
    ) -> UInt8[np.ndarray, "some columns"]:
        """The flags of some queries: `RANKED` and `UNSEEN`.

        Args:
            queries: which of the truth's queries.
            rows: the number of rows wanted.
            columns: the number of columns wanted; those behind the candidates have no flag.

        Returns:
            The flags; a single row that serves for all where nothing is seen.
        """
        flags = np.zeros((rows if self._seen else 1, columns), dtype=np.uint8)
        flags[:, : self._num_candidates] = RANKED | UNSEEN if self._seen else RANKED
        if self._seen:
            owner, candidate_row = self._of(queries)
            # One position each is written twice as fast as a row and a column.
            flags.reshape(-1)[(owner - queries.start) * np.int64(columns) + candidate_row] = RANKED
        return flags

    def _of(self, queries: slice) -> tuple[np.ndarray, np.ndarray]:
        """The seen pairs of some queries; sorted the first time that not all are asked for."""
        everything = len(self._owner) == 0 or (
            queries.start == 0 and queries.stop > int(self._owner.max())
        )
        if everything:
            return self._owner, self._candidate_row
        if not self._in_order:
            order = np.argsort(self._owner, kind="stable")
            self._owner, self._candidate_row = self._owner[order], self._candidate_row[order]
            self._in_order = True
        # Bounds of another type would have all the owners converted, for every block.
        bounds = np.array([queries.start, queries.stop], dtype=self._owner.dtype)
        part = slice(*np.searchsorted(self._owner, bounds))
        return self._owner[part], self._candidate_row[part]
