"""Batches: `(seed, step) -> Batch`, in host memory, each query and candidate said once.

A batch is a set of pairs. Its distinct queries and distinct candidates are encoded once each, and
the encoded features are re-indexed to sub-tables: the rows of each embedding table that the batch
touches. A step's cost therefore depends on the batch and not on the number of rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, Shaped

from turret.data.dataset import Dataset, Interactions
from turret.data.encoders import TowerEncoder
from turret.errors import DataError
from turret.padding import padded_size

__all__ = ["Batch", "Batches"]

Encoded = Mapping[str, Int32[np.ndarray, " n"]]


class Batch(NamedTuple):
    """One batch, padded to few shapes. NumPy arrays here; a step takes it as it is.

    Attributes:
        query: For each query feature its encoded values, one a distinct query, as rows of the
            sub-table.
        candidate: For each candidate feature likewise.
        table_rows: For each embedding table the rows that the batch touches; padding points one
            past the table's end. None stands for the whole table.
        pair_query: For each pair the row of its query in this batch, shape `[P]`.
        pair_candidate: For each pair the row of its candidate in this batch, shape `[P]`.
        pair_weight: Weight of each pair, shape `[P]`; 0 is padding.
        candidate_count: How often each candidate stands as a column, shape `[C]`; 0 is padding.
    """

    query: dict[str, Shaped[np.ndarray, " q"]]
    candidate: dict[str, Shaped[np.ndarray, " c"]]
    table_rows: dict[str, Shaped[np.ndarray, " m"] | None]
    pair_query: Shaped[np.ndarray, " p"]
    pair_candidate: Shaped[np.ndarray, " p"]
    pair_weight: Shaped[np.ndarray, " p"]
    candidate_count: Shaped[np.ndarray, " c"]


@dataclass(frozen=True, eq=False)
class Batches:
    """The batches of a training, as a pure function of the step.

    Scratch arrays are kept between calls, so one object serves one thread at a time.

    Attributes:
        dataset: Its interactions are the pairs.
        query_encoder: Encodes the query table.
        candidate_encoder: Encodes the candidate table.
        batch_size: Pairs, or queries with all of their pairs, in a batch.
        unit: What `batch_size` counts. "pairs" draws interactions; "queries" draws queries, each
            with all of its interactions, so that an epoch scores a query once.
        candidates: The columns of a batch: the candidates of its pairs, or all that have an
            interaction.
        seed: Source of the order.
        reshuffle: Whether each epoch has an order of its own.
        catalogue: Rows of the candidate table that "all" means; None takes those that have an
            interaction, so that a candidate without one is not trained to rank last.
    """

    dataset: Dataset
    query_encoder: TowerEncoder
    candidate_encoder: TowerEncoder
    batch_size: int
    unit: Literal["pairs", "queries"] = "pairs"
    candidates: Literal["batch", "all"] = "batch"
    seed: int = 0
    reshuffle: bool = True
    catalogue: Int32[np.ndarray, " c"] | None = None
    _orders: dict[int, Int64[np.ndarray, " n"]] = field(
        default_factory=dict[int, Int64[np.ndarray, " n"]], init=False, repr=False
    )

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self._num_units // self.batch_size)

    def __call__(self, step: int) -> Batch:
        """The batch of a step; the same for the same step, whatever was asked before.

        Args:
            step: Counts from 0 over all epochs.

        Returns:
            The batch.
        """
        return self.of(self.events(step))

    def events(self, step: int) -> Int64[np.ndarray, " p"]:
        """Positions of a step's interactions.

        Args:
            step: Counts from 0 over all epochs.

        Returns:
            Positions in the data set's interactions.
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        order = self._order(epoch if self.reshuffle else 0)
        chosen = order[position * self.batch_size : (position + 1) * self.batch_size]
        return chosen if self.unit == "pairs" else self._events_of(chosen)

    def of(self, events: Int64[np.ndarray, " p"]) -> Batch:
        """The batch that consists of given interactions.

        Args:
            events: Positions in the data set's interactions.

        Returns:
            The batch.
        """
        interactions = self.dataset.interactions
        queries, pair_query = self._distinct_queries(interactions.query_row[events])
        if self.candidates == "all":
            candidates, count = self._all_candidates
            pair_candidate = self._column_of_candidate[interactions.candidate_row[events]]
        else:
            rows = interactions.candidate_row[events]
            candidates, pair_candidate = self._distinct_candidates(rows)
            count = np.bincount(pair_candidate, minlength=len(candidates)).astype(np.float32)
        query = {name: values[queries] for name, values in self._encoded_queries.items()}
        candidate = {name: values[candidates] for name, values in self._encoded_candidates.items()}
        table_rows = self._to_sub_tables(query, candidate)
        room = padded_size(len(events))
        return Batch(
            query={name: _pad(values) for name, values in query.items()},
            candidate={name: _pad(values) for name, values in candidate.items()},
            table_rows=table_rows,
            pair_query=_pad(pair_query, room),
            pair_candidate=_pad(pair_candidate, room),
            pair_weight=_pad(_weights(interactions, events), room),
            candidate_count=_pad(count),
        )

    def _to_sub_tables(
        self, query: dict[str, np.ndarray], candidate: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray | None]:
        """Re-index encoded features in place to sub-tables; the rows of each are returned."""
        users: dict[str, list[tuple[dict[str, np.ndarray], str]]] = {}
        for encoder, encoded in ((self.query_encoder, query), (self.candidate_encoder, candidate)):
            for column, table in encoder.tables.items():
                users.setdefault(table, []).append((encoded, column))
        table_rows: dict[str, np.ndarray | None] = {}
        for table, places in users.items():
            if table in self._whole_tables:
                table_rows[table] = None
                continue
            used = np.concatenate([encoded[column] for encoded, column in places])
            rows, position = self._distinct_rows[table](used)
            start = 0
            for encoded, column in places:
                stop = start + len(encoded[column])
                encoded[column] = position[start:stop]
                start = stop
            table_rows[table] = _pad(rows, fill=self._num_rows[table])
        return table_rows

    def _order(self, epoch: int) -> Int64[np.ndarray, " n"]:
        if epoch in self._orders:
            return self._orders[epoch]
        generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        order = generator.permutation(self._num_units)
        if self.unit == "queries":
            order = self._active_queries[order]
        self._orders.clear()
        self._orders[epoch] = order
        return order

    @cached_property
    def _num_units(self) -> int:
        number = len(self.dataset.interactions)
        if number == 0:
            raise DataError("there is nothing to train on", got="no interactions")
        return number if self.unit == "pairs" else len(self._active_queries)

    @cached_property
    def _active_queries(self) -> Int64[np.ndarray, " n"]:
        return np.flatnonzero(np.diff(self._events_by_query[0]))

    @cached_property
    def _events_by_query(self) -> tuple[Int64[np.ndarray, " q1"], Int64[np.ndarray, " n"]]:
        rows = self.dataset.interactions.query_row
        counts = np.bincount(rows, minlength=self.dataset.num_queries)
        return np.concatenate([[0], np.cumsum(counts)]), np.argsort(rows, kind="stable")

    def _events_of(self, queries: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " p"]:
        starts, events = self._events_by_query
        lengths = starts[queries + 1] - starts[queries]
        offsets = np.repeat(starts[queries] - np.cumsum(lengths) + lengths, lengths)
        return events[offsets + np.arange(lengths.sum())]

    @cached_property
    def _all_candidates(self) -> tuple[np.ndarray, np.ndarray]:
        rows = self.catalogue
        if rows is None:
            rows = np.unique(self.dataset.interactions.candidate_row)
        return rows, np.ones(len(rows), np.float32)

    @cached_property
    def _column_of_candidate(self) -> Int32[np.ndarray, " n"]:
        column = np.zeros(self.dataset.num_candidates, np.int32)
        rows = self._all_candidates[0]
        column[rows] = np.arange(len(rows), dtype=np.int32)
        return column

    @cached_property
    def _encoded_queries(self) -> Encoded:
        return self.query_encoder.encode(self.dataset.queries)

    @cached_property
    def _encoded_candidates(self) -> Encoded:
        return self.candidate_encoder.encode(self.dataset.candidates)

    @cached_property
    def _num_rows(self) -> dict[str, int]:
        return {**self.query_encoder.num_rows, **self.candidate_encoder.num_rows}

    @cached_property
    def _whole_tables(self) -> frozenset[str]:
        """Tables of which every batch touches every row, so that a sub-table would be a copy."""
        if self.candidates == "batch":
            return frozenset()
        rows = self._all_candidates[0]
        whole = {
            table
            for column, table in self.candidate_encoder.tables.items()
            if len(np.union1d([0], self._encoded_candidates[column][rows])) == self._num_rows[table]
        }
        return frozenset(whole)

    @cached_property
    def _distinct_queries(self) -> "_Distinct":
        return _Distinct(self.dataset.num_queries)

    @cached_property
    def _distinct_candidates(self) -> "_Distinct":
        return _Distinct(self.dataset.num_candidates)

    @cached_property
    def _distinct_rows(self) -> dict[str, "_Distinct"]:
        return {table: _Distinct(number) for table, number in self._num_rows.items()}


class _Distinct:
    """Distinct values below a bound, and each value's position among them, without sorting.

    The last occurrence of a value stands for it. One slot a possible value is kept between calls
    and never cleared: what an earlier call left behind is overwritten before it is read.
    """

    def __init__(self, bound: int):
        self.slots = np.empty(bound, np.int32)

    def __call__(
        self, values: Int32[np.ndarray, " n"]
    ) -> tuple[Int32[np.ndarray, " m"], Int32[np.ndarray, " n"]]:
        order = np.arange(len(values), dtype=np.int32)
        self.slots[values] = order
        distinct = values[self.slots[values] == order]
        self.slots[distinct] = order[: len(distinct)]
        return distinct, self.slots[values]


def _weights(interactions: Interactions, events: np.ndarray) -> Float32[np.ndarray, " p"]:
    if interactions.weight is None:
        return np.ones(len(events), np.float32)
    return interactions.weight[events]


def _pad(values: np.ndarray, room: int | None = None, *, fill: int = 0) -> np.ndarray:
    room = padded_size(len(values)) if room is None else room
    out = np.full(room, fill, values.dtype)
    out[: len(values)] = values
    return out
