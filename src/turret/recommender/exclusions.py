"""Which rows each query leaves out."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from turret.errors import QueryError
from turret.index.base import Index
from turret.index.candidates import Candidates
from turret.index.live_view import LiveView

__all__ = ["joined", "moved_in", "named", "with_moved"]


def named(
    candidates: Candidates, exclude: Sequence[Collection[str]] | None, *, queries: int
) -> list[Int64[np.ndarray, " ..."]] | None:
    """Finds the rows of the ids that queries name.

    Args:
        candidates: whose rows.
        exclude: for each query its ids; None: nothing is named.
        queries: how many queries there are.

    Returns:
        The rows of each query, or None.

    Raises:
        QueryError: if there is not one entry for each query.
    """
    rows = candidates.exclusions(exclude)
    if rows is not None and len(rows) != queries:
        raise QueryError(
            "exclude has not one entry for each query",
            got=len(rows),
            expected=str(queries),
            fix="Give an empty list for a query that excludes nothing.",
        )
    return rows


def joined(
    rows: list[Int64[np.ndarray, " ..."]], more: list[Int64[np.ndarray, " ..."]] | None
) -> list[Int64[np.ndarray, " ..."]]:
    """Puts rows behind the rows of the same query.

    Args:
        rows: the rows of each query.
        more: further ones, or None.

    Returns:
        The rows of each query.
    """
    if more is None:
        return rows
    return [np.concatenate(pair) for pair in zip(rows, more, strict=True)]


def moved_in(index: Index) -> Mapping[int, int]:
    """Says where the candidates of an index stand that were replaced since it began.

    Args:
        index: of any kind; only one that changes has any.

    Returns:
        New row by old one.
    """
    return index.moved if isinstance(index, LiveView) else {}


def with_moved(
    rows: list[Int64[np.ndarray, " ..."]], moved: Mapping[int, int]
) -> list[Int64[np.ndarray, " ..."]]:
    """Adds to rows those in which the same candidates stand now.

    Args:
        rows: the rows of each query.
        moved: new row by old one.

    Returns:
        The rows of each query, more of them.

    Example:
        >>> [more.tolist() for more in with_moved([np.array([1, 2])], {2: 9})]
        [[1, 2, 9]]
    """
    if not moved:
        return rows
    now = [[moved[row] for row in one.tolist() if row in moved] for one in rows]
    return [np.append(*pair).astype(np.int64) for pair in zip(rows, now, strict=True)]
