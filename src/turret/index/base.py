"""What every index has in common: the `Index` class, its answers, and the candidates it searches.

An index finds the `k` candidates whose vectors have the largest inner products with a query's
vector. Two calls do it: `Index.search` speaks in external ids, `Index.search_rows` in rows, the
positions of the candidates inside the index. Answers come best first; of equal scores the smaller
row is first. Scores are float32 inner products of the vectors as they were given, in every kind of
index: an approximate one may miss a candidate but never misstates a score.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Float, Float32, Integer

from turret.errors import CandidateIndexError, QueryError
from turret.index.candidates import Candidates
from turret.index.filters import Filter, filter_of
from turret.index.hits import Hits, RowHits

__all__ = ["Index", "Parameter", "check_search"]

Parameter = int | float | str
"""The value of a setting of an index."""


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
    def build(cls, candidates: Candidates, **parameters: Parameter) -> "Index":
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
    def check_parameters(cls, parameters: Mapping[str, Parameter]) -> None:
        """Refuses settings that no index of this kind has.

        Args:
            parameters: settings by name.

        Raises:
            CandidateIndexError: if there is no such setting, or a value is impossible.
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
        among: Filter | None = None,
    ) -> RowHits:
        """Finds the best candidates by row.

        Args:
            queries: query vectors, `[q, d]`.
            k: the number of answers for each query, at least 1.
            exclude_rows: for each query the rows that may not be answers; None excludes nothing.
            among: the rows that may be answers, for all queries; None: all.

        Returns:
            The answers: `k` of them for each query, or as many as may be answers when these are
            fewer, in every kind of index.

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
        allow: Collection[str] | None = None,
        deny: Collection[str] | None = None,
        where: str | None = None,
    ) -> Hits:
        """Finds the best candidates by id.

        Args:
            queries: query vectors, `[q, d]`.
            k: the number of answers for each query, at least 1. When it is larger than the number
                of candidates left, the places behind `counts` hold None and NaN.
            exclude: for each query the ids that may not be answers; unknown ids are passed over.
            allow: ids that may be answers of any query; unknown ids are passed over. None: all.
            deny: ids that may not be answers of any query; unknown ids are passed over.
            where: a condition on the candidates' columns, such as `"year >= 1990"`, that answers
                fulfil; see `turret.data.conditions.fulfilled`.

        Returns:
            The answers, best first, ties by smallest row: `k` of them wherever `k` candidates may
            be answers.

        Raises:
            QueryError: if `k`, a vector, the exclusions or a filter cannot be used.
            CandidateIndexError: if the vectors have the wrong length.
        """
        rows = self.candidates.exclusions(exclude)
        among = filter_of(self.candidates, allow=allow, deny=deny, where=where)
        hits = self.search_rows(queries, k, exclude_rows=rows, among=among)
        return self.candidates.name(hits)

    @property
    @abstractmethod
    def settings(self) -> dict[str, Parameter]:
        """What it was built with: every parameter of its kind, by name."""

    @property
    def alive(self) -> Filter | None:
        """The rows that can be answers at all; None: every one."""
        return None

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.candidates)

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return self.candidates.dim

    @property
    def ids(self) -> pl.Series:
        """The candidate ids in row order."""
        return self.candidates.ids

    @property
    def vectors(self) -> Float32[np.ndarray, "n d"]:
        """The candidate vectors in row order, read-only."""
        return self.candidates.vectors
