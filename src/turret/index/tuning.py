"""The cheapest settings of an index that reach a wanted recall, found by measuring.

The settings are tried on one part of the queries and judged on another. Recall is measured against
exact search:

    recall@k = |found k  and  true k| / |true k|, averaged over queries

Latency is that of single queries, one after another.
"""

import time
from collections.abc import Sequence

import msgspec
import numpy as np
from jaxtyping import Float32, Float64, Int64

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.base import Index, Parameter
from turret.index.candidates import Candidates
from turret.index.exact import search_exactly
from turret.index.proposing import ProposingIndex

__all__ = ["Curve", "Point", "frontier", "recall_of", "tune"]

MOST_QUERIES = 500
"""Of each part of the queries, at most so many are searched for."""

_TIMED = 100


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one choice of settings gave.

    Attributes:
        parameters: the settings by name.
        recall: recall@k, the mean over queries.
        p50_ms: median milliseconds of a single query.
    """

    parameters: dict[str, Parameter]
    recall: float
    p50_ms: float


class Curve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How recall and latency of an index depend on its settings.

    Attributes:
        kind: the kind of index.
        k: answers of a query.
        target_recall: the recall that was wanted.
        points: every choice that was tried, measured on the queries for tuning.
        chosen: the choice that was made, measured on the queries for reporting.
        exact_p50_ms: median milliseconds of a single query by exact float32 search.
        queries: how many queries the choice was made on, and reported on.
    """

    kind: str
    k: int
    target_recall: float
    points: tuple[Point, ...]
    chosen: Point
    exact_p50_ms: float
    queries: tuple[int, int]


def tune(
    candidates: Candidates,
    queries: Float32[np.ndarray, "q d"],
    *,
    kind: str,
    target_recall: float,
    k: int = 100,
    seed: int = 0,
) -> tuple[Index, Curve]:
    """Builds the index whose settings are the cheapest that reach a recall.

    A choice reaches the target when its recall on the tuning queries, less one standard error, is
    at least as high; of those that do, the one with the smallest median latency is taken.

    Args:
        candidates: what is searched.
        queries: query vectors as they will be asked, `[q, d]`, at least 2. They are divided at
            random into those for tuning and those for reporting.
        kind: the kind of index.
        target_recall: in (0, 1].
        k: answers of a query.
        seed: of the division.

    Returns:
        The index, and what was measured.

    Raises:
        CandidateIndexError: if no choice reaches the target, or an argument cannot be used.
        MissingPartError: if the kind needs a library that is not installed.
    """
    if not 0 < target_recall <= 1:
        raise CandidateIndexError(
            "target_recall", got=target_recall, expected="a number above 0, at most 1"
        )
    if queries.shape[0] < 2 or len(candidates) == 0:
        raise CandidateIndexError(
            "tuning needs candidates and two queries",
            got=f"{len(candidates)} candidates and {queries.shape[0]} queries",
        )
    order = np.random.default_rng(seed).permutation(queries.shape[0])
    half = min(MOST_QUERIES, queries.shape[0] // 2)
    tuning, reporting = queries[order[:half]], queries[order[half : 2 * half]]
    points, index = _cheapest(candidates, tuning, kind=kind, target_recall=target_recall, k=k)
    if index is None:
        raise CandidateIndexError(
            f"no settings of {kind} reach this recall",
            got=target_recall,
            expected=f"at most about {max(point.recall for point in points):.4f}",
            fix="Lower the target, or use an exact index.",
        )
    truth = search_exactly(candidates.vectors, reporting, k=k).rows
    chosen, _ = _measured(index, reporting, truth, k=k)
    curve = Curve(
        kind=kind,
        k=k,
        target_recall=target_recall,
        points=tuple(points),
        chosen=chosen,
        exact_p50_ms=_latency(registry.of("exact", candidates), reporting, k=k, most=20),
        queries=(half, half),
    )
    return index, curve


def _cheapest(
    candidates: Candidates,
    queries: Float32[np.ndarray, "q d"],
    *,
    kind: str,
    target_recall: float,
    k: int,
) -> tuple[list[Point], Index | None]:
    """Every choice that was tried, and the index with the fastest one that reaches the target."""
    truth = search_exactly(candidates.vectors, queries, k=k).rows
    points: list[Point] = []
    best: tuple[float, Index] | None = None
    for index in _choices(candidates, kind=kind, k=k):
        point, margin = _measured(index, queries, truth, k=k)
        points.append(point)
        reaches = point.recall - margin >= target_recall
        if reaches and (best is None or point.p50_ms < best[0]):
            best = (point.p50_ms, index)
    return points, None if best is None else best[1]


def _measured(
    index: Index, queries: Float32[np.ndarray, "q d"], truth: Int64[np.ndarray, "q k"], *, k: int
) -> tuple[Point, float]:
    """Recall and latency with the settings of an index, and the standard error of the recall."""
    shares = recall_of(index.search_rows(queries, k).rows, truth, size=len(index))
    latency = _latency(index, queries, k=k, most=_TIMED)
    point = Point(parameters=index.settings, recall=float(shares.mean()), p50_ms=latency)
    return point, float(shares.std() / np.sqrt(shares.shape[0]))


def recall_of(
    found: Int64[np.ndarray, "q k"], truth: Int64[np.ndarray, "q k"], *, size: int
) -> Float64[np.ndarray, " q"]:
    """Measures how much of the truth was found.

    Args:
        found: rows for each query.
        truth: the true rows; `size` behind the last of them.
        size: number of candidates.

    Returns:
        For each query the share of its true rows that are among the found ones; NaN without any.

    Example:
        >>> recall_of(np.array([[1, 2]]), np.array([[2, 3]]), size=9).tolist()
        [0.5]
    """
    there = truth < size
    hit = [np.isin(t[ok], f).sum() for f, t, ok in zip(found, truth, there, strict=True)]
    number = there.sum(axis=1)
    return np.where(number > 0, np.array(hit) / np.maximum(number, 1), np.nan)


def frontier(points: Sequence[Point]) -> list[Point]:
    """Picks the choices to which no other is superior in both recall and latency.

    Args:
        points: choices.

    Returns:
        Those, fastest first.
    """
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.p50_ms, -point.recall)):
        if not kept or point.recall > kept[-1].recall:
            kept.append(point)
    return kept


def _choices(candidates: Candidates, *, kind: str, k: int) -> list[Index]:
    """Every index to be tried; those of one build share it."""
    first = registry.of(kind, candidates)
    if not isinstance(first, ProposingIndex) or not first.parameters.divides:
        return [first]
    made: list[Index] = []
    for build in first.parameters.builds():
        base = registry.of(kind, candidates, **build) if build else first
        assert isinstance(base, ProposingIndex)
        made.extend(base.searching_with(**search) for search in base.parameters.searches(k))
    return made


def _latency(index: Index, queries: Float32[np.ndarray, "q d"], *, k: int, most: int) -> float:
    """The median milliseconds of a single query."""
    taken: list[float] = []
    for row in range(-1, min(most, queries.shape[0])):
        start = time.perf_counter()
        index.search_rows(queries[max(row, 0)][None], k)
        if row >= 0:  # the very first search warms up
            taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1000
