"""Which candidates point in the most similar direction."""

from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int64

from turret.index.base import Index, check_search
from turret.index.exact import search_exactly
from turret.index.filters import Filter
from turret.index.hits import RowHits
from turret.index.joining import divided, merged
from turret.index.live_view import LiveView

__all__ = ["Similarity", "directions_of"]


def directions_of(
    vectors: Float32[np.ndarray, "n d"],
) -> tuple[Float32[np.ndarray, "n d"], Bool[np.ndarray, " n"]]:
    """Scales vectors to length 1.

    Args:
        vectors: `[n, d]`.

    Returns:
        Their directions; and which of them are zero, and have none.

    Example:
        >>> directions, zero = directions_of(np.float32([[0, 2], [0, 0]]))
        >>> directions.tolist(), zero.tolist()
        ([[0.0, 1.0], [0.0, 0.0]], [False, True])
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    zero = lengths == 0
    return (vectors / np.where(zero, 1.0, lengths)[:, None]).astype(np.float32), zero


class Similarity:
    """The candidates by the angle between their vectors.

    score(a, b) = a . b / (|a| |b|)

    Args:
        vectors: the vectors of the candidates, `[c, d]`.
        behind: other candidates, in front of these; what is known of them is used again.

    Example:
        >>> similarity = Similarity(np.array([[1, 0], [2, 0], [1, 1]], dtype=np.float32))
        >>> similarity.search(np.array([0]), k=1, among=None).rows.tolist()
        [[1]]
    """

    def __init__(
        self, vectors: Float32[np.ndarray, "c d"], *, behind: "Similarity | None" = None
    ) -> None:
        """Keep the vectors."""
        self._vectors, self._first = vectors, behind

    def grown(self, index: Index) -> "Similarity":
        """The same with the candidates that were added since.

        Args:
            index: began with these candidates.

        Returns:
            The similarity of its rows.
        """
        if not isinstance(index, LiveView):
            return self
        return Similarity(index.added_vectors, behind=self)

    def __len__(self) -> int:
        """Return the number of candidates."""
        return self._before + self._vectors.shape[0]

    @property
    def _before(self) -> int:
        return 0 if self._first is None else len(self._first)

    @cached_property
    def _directions(self) -> tuple[Float32[np.ndarray, "c d"], Int64[np.ndarray, " zeros"]]:
        """The directions, and the rows of the vectors without one."""
        directions, zero = directions_of(self._vectors)
        return directions, np.flatnonzero(zero)

    @property
    def _pointless(self) -> Int64[np.ndarray, " zeros"]:
        """The rows without a direction, of all candidates."""
        own = self._directions[1] + self._before
        return own if self._first is None else np.concatenate([self._first._pointless, own])

    def _at(self, rows: Int64[np.ndarray, " n"]) -> Float32[np.ndarray, "n d"]:
        """The directions of some rows."""
        directions, n = self._directions[0], self._before
        if self._first is None:
            return directions[rows]
        found = np.empty((rows.shape[0], directions.shape[1]), dtype=np.float32)
        own = rows >= n
        found[own] = directions[rows[own] - n]
        found[~own] = self._first._at(rows[~own])
        return found

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
        dim, pointless = self._vectors.shape[1], self._pointless
        vectors = check_search(self._at(rows), dim=dim, k=k, exclude=None)
        everything = np.arange(len(self))
        excluded = [
            everything if row in pointless else np.append(pointless, row) for row in rows.tolist()
        ]
        hits = self._best(vectors, k=k, excluded=excluded, among=among)
        # Rounding may carry a cosine a little beyond 1.
        return hits._replace(scores=np.clip(hits.scores, -1, 1))

    def _best(
        self,
        vectors: Float32[np.ndarray, "n d"],
        *,
        k: int,
        excluded: list[Int64[np.ndarray, " ..."]],
        among: Filter | None,
    ) -> RowHits:
        directions, n = self._directions[0], self._before
        if self._first is None:
            return search_exactly(directions, vectors, k=k, exclude_rows=excluded, among=among)
        old, new = divided(excluded, n)
        front = None if among is None else Filter(among.mask[:n])
        back = None if among is None else Filter(among.mask[n:])
        first = self._first._best(vectors, k=k, excluded=old, among=front)
        second = search_exactly(directions, vectors, k=k, exclude_rows=new, among=back)
        return merged(first, second, n=n, m=directions.shape[0])
