"""Two lists of candidates behind each other, each of which is searched by itself."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer

from turret.index.hits import RowHits

__all__ = ["divided", "merged"]


def divided(
    rows: Sequence[Integer[np.ndarray, " ..."]], n: int
) -> list[list[Integer[np.ndarray, " ..."]]]:
    """Divides rows of both lists.

    Args:
        rows: for each query some rows.
        n: the length of the first list.

    Returns:
        For each query those of the first list, and those of the second, as its own rows.

    Example:
        >>> first, second = divided([np.array([1, 5])], 3)
        >>> first[0].tolist(), second[0].tolist()
        ([1], [2])
    """
    return [[r[r < n] for r in rows], [r[r >= n] - n for r in rows]]


def merged(first: RowHits, second: RowHits, *, n: int, m: int) -> RowHits:
    """Gives the best of both, ties by smallest row.

    Args:
        first: answers out of the first list, in its rows.
        second: as many places, out of the second, in its own rows.
        n: the length of the first list.
        m: that of the second.

    Returns:
        The answers, in rows of both.
    """
    k: int = first.rows.shape[1]
    # Behind the count a row is the number of rows, which is no row.
    old = np.where(first.rows < n, first.rows, n + m)
    new = second.rows + n
    rows = np.concatenate([old, new], axis=1)
    scores = np.concatenate([first.scores, second.scores], axis=1)
    order = np.lexsort((rows, -scores, rows == n + m), axis=-1)[:, :k]
    return RowHits(
        rows=np.take_along_axis(rows, order, axis=1),
        scores=np.take_along_axis(scores, order, axis=1),
        counts=np.minimum(first.counts + second.counts, k),
    )
