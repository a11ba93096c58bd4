"""Which candidates point in the most similar direction."""

from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int64

from turret.index.base import check_search
from turret.index.exact import search_exactly
from turret.index.filters import Filter
from turret.index.hits import RowHits

__all__ = ["Similarity"]


class Similarity:
    """The candidates by the angle between their vectors.

    score(a, b) = a . b / (|a| |b|)

    Args:
        vectors: the vectors of the candidates, `[c, d]`.

    Example:
        >>> similarity = Similarity(np.array([[1, 0], [2, 0], [1, 1]], dtype=np.float32))
        >>> similarity.search(np.array([0]), k=1, among=None).rows.tolist()
        [[1]]
    """

    def __init__(self, vectors: Float32[np.ndarray, "c d"]) -> None:
        """Keep the vectors."""
        self._vectors = vectors

    @cached_property
    def _directions(self) -> tuple[Float32[np.ndarray, "c d"], Int64[np.ndarray, " zeros"]]:
        """The vectors scaled to length 1, and the rows of those without a direction."""
        lengths = np.linalg.norm(self._vectors.astype(np.float64), axis=1)
        zero = lengths == 0
        directions = self._vectors / np.where(zero, 1.0, lengths)[:, None]
        return directions.astype(np.float32), np.flatnonzero(zero)

    def search(self, rows: Int64[np.ndarray, " n"], *, k: int, among: Filter | None) -> RowHits:
        """Finds the candidates most like some of them.

        Args:
            rows: the rows of `n` candidates.
            k: answers for each.
            among: the rows that may be answers; None: all.

        Returns:
            The answers; a row is not among its own, and one of length zero has and is none.

        Raises:
            QueryError: if `k` is not a positive whole number.
        """
        directions, pointless = self._directions
        dim = directions.shape[1]
        vectors = check_search(directions[rows], dim=dim, k=k, exclude=None)
        size: int = directions.shape[0]
        everything = np.arange(size)
        excluded = [
            everything if row in pointless else np.append(pointless, row) for row in rows.tolist()
        ]
        hits = search_exactly(directions, vectors, k=k, exclude_rows=excluded, among=among)
        # Rounding may carry a cosine a little beyond 1.
        return hits._replace(scores=np.clip(hits.scores, -1, 1))
