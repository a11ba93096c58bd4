"""Which candidates a search may answer with: the same for each of its queries."""

from collections.abc import Collection
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from turret.index.candidates import Candidates
from turret.index.ids import require_several

__all__ = ["Asked", "Filter", "filter_of"]


class Asked(NamedTuple):
    """What a filter was made of.

    Attributes:
        where: a condition on the candidates' columns.
        allow: the rows of the ids that are allowed; None: all.
        deny: the rows of the ids that are denied; None: none.
    """

    where: str | None
    allow: Int64[np.ndarray, " a"] | None
    deny: Int64[np.ndarray, " b"] | None


class Filter:
    """A set of rows.

    Args:
        mask: whether a row is in it, `[n]`; not changed afterwards.
        asked: what it was made of, for those who search by that instead of the mask.

    Example:
        >>> Filter(np.array([True, False, True])).rows.tolist()
        [0, 2]
    """

    asked: Asked | None = None

    def __init__(self, mask: Bool[np.ndarray, " n"], *, asked: Asked | None = None) -> None:
        """Keep the mask."""
        self._mask, self.asked = mask, asked

    @property
    def mask(self) -> Bool[np.ndarray, " n"]:
        """Whether each row is in the set."""
        return self._mask

    @cached_property
    def rows(self) -> Int64[np.ndarray, " m"]:
        """The rows in the set, ascending."""
        return np.flatnonzero(self._mask)

    @property
    def count(self) -> int:
        """The number of rows in the set."""
        return self.rows.shape[0]

    def keeps(self, rows: Int64[np.ndarray, " ..."]) -> Bool[np.ndarray, " ..."]:
        """Says which of some rows are in the set.

        Args:
            rows: rows, in any shape.

        Returns:
            The same shape.
        """
        return self._mask[rows]


def filter_of(
    candidates: Candidates,
    *,
    allow: Collection[str] | None = None,
    deny: Collection[str] | None = None,
    where: str | None = None,
) -> Filter | None:
    """Combines what may be an answer.

    Args:
        candidates: the candidates of the index.
        allow: ids of which the answers are taken; unknown ids are passed over. None allows all.
        deny: ids that are no answers; unknown ids are passed over.
        where: a condition on the candidates' columns.

    Returns:
        The rows that all three leave; None where nothing was asked.

    Raises:
        QueryError: if `allow` or `deny` is one string, or the condition cannot be used.
    """
    for name, ids in (("allow", allow), ("deny", deny)):
        if ids is not None:
            require_several(ids, what=f"{name} is")
    if allow is None and deny is None and where is None:
        return None
    allowed = None if allow is None else candidates.rows(allow)
    denied = None if deny is None else candidates.rows(deny)
    asked = Asked(where, allowed, denied)
    if where is None:
        mask = np.full(len(candidates), allow is None)
    else:
        mask = candidates.where(where)
        if allow is None and deny is None:
            return Filter(mask, asked=asked)
        mask = mask.copy()
    if allowed is not None:
        inside = np.zeros(len(candidates), dtype=bool)
        inside[allowed] = True
        mask = inside if where is None else mask & inside
    if denied is not None:
        mask[denied] = False
    return Filter(mask, asked=asked)
