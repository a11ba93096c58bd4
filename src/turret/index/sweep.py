"""The best candidates of many queries at once.

A matrix product scores a block of candidates for a block of queries, so few of both that the scores
stay in a processor's cache. There they are compared with one threshold for each query, and only
those that reach it are taken out of it, sorted in the end. The threshold comes from the scores of
some candidates, drawn at random: of s drawn out of n, the j-th largest score stands about at place
j n / s of all, with j so large that this place is seldom above the k-th. A query that fewer than k
scores reach is left to the caller; so the answer is always the true one.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, Integer, UInt32, UInt64

from turret.cores import cores
from turret.index.hits import RowHits
from turret.products import products_by_one

__all__ = ["Sweep"]

# The scores of so many queries for so many candidates are 1 MiB: half of a usual cache.
_QUERIES = 512
_ROWS = 512
# Fewer queries or candidates than these are not worth it.
_QUERIES_FROM = 128
_ROWS_FROM = 4096
# One candidate in so many is drawn, but not more than are enough.
_DRAWN = 24
_DRAWN_MOST = 8192
# A query whose threshold more than this many times the expected number reach is left over.
_CROWD = 8
# Maxima of so many drawn scores stand for all of them.
_DRAWN_GROUP = 4
_SCORE_BITS = 32


@dataclass(frozen=True)
class _Draw:
    """How thresholds are found.

    Attributes:
        size: how many candidates are drawn, `s`.
        place: which of their scores is the threshold, `j`.
    """

    size: int
    place: int

    @classmethod
    def of(cls, n: int, k: int) -> "_Draw":
        """Draws so many that fewer than k above the threshold are a matter of one in hundreds.

        Of the k best, k s / n are drawn on average, and the number that are is nearly Poisson's.
        """
        size = max(1, min(_DRAWN_MOST, n // _DRAWN))
        mean = k * size / n
        return cls(size, math.ceil(mean + 3 * math.sqrt(mean) + 1))


class _Near(NamedTuple):
    """The scores of a block of queries that reach their thresholds.

    Attributes:
        places: where they stand in a matrix with a row for each candidate and a column for each
            query.
        scores: the scores.
        kept: the queries that did not have too many of them.
    """

    places: Int64[np.ndarray, " near"]
    scores: Float32[np.ndarray, " near"]
    kept: Bool[np.ndarray, " q"]


class Sweep:
    """A search for the `k` best of the same candidates, for any number of queries.

    Args:
        vectors: candidate vectors, `[n, d]`.
        k: how many answers for each query.
        inside: the rows that may be answers, ascending; None: all.

    Example:
        >>> vectors = np.random.default_rng(0).normal(size=(5000, 8)).astype(np.float32)
        >>> hits, left = Sweep(vectors, k=1).search(vectors[:300])
        >>> hits.rows.shape, left.shape[0] < 100
        ((300, 1), True)
    """

    def __init__(
        self,
        vectors: Float32[np.ndarray, "n d"],
        *,
        k: int,
        inside: Int64[np.ndarray, " m"] | None = None,
    ) -> None:
        """Draw the candidates that tell the thresholds."""
        self._vectors, self._k, self._inside = vectors, k, inside
        self._size: int = vectors.shape[0] if inside is None else inside.shape[0]
        self._draw = _Draw.of(self._size, k)
        # One out of each of as many stretches: their order, too, may mean something.
        shift = np.random.default_rng(0).random(self._draw.size)
        drawn = ((np.arange(self._draw.size) + shift) * (self._size / self._draw.size)).astype(int)
        self._drawn_vectors = vectors[drawn if inside is None else inside[drawn]]
        self._drawn = drawn
        bits = self._size.bit_length()
        self._bits = bits
        self._block = min(_QUERIES, 1 << (64 - _SCORE_BITS - bits))

    @staticmethod
    def pays(*, queries: int, size: int, k: int) -> bool:
        """Says whether a sweep is the fastest way.

        Args:
            queries: how many queries there are.
            size: how many candidates may be answers.
            k: how many answers for each query.
        """
        if queries < _QUERIES_FROM or not _ROWS_FROM <= size < 1 << 30:
            return False
        draw = _Draw.of(size, k)
        return draw.place * 4 * _DRAWN_GROUP <= draw.size

    def search(
        self,
        queries: Float32[np.ndarray, "q d"],
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
    ) -> tuple[RowHits, Int64[np.ndarray, " left"]]:
        """Finds the best of each query, as many blocks at a time as there are processors.

        Args:
            queries: query vectors, `[q, d]`.
            exclude_rows: for each query the rows that may not be answers.

        Returns:
            The answers, ties by smallest row, and the queries that are left over: their answers
            are still to be found otherwise.
        """
        number: int = queries.shape[0]
        hits = RowHits.empty(queries=number, k=self._k, size=self._vectors.shape[0])
        place = None if exclude_rows is None else _places(self._inside, self._vectors.shape[0])

        def one(start: int) -> None:
            part = slice(start, start + self._block)
            out = np.empty(0, dtype=np.int64)
            if exclude_rows is not None and place is not None:
                out = _excluded(exclude_rows[part], place)
            self._answer(queries[part], out, RowHits(*(whole[part] for whole in hits)))

        with products_by_one(), ThreadPoolExecutor(cores()) as pool:
            list(pool.map(one, range(0, number, self._block)))
        return hits, np.flatnonzero(hits.counts == 0)

    def _answer(
        self,
        queries: Float32[np.ndarray, "q d"],
        out: Int64[np.ndarray, " out"],
        hits: RowHits,
    ) -> None:
        """Writes the answers of a block of queries, except where fewer than k are found."""
        q: int = queries.shape[0]
        near = self._near(queries, self._thresholds(queries, out), out)
        keys = _keys(near, queries=q, bits=self._bits)
        keys.sort()
        query = (keys >> np.uint64(_SCORE_BITS + self._bits)).astype(np.int64)
        counts = np.bincount(query, minlength=q)
        whole = np.flatnonzero(near.kept & (counts >= self._k))
        first = (np.cumsum(counts) - counts)[whole, None]
        best = keys[first + np.arange(self._k)]
        rows = (best & np.uint64((1 << self._bits) - 1)).astype(np.int64)
        hits.rows[whole] = rows if self._inside is None else self._inside[rows]
        hits.scores[whole] = _scores((best >> np.uint64(self._bits)).astype(np.uint32))
        hits.counts[whole] = self._k

    def _thresholds(
        self, queries: Float32[np.ndarray, "q d"], out: Int64[np.ndarray, " out"]
    ) -> Float32[np.ndarray, " q"]:
        """A score for each query that few candidates reach; infinite where none can be told."""
        scores = queries @ self._drawn_vectors.T
        row, query = np.divmod(out, queries.shape[0])
        at = np.minimum(np.searchsorted(self._drawn, row), self._draw.size - 1)
        met = self._drawn[at] == row
        scores[query[met], at[met]] = -np.inf
        # Few of the j largest share a group, and where some do, the threshold is a little lower.
        groups = self._draw.size // _DRAWN_GROUP
        scores = scores[:, : groups * _DRAWN_GROUP].reshape(-1, _DRAWN_GROUP, groups).max(axis=1)
        place = groups - self._draw.place
        scores.partition(place, axis=1)
        least = scores[:, place]
        return np.where(least > -np.inf, least, np.inf)

    def _near(
        self,
        queries: Float32[np.ndarray, "q d"],
        least: Float32[np.ndarray, " q"],
        out: Int64[np.ndarray, " out"],
    ) -> _Near:
        """Collects the scores that reach the thresholds."""
        q: int = queries.shape[0]
        starts = range(0, self._size, _ROWS)
        bounds = np.searchsorted(out, np.arange(0, self._size + _ROWS, _ROWS) * q)
        scores = np.empty((_ROWS, q), dtype=np.float32)
        reached = np.empty((_ROWS, q), dtype=bool)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        room = most = q * _CROWD * self._draw.place * self._size // self._draw.size
        for number, start in enumerate(starts):
            part = slice(start, start + _ROWS)
            vectors = self._vectors[part if self._inside is None else self._inside[part]]
            count: int = vectors.shape[0]
            flat = np.matmul(vectors, queries.T, out=scores[:count]).reshape(-1)
            flat[out[bounds[number] : bounds[number + 1]] - start * q] = -np.inf
            np.greater_equal(scores[:count], least, out=reached[:count])
            near = np.flatnonzero(reached[:count])
            found.append((near + start * q, flat[near]))
            room -= near.shape[0]
            if room < 0:
                found = [_without_crowded(found, least, most=most // q)]
                room = most - found[0][0].shape[0]
        places, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return _Near(places, values, least < np.inf)


def _without_crowded(
    found: list[tuple[np.ndarray, np.ndarray]], least: Float32[np.ndarray, " q"], *, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gives up the queries of which too many scores reach the threshold: equal ones, for example.

    Their thresholds become infinite.
    """
    places, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    query = places % least.shape[0]
    least[np.bincount(query, minlength=least.shape[0]) > most] = np.inf
    kept = least[query] < np.inf
    return places[kept], scores[kept]


def _places(inside: Int64[np.ndarray, " m"] | None, n: int) -> Int64[np.ndarray, " n"]:
    """Where each row stands among those inside; -1 where it does not."""
    if inside is None:
        return np.arange(n)
    places = np.full(n, -1, dtype=np.int64)
    places[inside] = np.arange(inside.shape[0])
    return places


def _excluded(
    exclude_rows: Sequence[Integer[np.ndarray, " ..."]], place: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " out"]:
    """The excluded pairs as places in a matrix of candidates and queries, ascending."""
    q = len(exclude_rows)
    query = np.repeat(np.arange(q), [rows.shape[0] for rows in exclude_rows])
    row = place[np.concatenate([np.asarray(rows, dtype=np.int64) for rows in exclude_rows])]
    return np.sort((row * q + query)[row >= 0])


def _keys(near: _Near, *, queries: int, bits: int) -> UInt64[np.ndarray, " near"]:
    """One number for each score: sorted, they go by query, from the highest score, by row."""
    row, query = np.divmod(near.places.view(np.uint64), np.uint64(queries))
    # Zero is added because -0 and 0 are equal, but not their bits.
    plain = (near.scores + np.float32(0)).view(np.uint32)
    falling = np.where(plain >> 31, plain, plain ^ np.uint32(0x7FFFFFFF))
    keys = (query << np.uint64(_SCORE_BITS)) | falling
    return (keys << np.uint64(bits)) | row


def _scores(falling: UInt32[np.ndarray, "q k"]) -> Float32[np.ndarray, "q k"]:
    """The scores that the lower bits of a key stand for."""
    return np.where(falling >> 31, falling, falling ^ np.uint32(0x7FFFFFFF)).view(np.float32)
