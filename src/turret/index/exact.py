"""Brute force: every candidate is considered, so the answer is the true one.

This is the oracle that approximate indexes are measured against, and what they fall back on.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import msgspec
import numpy as np
from jaxtyping import Float, Float32, Int64, Integer

from turret.errors import CandidateIndexError
from turret.index.base import Index, Parameter, check_search
from turret.index.best import best_of_each
from turret.index.candidates import Candidates
from turret.index.codes import Codes
from turret.index.description import read_description, write_description
from turret.index.filters import Filter
from turret.index.hits import RowHits
from turret.index.parameters import with_overrides
from turret.index.sweep import Sweep

__all__ = ["ExactIndex", "ExactParameters", "search_exactly"]

# Scores of one block of queries: at most 64 MiB of float32, and at least one query.
_BLOCK_SCORES = 16 * 1024 * 1024
# So many of them, about what a processor's cache holds, are ranked at once.
_PART_SCORES = 256 * 1024
# From so many queries on, one matrix product is faster than reading the codes for each.
_TOGETHER_FROM = 4
# From so many queries on, one product of two matrices is faster than one for each query.
_MATRIX_FROM = 5
# Of fewer than one in so many rows, the vectors are gathered instead of all being scored.
_GATHERED_BELOW = 4


def search_exactly(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    *,
    k: int,
    exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
    among: Filter | None = None,
) -> RowHits:
    """Scores every candidate for every query, a block of queries at a time.

    Args:
        vectors: candidate vectors, `[n, d]`.
        queries: query vectors, `[q, d]`.
        k: how many answers for each query.
        exclude_rows: for each query the rows that may not be answers.
        among: the rows that may be answers; None: all.

    Returns:
        The true best, ties by smallest row.

    Example:
        >>> hits = search_exactly(np.eye(3, dtype=np.float32), np.float32([[1, 2, 3]]), k=2)
        >>> hits.rows.tolist(), hits.scores.tolist()
        ([[2, 1]], [[3.0, 2.0]])
    """
    size = vectors.shape[0] if among is None else among.count
    if not Sweep.pays(queries=queries.shape[0], size=size, k=k):
        return _in_blocks(vectors, queries, k=k, exclude_rows=exclude_rows, among=among)
    sweep = Sweep(vectors, k=k, inside=None if among is None else among.rows)
    hits, left = sweep.search(queries, exclude_rows=exclude_rows)
    if left.shape[0] > 0:
        missing: list[int] = left.tolist()
        theirs = None if exclude_rows is None else [exclude_rows[query] for query in missing]
        found = _in_blocks(vectors, queries[left], k=k, exclude_rows=theirs, among=among)
        for whole, part in zip(hits, found, strict=True):
            whole[left] = part
    return hits


def _in_blocks(
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    *,
    k: int,
    exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None,
    among: Filter | None,
) -> RowHits:
    """Keeps all scores of some queries, as many as memory should hold, and looks for the best."""
    n = vectors.shape[0]
    hits = RowHits.empty(queries=queries.shape[0], k=k, size=n)
    gathered = among is not None and among.count * _GATHERED_BELOW < n
    inside = np.empty(0, dtype=np.int64) if among is None else among.rows
    if gathered:
        vectors = vectors[inside]
    size = max(vectors.shape[0], 1)
    block, part = max(1, _BLOCK_SCORES // size), max(1, _PART_SCORES // size)
    for start in range(0, queries.shape[0], block):
        scores = _products(queries[start : start + block], vectors)
        if among is not None and not gathered:
            scores[:, ~among.mask] = -np.inf
        if exclude_rows is not None:
            for row_scores, excluded in zip(scores, exclude_rows[start:], strict=False):
                row_scores[_places(excluded, inside) if gathered else excluded] = -np.inf
        for offset in range(0, scores.shape[0], part):
            found = best_of_each(scores[offset : offset + part], k)
            there = slice(start + offset, start + offset + found.counts.shape[0])
            if gathered:
                found = found._replace(rows=np.append(inside, n)[found.rows])
            for whole, one in zip(hits, found, strict=True):
                whole[there] = one
    return hits


def _products(
    queries: Float32[np.ndarray, "q d"], vectors: Float32[np.ndarray, "n d"]
) -> Float32[np.ndarray, "q n"]:
    """The inner products. A product of two matrices only pays for itself from some rows on."""
    if queries.shape[0] >= _MATRIX_FROM:
        return queries @ vectors.T
    scores = np.empty((queries.shape[0], vectors.shape[0]), dtype=np.float32)
    for query, row in zip(queries, scores, strict=True):
        np.matmul(vectors, query, out=row)
    return scores


def _places(
    rows: Integer[np.ndarray, " ..."], inside: Int64[np.ndarray, " m"]
) -> Int64[np.ndarray, " ..."]:
    """Where rows stand among others, which are ascending; those that do not are passed over."""
    place = np.searchsorted(inside, rows)
    return place[np.append(inside, -1)[place] == rows]


class ExactParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of an exact index.

    Attributes:
        storage: `float16` and `int8` keep a copy of the vectors in two bytes or one byte a number,
            which a search of few queries reads instead of the vectors. The answers are the same.
    """

    storage: Literal["float32", "float16", "int8"] = "float32"


class ExactIndex(Index):
    """An index that always finds the true best.

    Args:
        candidates: what it searches.
        codes: the vectors in fewer bytes, for a faster search of few queries.

    Example:
        >>> index = ExactIndex(Candidates(["a", "b"], np.eye(2, dtype=np.float32)))
        >>> index.search(np.float32([[1, 2]]), 3).ids.tolist()
        [['b', 'a', None]]
    """

    kind: ClassVar[str] = "exact"
    is_exact: ClassVar[bool] = True

    def __init__(self, candidates: Candidates, *, codes: Codes | None = None) -> None:
        """Keep the parts."""
        self.candidates = candidates
        self.parameters = (
            ExactParameters()
            if codes is None
            else with_overrides(ExactParameters(), {"storage": codes.storage})
        )
        self._codes = codes

    @classmethod
    def build(cls, candidates: Candidates, **parameters: Parameter) -> "ExactIndex":
        """Builds the index; parameters are those of `ExactParameters`. See `Index.build`."""
        storage = with_overrides(ExactParameters(), parameters).storage
        if storage == "float32":
            return cls(candidates)
        return cls(candidates, codes=Codes.of(candidates.vectors, storage))

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Parameter]) -> None:
        """Refuses what `ExactParameters` has not. See `Index.check_parameters`."""
        with_overrides(ExactParameters(), parameters)

    @classmethod
    def load(cls, directory: Path, candidates: Candidates) -> "ExactIndex":
        """Reads what `save` wrote; codes stay on the disk until they are read. See `Index.load`."""
        description = read_description(directory, kind=cls.kind, candidates=candidates)
        settings = with_overrides(ExactParameters(), description.parameters)
        if settings.storage == "float32":
            return cls(candidates)
        codes = Codes.load(directory)
        if (codes.values.shape, codes.storage) != (candidates.vectors.shape, settings.storage):
            raise CandidateIndexError(
                f"the codes in {directory} belong to other candidates",
                got=f"{codes.storage}{list(codes.values.shape)}",
                expected=f"{settings.storage}{list(candidates.vectors.shape)}",
                fix="Build the index again.",
            )
        return cls(candidates, codes=codes)

    @property
    def settings(self) -> dict[str, Parameter]:
        """Every parameter by name. See `Index.settings`."""
        return msgspec.structs.asdict(self.parameters)

    def save(self, directory: Path) -> None:
        """Writes the description and the codes. See `Index.save`."""
        write_description(
            directory,
            kind=self.kind,
            candidates=self.candidates,
            parameters=self.settings,
        )
        if self._codes is not None:
            self._codes.save(directory)

    def search_rows(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
        among: Filter | None = None,
    ) -> RowHits:
        """Finds the true best candidates by row. See `Index.search_rows`."""
        checked = check_search(queries, dim=self.dim, k=k, exclude=exclude_rows)
        size = len(self) if among is None else among.count
        few = among is not None and size * _GATHERED_BELOW < len(self)
        if self._codes is None or few or checked.shape[0] >= _TOGETHER_FROM:
            return search_exactly(
                self.vectors, checked, k=k, exclude_rows=exclude_rows, among=among
            )
        hits = RowHits.empty(queries=checked.shape[0], k=k, size=len(self))
        for number, query in enumerate(checked):
            excluded = None if exclude_rows is None else exclude_rows[number]
            found = self._by_codes(query[None], k, excluded=excluded, among=among)
            for whole, part in zip(hits, found, strict=True):
                whole[number] = part[0]
        return hits

    def _by_codes(
        self,
        query: Float32[np.ndarray, "1 d"],
        k: int,
        *,
        excluded: Integer[np.ndarray, " ..."] | None,
        among: Filter | None,
    ) -> RowHits:
        """Scores what the codes leave of the candidates."""
        assert self._codes is not None
        out = np.unique(np.empty(0, dtype=np.int64) if excluded is None else excluded)
        places = k + out.shape[0]
        size = len(self) if among is None else among.count
        if places * _GATHERED_BELOW < size:
            rows = self._codes.contenders(
                query[0], places, mask=None if among is None else among.mask
            )
            rows = rows[~np.isin(rows, out)]
            if rows.shape[0] * _GATHERED_BELOW < size:
                hits = search_exactly(self.vectors[rows], query, k=k)
                beyond = np.arange(k) >= hits.counts[:, None]
                named = np.where(beyond, len(self), rows[np.where(beyond, 0, hits.rows)])
                return hits._replace(rows=named)
        return search_exactly(
            self.vectors,
            query,
            k=k,
            exclude_rows=None if excluded is None else [excluded],
            among=among,
        )
