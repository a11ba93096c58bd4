"""The ranks of the true candidates of many queries, ready for every metric: pure NumPy.

The truth of a query is the set of candidates that should be found. A rank counts from 1; rank 0
says that the candidate was not retrieved at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64, Integer

from turret.errors import EvaluationError

__all__ = ["RankTable", "check_ks", "headline"]

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
    """

    ks: tuple[int, ...]
    truth: Int64[np.ndarray, " queries"]
    events: Int64[np.ndarray, " queries"]
    owner: Int64[np.ndarray, " found"]
    rank: Int64[np.ndarray, " found"]
    position: Int64[np.ndarray, " found"]
    weight: Int64[np.ndarray, " found"]

    @classmethod
    def of(
        cls,
        indptr: Integer[np.ndarray, " bounds"],
        ranks: Integer[np.ndarray, " pairs"],
        *,
        ks: Iterable[int],
        events: Integer[np.ndarray, " pairs"] | None = None,
    ) -> "RankTable":
        """Sorts ranks that are listed query by query.

        Args:
            indptr: `[queries + 1]`; the ranks of query `i` are `ranks[indptr[i]:indptr[i + 1]]`.
            ranks: `[pairs]`, from 1, in any order; 0 where a true candidate was not retrieved.
            ks: the list lengths of interest.
            events: `[pairs]`, how many events each pair stands for; None: one each.

        Returns:
            The table.

        Raises:
            EvaluationError: if `ks` cannot be used, a rank is negative, or the bounds do not fit.

        Example:
            >>> table = RankTable.of(np.array([0, 2, 3]), np.array([4, 1, 0]), ks=[1, 5])
            >>> table.rank.tolist(), table.position.tolist(), table.owner.tolist()
            ([1, 4], [1, 2], [0, 0])
        """
        lengths = check_ks(ks)
        _check_ranks(indptr, ranks)
        queries, most = len(indptr) - 1, lengths[-1]
        truth = np.diff(indptr).astype(np.int64)
        near = np.flatnonzero((ranks > 0) & (ranks <= most))
        owner = np.repeat(np.arange(queries), truth)[near]
        order = np.argsort(owner * (most + 1) + ranks[near])
        near, owner = near[order], owner[order]
        first = np.zeros(queries + 1, dtype=np.int64)
        np.cumsum(np.bincount(owner, minlength=queries), out=first[1:])
        if events is None:
            weight, total = np.ones(len(near), dtype=np.int64), truth
        else:
            running = np.zeros(len(events) + 1, dtype=np.int64)
            np.cumsum(events, out=running[1:])
            weight, total = events[near].astype(np.int64), np.diff(running[indptr])
        return cls(
            ks=lengths,
            truth=truth,
            events=total,
            owner=owner,
            rank=ranks[near].astype(np.int64),
            position=np.arange(1, len(near) + 1) - first[owner],
            weight=weight,
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
