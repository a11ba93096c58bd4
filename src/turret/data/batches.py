"""Batches: `(seed, step) -> Batch`, in host memory, each query and candidate said once.

A batch is a set of pairs. Its distinct queries and distinct candidates are encoded once each, and
the encoded features are re-indexed to sub-tables: the rows of each embedding table that the batch
touches. A step's cost therefore depends on the batch and not on the number of rows.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from turret.data.batch import Batch, pad
from turret.data.columns import Columns, ColumnSet
from turret.data.dataset import Dataset
from turret.data.distinct import Distinct
from turret.data.dropping import with_dropped_ids
from turret.data.encoders.tower import Encoded, TowerEncoder
from turret.data.histories import Histories
from turret.data.met import MetCandidates
from turret.data.subtables import SubTables
from turret.errors import DataError
from turret.padding import padded_size
from turret.recipe.loss import Loss, Softmax
from turret.recipe.training import BatchUnit

__all__ = ["Batches"]


class _Pairs(NamedTuple):
    """Pairs as positions of queries and columns, with weights; ascending by query when sorted."""

    query: Int32[np.ndarray, " p"]
    candidate: Int32[np.ndarray, " p"]
    weight: Float32[np.ndarray, " p"]

    def distinct(self, num_columns: int) -> "_Pairs":
        """Each pair once, with its weights summed, ascending by query, then by column."""
        keys = self.query.astype(np.int64) * num_columns + self.candidate
        order = np.argsort(keys, kind="stable")
        first = np.flatnonzero(np.diff(keys[order], prepend=-1))
        weight = np.add.reduceat(self.weight[order], first)
        kept = order[first]
        return _Pairs(self.query[kept], self.candidate[kept], weight)


class _Asked(NamedTuple):
    """The pairs of a batch and their queries.

    `parts` are those of a query's encoded features that are its own in this batch.
    """

    events: Int64[np.ndarray, " p"]
    queries: Int32[np.ndarray, " q"]
    pair_query: Int32[np.ndarray, " p"]
    parts: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Batches:
    """The batches of a training, as a pure function of the step.

    Scratch arrays are kept between calls, so one object serves one thread at a time.

    Attributes:
        dataset: Its interactions are the pairs.
        query_encoder: Encodes the query table.
        candidate_encoder: Encodes the candidate table.
        batch_size: Pairs, or queries with all of their pairs, in a batch.
        loss: Says which candidates compete with a pair, and what else a batch has to hold.
        unit: What `batch_size` counts. "pairs" draws interactions; "queries" draws queries, each
            with all of its interactions, so that an epoch scores a query once; "moments" draws
            queries at a time, each with its interactions of that time, which share a past.
        seed: Source of the order and of the draws.
        reshuffle: Whether each epoch has an order of its own.
        catalogue: Rows of the candidate table that "all candidates" means; None takes those that
            have an interaction, so that one without is not trained to rank last.
        histories: What a training shows of what a query met, so that no pair finds its own
            candidate there; None reads the query table as it stands.
        dropout: Whether ids are dropped as their features say.
        query_balance: By which power of 1 / its query's interactions a pair counts.
    """

    dataset: Dataset
    query_encoder: TowerEncoder
    candidate_encoder: TowerEncoder
    batch_size: int
    loss: Loss = field(default_factory=Softmax)
    unit: BatchUnit = "pairs"
    seed: int = 0
    reshuffle: bool = True
    catalogue: Int32[np.ndarray, " c"] | None = None
    histories: Histories | None = None
    dropout: bool = False
    query_balance: float = 0.0
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
        return self.of(self.events(step), step=step)

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

    def of(self, events: Int64[np.ndarray, " p"], *, step: int = 0) -> Batch:
        """The batch that consists of given interactions.

        Args:
            events: Positions in the data set's interactions.
            step: Decides what is drawn at random.

        Returns:
            The batch.
        """
        asked = self._asked(events, step)
        interactions, events, queries = self.dataset.interactions, asked.events, asked.queries
        query_row = interactions.query_row[events]
        candidate_row = interactions.candidate_row[events]
        columns = self._columns.choose(query_row, candidate_row, step=step)
        encoded = {
            name: asked.parts[name] if name in asked.parts else values[queries]
            for name, values in self._encoded_queries.items()
        }
        rows, encoded = self._with_met(encoded, columns.rows)
        columned = {name: values[rows] for name, values in self._encoded_candidates.items()}
        if self.dropout:
            generator = np.random.default_rng([self.seed, 3, step])
            encoded = with_dropped_ids(encoded, self.query_encoder, generator)
            columned = with_dropped_ids(columned, self.candidate_encoder, generator)
        query, candidate, table_rows = self._sub_tables.reindex(encoded, columned)
        split = len(columns.rows)
        weights = interactions.weight
        weight = np.ones(len(events), np.float32) if weights is None else weights[events]
        if self.query_balance > 0:
            weight = weight * self._share_of_query[query_row]
        pairs = _Pairs(asked.pair_query, columns.pair_candidate, weight)
        if self._pairs_distinct:
            pairs = pairs.distinct(len(columns.rows))
        room = padded_size(len(pairs.query))
        # Past the last query, so that a padding pair touches none where pairs mark scores.
        beyond = padded_size(len(queries)) if self._pairs_distinct else 0
        return Batch(
            query={name: pad(values) for name, values in query.items()},
            candidate={
                name: np.concatenate([pad(values[:split]), pad(values[split:])])
                if len(rows) > split
                else pad(values)
                for name, values in candidate.items()
            },
            table_rows=table_rows,
            pair_query=pad(pairs.query, room, fill=beyond),
            pair_candidate=pad(pairs.candidate, room),
            pair_weight=pad(pairs.weight, room),
            candidate_count=pad(columns.entries),
            **self._for_the_loss(queries, columns, room),
        )

    def _asked(self, events: Int64[np.ndarray, " p"], step: int) -> "_Asked":
        """The queries of a batch; with histories each pair's own, or such as hide some pairs."""
        query_row = self.dataset.interactions.query_row[events]
        if self.histories is None:
            queries, pair_query = self._distinct_queries(query_row)
            return _Asked(events, queries, pair_query, {})
        key = self.histories.feature.key
        if self.unit == "queries":
            queries, pair_query = _queries_in_order(query_row)
            hidden, parts = self.histories.hidden(events, owner=pair_query, step=step)
            events, pair_query = events[hidden], pair_query[hidden]
        else:
            first, pair_query, parts = self.histories.of_pairs(events, step=step)
            queries = query_row[first]
        named = {f"{key}/{name}": array for name, array in parts.items()}
        return _Asked(events, queries, pair_query, named)

    def _with_met(
        self, query: Encoded, columns: Int32[np.ndarray, " c"]
    ) -> tuple[Int32[np.ndarray, " e"], Encoded]:
        """The candidates to encode: the columns, and what histories ask the candidate tower for."""
        if self._met is None:
            return columns, query
        name = f"{self._met.encoder.feature.key}/rows"
        places, extra = self._met.place(query[name], columns)
        return np.concatenate([columns, extra]), {**query, name: places}

    @cached_property
    def _met(self) -> MetCandidates | None:
        return MetCandidates.of(self.dataset, self.query_encoder)

    def _for_the_loss(
        self, queries: Int32[np.ndarray, " q"], columns: ColumnSet, room: int
    ) -> dict[str, np.ndarray]:
        """The parts of a batch that only some losses need."""
        parts: dict[str, np.ndarray] = {}
        if columns.probability is not None:
            parts["candidate_probability"] = pad(columns.probability, fill=1)
        if columns.negatives is not None and columns.negative_weight is not None:
            parts["negatives"] = pad(columns.negatives, room)
            parts["negative_weight"] = pad(columns.negative_weight, room)
            parts["catalogue_size"] = np.array(len(self._columns.all_rows), np.float32)
        if isinstance(self.loss, Softmax):
            if self.loss.logq == "streaming":
                parts["candidate_row"] = pad(columns.rows, fill=self.dataset.num_candidates)
            if self.loss.mask_known_positives == "all":
                query, column = self._known_positives(queries, columns.rows)
                parts["known_query"] = pad(query, fill=padded_size(len(queries)))
                parts["known_candidate"] = pad(column)
        return parts

    def _known_positives(
        self, queries: Int32[np.ndarray, " q"], columns: Int32[np.ndarray, " c"]
    ) -> tuple[Int32[np.ndarray, " k"], Int32[np.ndarray, " k"]]:
        """All training positives of the batch's queries that stand as columns."""
        starts, rows = self._positives_by_query
        place, owner = _spread(starts, queries)
        column, there = self._columns.column_of(columns, rows[place])
        return owner[there].astype(np.int32), column[there]

    @property
    def _pairs_distinct(self) -> bool:
        """Whether the loss looks at a query's pairs together, each of them once."""
        loss = self.loss
        return isinstance(loss, Softmax) and (
            loss.remove_accidental_hits or loss.mask_known_positives != "none"
        )

    def _order(self, epoch: int) -> Int64[np.ndarray, " n"]:
        if epoch in self._orders:
            return self._orders[epoch]
        generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        order = generator.permutation(self._num_units)
        self._orders.clear()
        self._orders[epoch] = order
        return order

    @cached_property
    def _num_units(self) -> int:
        number = len(self.dataset.interactions)
        if number == 0:
            raise DataError("there is nothing to train on", got="no interactions")
        return number if self.unit == "pairs" else len(self._events_by_group[0]) - 1

    @cached_property
    def _events_by_group(self) -> tuple[Int64[np.ndarray, " g1"], Int64[np.ndarray, " n"]]:
        """Where the interactions of each query, or of each moment of one, start in their order."""
        rows, times = self.dataset.interactions.query_row, self.dataset.interactions.timestamp
        if self.unit == "queries":
            order = np.argsort(rows, kind="stable")
            new = np.diff(rows[order], prepend=-1) != 0
        elif times is None:
            raise DataError(
                "batches of moments need times",
                got="interactions without a timestamp",
                fix='Name their column (data.timestamp), or set train.batch_unit = "pairs".',
            )
        else:
            order = np.lexsort((times, rows))
            new = np.diff(rows[order], prepend=-1) != 0
            new |= np.diff(times[order], prepend=np.nan) != 0
        return np.append(np.flatnonzero(new), len(rows)), order

    @cached_property
    def _positives_by_query(self) -> tuple[Int64[np.ndarray, " q1"], Int32[np.ndarray, " n"]]:
        return self.dataset.pairs_by_query()

    def _events_of(self, groups: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " p"]:
        starts, events = self._events_by_group
        return events[_spread(starts, groups)[0]]

    @cached_property
    def _share_of_query(self) -> Float32[np.ndarray, " queries"]:
        """What a pair of each query counts; 1 on average over the pairs."""
        rows = self.dataset.interactions.query_row
        counts = np.bincount(rows, minlength=self.dataset.num_queries)
        share = np.maximum(counts, 1.0) ** -self.query_balance
        return (share * (counts.sum() / (counts @ share))).astype(np.float32)

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.dataset, self.loss, self.batch_size, self.seed, self.catalogue)

    @cached_property
    def _sub_tables(self) -> SubTables:
        whole: set[str] = set()
        if self.loss.candidates == "all":
            rows, numbers = self._columns.all_rows, self.candidate_encoder.num_rows
            for name, table in self.candidate_encoder.lookups.items():
                # Row 0, and -1 where there is no entry, are not asked for.
                used = np.union1d([-1, 0], self._encoded_candidates[name][rows])
                if len(used) == numbers[table] + 1:
                    whole.add(table)
        return SubTables(self.query_encoder, self.candidate_encoder, frozenset(whole))

    @cached_property
    def _encoded_queries(self) -> Encoded:
        return self.query_encoder.encode(self.dataset.queries)

    @cached_property
    def _encoded_candidates(self) -> Encoded:
        return self.candidate_encoder.encode(self.dataset.candidates)

    @cached_property
    def _distinct_queries(self) -> Distinct:
        return Distinct(self.dataset.num_queries)


def _queries_in_order(
    query_row: Int32[np.ndarray, " p"],
) -> tuple[Int32[np.ndarray, " q"], Int32[np.ndarray, " p"]]:
    """The queries of pairs that stand together, and for each pair the place of its query."""
    new = np.diff(query_row, prepend=-1) != 0
    return query_row[new], (np.cumsum(new) - 1).astype(np.int32)


def _spread(
    starts: Int64[np.ndarray, " q1"], groups: np.ndarray
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """The members of some groups of a CSR structure, and each member's position among them."""
    lengths = starts[groups + 1] - starts[groups]
    owner = np.repeat(np.arange(len(groups)), lengths)
    offset = np.repeat(starts[groups] - np.cumsum(lengths) + lengths, lengths)
    return offset + np.arange(len(owner)), owner
