"""What every index has in common: the `Index` class, its answers, and the candidates it searches.

An index finds the `k` candidates whose vectors have the largest inner products with a query's
vector. Two calls do it: `Index.search` speaks in external ids, `Index.search_rows` in rows, the
positions of the candidates inside the index. Answers come best first; of equal scores the smaller
row is first. Scores are float32 inner products of the vectors as they were given, in every kind of
index: an approximate one may miss a candidate but never misstates a score.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64, Integer, Shaped

from turret.errors import CandidateIndexError, QueryError

__all__ = ["Candidates", "Hits", "Index", "RowHits", "check_search"]


class Hits(NamedTuple):
    """Answers by external id, best first.

    Attributes:
        ids: `[q, k]` array of objects: `str`, and None behind `counts`.
        scores: `[q, k]` float32; NaN behind `counts`.
        counts: `[q]` int64, how many answers each query has; fewer than `k` only when fewer exist.
    """

    ids: Shaped[np.ndarray, "q k"]
    scores: Float32[np.ndarray, "q k"]
    counts: Int64[np.ndarray, " q"]


class RowHits(NamedTuple):
    """Answers by row, best first.

    Attributes:
        rows: `[q, k]` int64; behind `counts` the number of candidates, which is no row.
        scores: `[q, k]` float32; NaN behind `counts`.
        counts: `[q]` int64, how many answers each query has.
    """

    rows: Int64[np.ndarray, "q k"]
    scores: Float32[np.ndarray, "q k"]
    counts: Int64[np.ndarray, " q"]

    @classmethod
    def empty(cls, *, queries: int, k: int, size: int) -> "RowHits":
        """Makes room for answers that are filled in afterwards.

        Args:
            queries: number of queries `q`.
            k: number of places for each.
            size: number of candidates, written in every place of `rows`.

        Returns:
            Arrays that say "no answer" everywhere.

        Example:
            >>> RowHits.empty(queries=1, k=2, size=7).rows.tolist()
            [[7, 7]]
        """
        return cls(
            rows=np.full((queries, k), size, dtype=np.int64),
            scores=np.full((queries, k), np.nan, dtype=np.float32),
            counts=np.zeros(queries, dtype=np.int64),
        )


class Candidates:
    """The candidates of an index: distinct ids and one finite vector each, never changed.

    Args:
        ids: `n` distinct strings; the position of an id is its row.
        vectors: `[n, d]`, finite; kept as float32, copied only when they are something else.

    Raises:
        CandidateIndexError: if the numbers differ, an id is not a string or occurs twice, or a
            vector is not finite.

    Example:
        >>> candidates = Candidates(["a", "b"], np.eye(2, dtype=np.float32))
        >>> candidates.rows(["b", "no such id"]).tolist()
        [1]
    """

    def __init__(self, ids: Iterable[str], vectors: Float[np.ndarray, "n d"]) -> None:
        """Check the candidates and keep them."""
        listed = list(ids)
        padded = np.empty(len(listed) + 1, dtype=object)
        padded[:-1] = listed
        kept = np.ascontiguousarray(vectors, dtype=np.float32).view()
        kept.flags.writeable = False
        _check_candidates(listed, kept)
        # One None behind the last id: a place without an answer then names no candidate.
        self._padded_ids = padded
        self._vectors = kept

    def __len__(self) -> int:
        """Return the number of candidates."""
        return self._vectors.shape[0]

    @property
    def ids(self) -> Shaped[np.ndarray, " n"]:
        """The ids in row order: an `[n]` array of `str` objects."""
        return self._padded_ids[:-1]

    @property
    def vectors(self) -> Float32[np.ndarray, "n d"]:
        """The vectors in row order, `[n, d]`, read-only."""
        return self._vectors

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return self._vectors.shape[1]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each id."""
        return {name: row for row, name in enumerate(self.ids)}

    def rows(self, ids: Iterable[str]) -> Int64[np.ndarray, " m"]:
        """Finds the rows of the ids that exist; the others are passed over.

        Args:
            ids: external ids.

        Returns:
            The rows, `[m]`, in the order of `ids`.
        """
        found = (self.row_of.get(name) for name in ids)
        return np.asarray([row for row in found if row is not None], dtype=np.int64)

    def exclusions(
        self, exclude: Sequence[Collection[str]] | None
    ) -> list[Int64[np.ndarray, " ..."]] | None:
        """Turns the excluded ids of each query into rows.

        Args:
            exclude: a collection of ids for each query. None: nothing is excluded.

        Returns:
            The rows for each query, or None. An id that is no candidate is passed over: it cannot
            be an answer anyway.

        Raises:
            QueryError: if a query's ids are one string instead of a collection of them.
        """
        if exclude is None:
            return None
        for ids in exclude:
            if isinstance(ids, str):
                raise QueryError(
                    "exclude: the ids of a query are one string",
                    got=ids,
                    expected="a list of ids for each query",
                    fix=f"Write [[{ids!r}]] for one query.",
                )
        return [self.rows(ids) for ids in exclude]

    def name(self, hits: RowHits) -> Hits:
        """Puts ids in the place of rows.

        Args:
            hits: answers whose rows are rows of these candidates.

        Returns:
            The same answers by id.
        """
        return Hits(ids=self._padded_ids[hits.rows], scores=hits.scores, counts=hits.counts)


def _check_candidates(ids: Sequence[object], vectors: Float32[np.ndarray, "n d"]) -> None:
    if vectors.ndim != 2 or vectors.shape[0] != len(ids):
        raise CandidateIndexError(
            "ids and vectors of the candidates do not fit together",
            got=f"{len(ids)} ids and vectors of shape {vectors.shape}",
            expected="a matrix with one row for each id",
        )
    for row, name in enumerate(ids):
        if not isinstance(name, str):
            raise CandidateIndexError(
                f"the candidate id in row {row} is not a string",
                got=name,
                fix="Write every id as text before building the index.",
            )
    if len(set(ids)) != len(ids):
        twice = next(name for name, count in Counter(ids).items() if count > 1)
        raise CandidateIndexError("a candidate id occurs twice", got=twice, expected="distinct ids")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise CandidateIndexError(
            f"{int((~finite).sum())} candidate vectors are not finite, first in row {row}",
            got=ids[row],
            expected="finite numbers",
            fix="Look for a training that diverged: its loss is not finite either.",
        )


def check_search(
    queries: Float[np.ndarray, "q d"],
    *,
    dim: int,
    k: int,
    exclude: Sequence[object] | None,
) -> Float32[np.ndarray, "q d"]:
    """Checks what a search was given.

    Args:
        queries: query vectors, `[q, d]`.
        dim: the `d` of the candidates.
        k: the number of answers asked for.
        exclude: what each query excludes, or None.

    Returns:
        The query vectors as contiguous float32.

    Raises:
        QueryError: if `k` is not a positive whole number, a vector is not finite, or `exclude`
            has not one entry for each query.
        CandidateIndexError: if the query vectors have another length than the candidates'.

    Example:
        >>> check_search(np.ones((1, 2)), dim=2, k=5, exclude=None).dtype
        dtype('float32')
    """
    _check_k(k)
    vectors = np.ascontiguousarray(queries, dtype=np.float32)
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise CandidateIndexError(
            "query vectors do not fit the index",
            got=f"shape {vectors.shape}",
            expected=f"[number of queries, {dim}]",
            fix="Use the query tower that was trained together with these candidates.",
        )
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise QueryError(f"the vector of query {row} is not finite", got=vectors[row].tolist())
    if exclude is not None and len(exclude) != vectors.shape[0]:
        raise QueryError(
            "exclude has not one entry for each query",
            got=len(exclude),
            expected=str(vectors.shape[0]),
            fix="Give an empty list for a query that excludes nothing.",
        )
    return vectors


def _check_k(k: object) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise QueryError("k", got=k, expected="a whole number of at least 1")


class Index(ABC):
    """The `k` best candidates of a query vector, by inner product.

    A kind of index says how it searches rows, and how it is built, saved and loaded; what it
    shares with the other kinds is here. An index does not change once built, so any number of
    threads may search it at the same time.

    Attributes:
        kind: the name of the kind, as recipes write it.
        is_exact: whether a search always finds the true `k` best.
        candidates: the ids and vectors that are searched.
    """

    kind: ClassVar[str]
    is_exact: ClassVar[bool]
    candidates: Candidates

    @classmethod
    @abstractmethod
    def build(cls, candidates: Candidates, **parameters: int | float) -> "Index":
        """Builds an index.

        Args:
            candidates: what it will search.
            **parameters: settings of the kind, by name; those left out follow from the number
                and the length of the vectors.

        Returns:
            The index.

        Raises:
            CandidateIndexError: if a parameter does not exist or cannot be used.
            MissingPartError: if the kind needs a library that is not installed.
        """

    @classmethod
    @abstractmethod
    def load(cls, directory: Path, candidates: Candidates) -> "Index":
        """Reads what `save` wrote.

        Args:
            directory: the directory that `save` was given.
            candidates: the same candidates, in the same order.

        Returns:
            An index that answers as the saved one did: the same ids, bit-equal scores.

        Raises:
            CandidateIndexError: if the files do not belong to these candidates or this kind.
            MissingPartError: if the kind needs a library that is not installed.
        """

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Writes everything but the candidates into an existing, empty directory.

        Args:
            directory: where to write.
        """

    @abstractmethod
    def search_rows(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
    ) -> RowHits:
        """Finds the best candidates by row.

        Args:
            queries: query vectors, `[q, d]`.
            k: the number of answers for each query, at least 1.
            exclude_rows: for each query the rows that may not be answers; None excludes nothing.

        Returns:
            The answers: `min(k, n - excluded)` of them for each query, in every kind of index.

        Raises:
            QueryError: if `k`, a vector or the exclusions cannot be used.
            CandidateIndexError: if the vectors have the wrong length.
        """

    def search(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude: Sequence[Collection[str]] | None = None,
    ) -> Hits:
        """Finds the best candidates by id.

        Args:
            queries: query vectors, `[q, d]`.
            k: the number of answers for each query, at least 1. When it is larger than the number
                of candidates left, the places behind `counts` hold None and NaN.
            exclude: for each query the ids that may not be answers; unknown ids are passed over.

        Returns:
            The answers, best first, ties by smallest row.

        Raises:
            QueryError: if `k`, a vector or the exclusions cannot be used.
            CandidateIndexError: if the vectors have the wrong length.
        """
        rows = self.candidates.exclusions(exclude)
        return self.candidates.name(self.search_rows(queries, k, exclude_rows=rows))

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.candidates)

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return self.candidates.dim

    @property
    def ids(self) -> Shaped[np.ndarray, " n"]:
        """The candidate ids in row order."""
        return self.candidates.ids

    @property
    def vectors(self) -> Float32[np.ndarray, "n d"]:
        """The candidate vectors in row order, read-only."""
        return self.candidates.vectors
