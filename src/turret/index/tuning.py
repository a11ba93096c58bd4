"""The cheapest settings of an index that reach a wanted recall, found by measuring.

The settings are tried on one part of the queries and judged on another. Recall is measured against
exact search:

    recall@k = |found k  and  true k| / |true k|, averaged over queries

Latency is that of single queries, one after another.
"""

import time
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from jaxtyping import Float32, Float64, Int64

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.base import Index, Parameter
from turret.index.candidates import Candidates
from turret.index.exact import search_exactly
from turret.index.proposing import ProposingIndex

__all__ = ["Curve", "Point", "divided", "frontier", "recall_of", "tune", "tune_each"]

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
    ((index, curve),) = tune_each(
        candidates, queries, kind=kind, targets=[target_recall], k=k, seed=seed
    )
    return index, curve


def tune_each(
    candidates: Candidates,
    queries: Float32[np.ndarray, "q d"],
    *,
    kind: str,
    targets: Sequence[float],
    k: int = 100,
    seed: int = 0,
) -> list[tuple[Index, Curve]]:
    """Does what `tune` does for several recalls, and tries every choice once.

    Args:
        candidates: what is searched.
        queries: query vectors; see `tune`.
        kind: the kind of index.
        targets: recalls, each in (0, 1].
        k: answers of a query.
        seed: of the division.

    Returns:
        For each target the index, and what was measured.

    Raises:
        CandidateIndexError: if no choice reaches a target, or an argument cannot be used.
        MissingPartError: if the kind needs a library that is not installed.
    """
    for target in targets:
        if not 0 < target <= 1:
            raise CandidateIndexError(
                "target_recall", got=target, expected="a number above 0, at most 1"
            )
    if queries.shape[0] < 2 or len(candidates) == 0:
        raise CandidateIndexError(
            "tuning needs candidates and two queries",
            got=f"{len(candidates)} candidates and {queries.shape[0]} queries",
        )
    tuning, reporting = divided(queries, seed=seed)
    points, best = _cheapest(candidates, tuning, kind=kind, targets=targets, k=k)
    truth = search_exactly(candidates.vectors, reporting, k=k).rows
    exact = _latency(registry.of("exact", candidates), reporting, k=k, most=20)
    tuned: list[tuple[Index, Curve]] = []
    for target, index in zip(targets, best, strict=True):
        if index is None:
            raise CandidateIndexError(
                f"no settings of {kind} reach this recall",
                got=target,
                expected=f"at most about {max(point.recall for point in points):.4f}",
                fix="Lower the target, or use an exact index.",
            )
        curve = Curve(
            kind=kind,
            k=k,
            target_recall=target,
            points=tuple(points),
            chosen=_measured(index, reporting, truth, k=k)[0],
            exact_p50_ms=exact,
            queries=(len(tuning), len(reporting)),
        )
        tuned.append((index, curve))
    return tuned


def divided(
    queries: Float32[np.ndarray, "q d"], *, seed: int = 0
) -> tuple[Float32[np.ndarray, "h d"], Float32[np.ndarray, "h d"]]:
    """Divides queries at random.

    Args:
        queries: query vectors, `[q, d]`, at least 2.
        seed: of the division.

    Returns:
        Those for tuning and those for reporting, equally many.
    """
    order = np.random.default_rng(seed).permutation(queries.shape[0])
    half = min(MOST_QUERIES, queries.shape[0] // 2)
    return queries[order[:half]], queries[order[half : 2 * half]]


def _cheapest(
    candidates: Candidates,
    queries: Float32[np.ndarray, "q d"],
    *,
    kind: str,
    targets: Sequence[float],
    k: int,
) -> tuple[list[Point], list[Index | None]]:
    """Every choice that was tried, and for each target the index with the fastest that reaches."""
    truth = search_exactly(candidates.vectors, queries, k=k).rows
    points: list[Point] = []
    best: list[tuple[float, Index] | None] = [None] * len(targets)
    for base, searches in _builds(candidates, kind=kind, k=k):
        enough: list[dict[str, Parameter]] = []
        for search in searches:
            if any(_as_thorough(search, one) for one in enough):
                continue
            index = base.searching_with(**search) if isinstance(base, ProposingIndex) else base
            point, margin = _measured(index, queries, truth, k=k)
            points.append(point)
            if point.recall - margin >= max(targets):
                enough.append(search)
            for number, target in enumerate(targets):
                held = best[number]
                reaches = point.recall - margin >= target
                if reaches and (held is None or point.p50_ms < held[0]):
                    best[number] = (point.p50_ms, index)
    return points, [None if held is None else held[1] for held in best]


def _as_thorough(search: dict[str, Parameter], other: dict[str, Parameter]) -> bool:
    """Whether a search looks at no less than another: it cannot be faster."""
    return all(float(value) >= float(other[name]) for name, value in search.items())


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


def _builds(
    candidates: Candidates, *, kind: str, k: int
) -> Iterator[tuple[Index, list[dict[str, Parameter]]]]:
    """Every index to be built, and the settings of the search to be tried with it."""
    base = registry.of(kind, candidates)
    if not isinstance(base, ProposingIndex) or not base.parameters.divides:
        yield base, [{}]
        return
    for number, build in enumerate(base.parameters.builds()):
        if number > 0:
            base = registry.of(kind, candidates, **build)
        assert isinstance(base, ProposingIndex)
        yield base, base.parameters.searches(k)


def _latency(index: Index, queries: Float32[np.ndarray, "q d"], *, k: int, most: int) -> float:
    """The median milliseconds of a single query."""
    taken: list[float] = []
    for row in range(-1, min(most, queries.shape[0])):
        start = time.perf_counter()
        index.search_rows(queries[max(row, 0)][None], k)
        if row >= 0:  # the very first search warms up
            taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1000
