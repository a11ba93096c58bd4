"""Histories: what each query met before, from the interactions of the training part alone."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Int64

from turret.data.dataset import Dataset
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.lists import right_aligned
from turret.data.encoders.tower import TowerEncoder
from turret.errors import DataError
from turret.recipe.features.history import History
from turret.recipe.towers import TwoTower

__all__ = ["Histories", "with_histories"]


def with_histories(dataset: Dataset, config: TwoTower, *, train: Dataset) -> Dataset:
    """Give the query table the column that a history feature reads.

    Args:
        dataset: Any part of the data.
        config: The two towers.
        train: The training part, over the same tables: its interactions are the histories, in the
            order of time, then in their own.

    Returns:
        The data set with each query's last candidates as a list of ids, the most recent last; the
        same one where no feature reads it, or where the query table has that column already.

    Example:
        >>> from turret.recipe.features.categorical import Categorical
        >>> from turret.recipe.towers import Tower
        >>> events = {"user": [1, 1, 2], "film": ["a", "b", "a"], "time": [9.0, 2.0, 3.0]}
        >>> names = {"query_id": "user", "candidate_id": "film", "timestamp": "time"}
        >>> data = Dataset.from_frames(events, **names)
        >>> towers = TwoTower(query=Tower([History("met")]), candidate=Tower([Categorical("film")]))
        >>> with_histories(data, towers, train=data).queries["met"].to_list()
        [['b', 'a'], ['a']]
    """
    feature = config.history
    if feature is None or feature.column in dataset.queries.columns:
        return dataset
    order, owner = _by_time(train)
    rows = right_aligned(
        train.interactions.candidate_row[order],
        owner,
        n=train.num_queries,
        length=feature.length,
    )
    kept = rows >= 0
    lists = (
        pl.DataFrame(
            {"query": np.nonzero(kept)[0], "id": train.candidate_ids.gather(rows[kept])},
            schema={"query": pl.Int64, "id": pl.String},
        )
        .group_by("query", maintain_order=True)
        .agg("id")
    )
    column = (
        pl.DataFrame({"query": np.arange(train.num_queries)})
        .join(lists, on="query", how="left", maintain_order="left")["id"]
        .alias(feature.column)
    )
    return replace(dataset, queries=dataset.queries.with_columns(column))


@dataclass(frozen=True, eq=False)
class Histories:
    """The histories that a training shows, in which no pair finds its own candidate.

    Attributes:
        dataset: The training part.
        encoder: The history feature's encoder.
        seed: Source of what is hidden.
    """

    dataset: Dataset
    encoder: HistoryEncoder
    seed: int

    @classmethod
    def of(cls, dataset: Dataset, encoder: TowerEncoder, *, seed: int) -> "Histories | None":
        """Those of a query tower's encoder; None where it has no history feature."""
        for one in encoder.encoders.values():
            if isinstance(one, HistoryEncoder):
                return cls(dataset, one, seed)
        return None

    @property
    def feature(self) -> History:
        """The feature."""
        return self.encoder.feature

    def of_pairs(
        self, events: Int64[np.ndarray, " p"], *, step: int
    ) -> tuple[Int64[np.ndarray, " q"], Int32[np.ndarray, " p"], dict[str, np.ndarray]]:
        """The history of each pair; pairs of a query that see the same share one.

        Args:
            events: Positions in the data set's interactions, `[P]`.
            step: The step, which decides what is dropped.

        Returns:
            For each distinct history the place of a pair among `events` that has it, for each pair
            its history among them, and the feature's parts, an entry a history: of "past" the
            candidates strictly earlier than the pair's own, else all but the pair's own.
        """
        past, own = self.feature.sees == "past", self.dataset.interactions.candidate_row[events]
        starts, ends = self._windows(events)
        # What is seen of the past is told by where it ends, of the others by what is left out.
        seen = ends if past else starts * self.dataset.num_candidates + own
        _, first, history = np.unique(seen, return_index=True, return_inverse=True)
        starts, ends, own = starts[first], ends[first], own[first]
        # One more, in case the pair's own is among them.
        at = ends[:, None] + np.arange(-self.feature.length - (not past), 0)
        inside = at >= starts[:, None]
        met = self._met[np.where(inside, at, 0)]
        if not past:
            inside &= met != own[:, None]
        owner, _ = np.nonzero(inside)
        rows = self._table_rows[met[inside]]
        generator = np.random.default_rng([self.seed, 2, step])
        parts = self._parts(rows, owner, n=len(first), generator=generator)
        return first, history.astype(np.int32), parts

    def hidden(
        self, events: Int64[np.ndarray, " p"], *, owner: Int32[np.ndarray, " p"], step: int
    ) -> tuple[Bool[np.ndarray, " p"], dict[str, np.ndarray]]:
        """Hide some of the candidates of each query; its history is the others.

        Each candidate of a query is hidden with the feature's probability, and at least one is.

        Args:
            events: All interactions of some queries, those of a query together.
            owner: For each the place of its query among them, ascending from 0.
            step: The step, which decides what is hidden.

        Returns:
            Which of the interactions are hidden, and the feature's parts, an entry a query.
        """
        size, met = self.dataset.num_candidates, self.dataset.interactions.candidate_row[events]
        # One draw for each query and candidate: events that repeat a pair share its fate.
        pair = owner.astype(np.int64) * size + met
        distinct, of_pair = np.unique(pair, return_inverse=True)
        generator = np.random.default_rng([self.seed, 2, step])
        draw = generator.random(len(distinct))
        hidden = draw < self.feature.hide
        queries = int(owner[-1]) + 1
        lowest = np.minimum.reduceat(draw, np.searchsorted(distinct, np.arange(queries) * size))
        hidden |= draw == lowest[distinct // size]
        hidden = hidden[of_pair]
        shown = np.flatnonzero(~hidden)
        shown = shown[np.lexsort((self._rank[events[shown]], owner[shown]))]
        rows, owner = self._table_rows[met[shown]], owner[shown].astype(np.int64)
        return hidden, self._parts(rows, owner, n=queries, generator=generator)

    def _parts(
        self,
        rows: Int32[np.ndarray, " m"],
        owner: Int64[np.ndarray, " m"],
        *,
        n: int,
        generator: np.random.Generator,
    ) -> dict[str, np.ndarray]:
        """The feature's parts, no wider than the next power of two after the longest history."""
        kept = rows > 0
        if self.feature.dropout > 0:
            kept &= generator.random(len(rows)) >= self.feature.dropout
        rows, owner = rows[kept], owner[kept]
        longest = int(np.bincount(owner, minlength=1).max())
        length = min(self.feature.length, 1 << max(0, longest - 1).bit_length())
        return self.encoder.parts(right_aligned(rows, owner, n=n, length=length))

    def _windows(
        self, events: Int64[np.ndarray, " p"]
    ) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"]]:
        """For each pair where its query's interactions begin, and where those that it sees end."""
        query = self.dataset.interactions.query_row[events]
        if self.feature.sees == "past":
            return self._indptr[query], self._same_time[self._rank[events]]
        return self._indptr[query], self._indptr[query + 1]

    @cached_property
    def _ordered(self) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
        return _by_time(self.dataset)

    @cached_property
    def _rank(self) -> Int64[np.ndarray, " n"]:
        """The place of each interaction among all, by query, then by time."""
        order, _ = self._ordered
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank

    @cached_property
    def _indptr(self) -> Int64[np.ndarray, " q1"]:
        counts = np.bincount(
            self.dataset.interactions.query_row, minlength=self.dataset.num_queries
        )
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def _met(self) -> Int32[np.ndarray, " n"]:
        """The candidates of all interactions, by query, then by time."""
        return self.dataset.interactions.candidate_row[self._ordered[0]]

    @cached_property
    def _same_time(self) -> Int64[np.ndarray, " n"]:
        """For each place in that order the first of the same query and the same time."""
        order, owner = self._ordered
        times = self.dataset.interactions.timestamp
        if times is None:
            raise DataError(
                "a history of the past needs times",
                got="interactions without a timestamp",
                fix='Name their column (data.timestamp), or set sees = "others".',
            )
        moments = times[order]
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(owner) != 0) | (np.diff(moments) != 0)
        first = np.flatnonzero(new)
        return first[np.cumsum(new) - 1]

    @cached_property
    def _table_rows(self) -> Int32[np.ndarray, " candidates"]:
        """For each candidate of the data set its embedding row."""
        return self.encoder.vocabulary.rows(self.dataset.candidate_ids)


def _by_time(train: Dataset) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Interactions by query, then by time, then as they stand; and the query of each."""
    interactions = train.interactions
    query, times = interactions.query_row, interactions.timestamp
    if times is None:
        order = np.argsort(query, kind="stable")
    else:
        order = np.lexsort((np.arange(len(query)), times, query))
    return order.astype(np.int64), query[order].astype(np.int64)
