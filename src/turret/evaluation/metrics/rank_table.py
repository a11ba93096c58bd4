"""The ranks of the true candidates of many queries, ready for every metric: pure NumPy.

The truth of a query is the set of candidates that should be found. A rank counts from 1; rank 0
says that the candidate was not retrieved at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from turret.errors import EvaluationError

__all__ = ["RankTable", "check_ks", "discounts", "headline"]

_HEADLINE = 20


def check_ks(ks: Iterable[int]) -> tuple[int, ...]:
    """Sorts the list lengths at which metrics are taken.

    Args:
        ks: whole numbers of at least 1, in any order.

    Returns:
        The distinct ones, ascending.

    Raises:
        EvaluationError: if there is none, or one is not a whole number of at least 1.

    Example:
        >>> check_ks([10, 1, 10])
        (1, 10)
    """
    given: list[object] = list(ks)
    sound = [k for k in given if isinstance(k, int) and not isinstance(k, bool) and k >= 1]
    if not given or len(sound) < len(given):
        raise EvaluationError("ks", got=given, expected="whole numbers of at least 1")
    return tuple(sorted(set(sound)))


def headline(ks: Iterable[int]) -> int:
    """The list length to show where there is room for one: the nearest to 20, the smaller of two.

    Example:
        >>> headline([1, 10, 30, 100])
        10
    """
    return min(ks, key=lambda k: (abs(k - _HEADLINE), k), default=_HEADLINE)


def discounts(ranks: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """What a place is worth to cumulated gain: `1 / log2(1 + rank)`.

    Example:
        >>> discounts(np.array([1, 3])).tolist()
        [1.0, 0.5]
    """
    return 1.0 / np.log2(1.0 + ranks)


@dataclass(frozen=True, eq=False)
class RankTable:
    """The ranks of the true candidates of many queries, ready for every metric.

    `RankTable.of` makes one. The arrays over `found` describe the true candidates among the first
    `max(ks)` of their query's ranking, ordered by query and then by rank.

    Attributes:
        ks: the list lengths of interest, ascending.
        truth: how many true candidates each query has.
        events: how many events the true candidates of each query stand for.
        owner: the query of each found candidate.
        rank: its rank.
        position: its place among the found candidates of its query, from 1.
        weight: how many events it stands for.
        early: how many true candidates of each query are among as many first places as it has
            true candidates.
        complete: whether all true candidates of each query were retrieved.
        passed: for each query the pairs of a true and an untrue candidate of which the untrue one
            comes first; means nothing where the query is not complete.
        untrue: how many untrue candidates are ranked for each query; None when not known.
        gain: what each found candidate is worth to graded metrics; None without grades.
        ideal: the discounted gain of the best order in its first `k`; None without grades.
    """

    ks: tuple[int, ...]
    truth: Int64[np.ndarray, " queries"]
    events: Int64[np.ndarray, " queries"]
    owner: Int64[np.ndarray, " found"]
    rank: Int64[np.ndarray, " found"]
    position: Int64[np.ndarray, " found"]
    weight: Int64[np.ndarray, " found"]
    early: Int64[np.ndarray, " queries"]
    complete: Bool[np.ndarray, " queries"]
    passed: Float64[np.ndarray, " queries"]
    untrue: Int64[np.ndarray, " queries"] | None = None
    gain: Float64[np.ndarray, " found"] | None = None
    ideal: Float64[np.ndarray, "queries ks"] | None = None

    @classmethod
    def of(
        cls,
        indptr: Integer[np.ndarray, " bounds"],
        ranks: Integer[np.ndarray, " pairs"],
        *,
        ks: Iterable[int],
        events: Integer[np.ndarray, " pairs"] | None = None,
        ranked: int | Integer[np.ndarray, " queries"] | None = None,
        gains: Float64[np.ndarray, " pairs"] | None = None,
    ) -> "RankTable":
        """Sorts ranks that are listed query by query.

        Args:
            indptr: `[queries + 1]`; the ranks of query `i` are `ranks[indptr[i]:indptr[i + 1]]`.
            ranks: `[pairs]`, from 1, in any order; 0 where a true candidate was not retrieved.
            ks: the list lengths of interest.
            events: `[pairs]`, how many events each pair stands for; None: one each.
            ranked: how many candidates are ranked, for all queries or for each; None: not known.
            gains: `[pairs]`, what each pair is worth to graded metrics, at least 0; None: no
                grades.

        Returns:
            The table.

        Raises:
            EvaluationError: if `ks` cannot be used, a rank or a gain is negative, fewer candidates
                are ranked than are true, or the bounds do not fit.

        Example:
            >>> table = RankTable.of(np.array([0, 2, 3]), np.array([4, 1, 0]), ks=[1, 5])
            >>> table.rank.tolist(), table.position.tolist(), table.owner.tolist()
            ([1, 4], [1, 2], [0, 0])
        """
        lengths = check_ks(ks)
        _check_ranks(indptr, ranks)
        queries, most = len(indptr) - 1, lengths[-1]
        truth = np.diff(indptr).astype(np.int64)
        of_pair = np.repeat(np.arange(queries), truth)
        near = np.flatnonzero((ranks > 0) & (ranks <= most))
        owner = of_pair[near]
        order = np.argsort(owner * (most + 1) + ranks[near])
        near, owner = near[order], owner[order]
        first = _bounds(np.bincount(owner, minlength=queries))
        if events is None:
            weight, total = np.ones(len(near), dtype=np.int64), truth
        else:
            weight, total = events[near].astype(np.int64), np.diff(_bounds(events)[indptr])
        missed = np.diff(_bounds(ranks == 0)[indptr])
        early = (ranks > 0) & (ranks <= truth[of_pair])
        passed = np.diff(_bounds(ranks)[indptr]) - truth * (truth + 1) / 2
        return cls(
            ks=lengths,
            truth=truth,
            events=total,
            owner=owner,
            rank=ranks[near].astype(np.int64),
            position=np.arange(1, len(near) + 1) - first[owner],
            weight=weight,
            early=np.diff(_bounds(early)[indptr]),
            complete=missed == 0,
            passed=passed,
            untrue=None if ranked is None else _untrue(ranked, truth),
            gain=None if gains is None else gains[near],
            ideal=None if gains is None else _ideal(gains, of_pair, truth=truth, ks=lengths),
        )

    def within(
        self, amount: Float64[np.ndarray, " found"] | Int64[np.ndarray, " found"]
    ) -> Float64[np.ndarray, "queries ks"]:
        """Adds up an amount over the candidates found in the first `k`, query by query.

        Args:
            amount: `[found]`, what each found candidate is worth.

        Returns:
            `[queries, len(ks)]`.
        """
        shape = (len(self.truth), len(self.ks))
        added = np.bincount(self._cell, weights=amount, minlength=shape[0] * shape[1])
        return np.cumsum(added.reshape(shape), axis=1, dtype=np.float64)

    @cached_property
    def hits(self) -> Float64[np.ndarray, "queries ks"]:
        """How many true candidates are among the first `k`, `[queries, len(ks)]`."""
        return self.within(np.ones(len(self.rank)))

    @cached_property
    def _cell(self) -> Int64[np.ndarray, " found"]:
        """Query by query, the first `k` that reaches the rank of each found candidate."""
        reached_by = np.searchsorted(np.asarray(self.ks), np.arange(self.ks[-1] + 1))
        return self.owner * len(self.ks) + reached_by[self.rank]


def _check_ranks(
    indptr: Integer[np.ndarray, " bounds"], ranks: Integer[np.ndarray, " pairs"]
) -> None:
    fits = len(indptr) > 0 and indptr[0] == 0 and indptr[-1] == len(ranks)
    if not fits or bool((indptr[1:] < indptr[:-1]).any()):
        raise EvaluationError(
            "indptr does not divide the ranks among the queries",
            got=indptr.tolist()[:10],
            expected=f"numbers that ascend from 0 to {len(ranks)}",
        )
    if len(ranks) and int(ranks.min()) < 0:
        raise EvaluationError(
            "a rank is negative", got=int(ranks.min()), expected="ranks from 1, 0 for not found"
        )


def _bounds(
    counts: Integer[np.ndarray, " n"] | Bool[np.ndarray, " n"],
) -> Int64[np.ndarray, " n+1"]:
    """Running sums from 0."""
    bounds = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=bounds[1:])
    return bounds


def _untrue(
    ranked: int | Integer[np.ndarray, " queries"], truth: Int64[np.ndarray, " queries"]
) -> Int64[np.ndarray, " queries"]:
    untrue = np.asarray(ranked, dtype=np.int64) - truth
    if len(untrue) and int(untrue.min()) < 0:
        query = int(untrue.argmin())
        raise EvaluationError(
            "fewer candidates are ranked than are true",
            got=int(untrue[query] + truth[query]),
            expected=f"at least {int(truth[query])}",
        )
    return untrue


def _ideal(
    gains: Float64[np.ndarray, " pairs"],
    of_pair: Int64[np.ndarray, " pairs"],
    *,
    truth: Int64[np.ndarray, " queries"],
    ks: tuple[int, ...],
) -> Float64[np.ndarray, "queries ks"]:
    """The discounted gain of each query's true candidates, the largest gains first."""
    if len(gains) and not float(gains.min()) >= 0:
        raise EvaluationError("a gain", got=float(gains.min()), expected="at least 0")
    ordered = gains[np.lexsort((-gains, of_pair))]
    place = np.arange(1, len(gains) + 1) - np.repeat(_bounds(truth)[:-1], truth)
    near = place <= ks[-1]
    cell = of_pair[near] * len(ks) + np.searchsorted(np.asarray(ks), place[near])
    shape = (len(truth), len(ks))
    worth = (ordered * discounts(place))[near]
    added = np.bincount(cell, weights=worth, minlength=shape[0] * shape[1])
    return np.cumsum(added.reshape(shape), axis=1, dtype=np.float64)
