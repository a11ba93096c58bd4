"""A data set: interactions, and the tables of the queries and candidates they join.

The two tables count their rows from 0: `query_row` and `candidate_row` of an interaction are rows
of these tables. (An embedding table is another thing: there row 0 is out-of-vocabulary.)
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int32, Int64, Integer, Shaped

from turret.data.conditions import condition_columns
from turret.data.frames import (
    POSITIVES,
    as_frame,
    constant_columns,
    entity_table,
    require_columns,
    select_positive,
    timestamp_seconds,
    weight_values,
)
from turret.data.vocabulary import factorize
from turret.errors import DataError

__all__ = ["Dataset", "Interactions"]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Events, column by column: who asked, what was taken, when, and how much it counts.

    Attributes:
        query_row: rows of the query table, `[n]`.
        candidate_row: rows of the candidate table, `[n]`.
        timestamp: seconds since 1970 (UTC), `[n]`, NaN where missing; None without a time column.
        weight: weights, `[n]`, finite and not negative; None when all count the same.
        part: what a given split calls the part of each event, `[n]`; None where none is given.
    """

    query_row: Int32[np.ndarray, " n"]
    candidate_row: Int32[np.ndarray, " n"]
    timestamp: Float64[np.ndarray, " n"] | None = None
    weight: Float32[np.ndarray, " n"] | None = None
    part: Shaped[np.ndarray, " n"] | None = None

    def __len__(self) -> int:
        """The number of events."""
        return len(self.query_row)

    def take(self, indices: Integer[np.ndarray, " m"]) -> "Interactions":
        """Picks events by position.

        Args:
            indices: positions, `[m]`, in the order wanted.

        Returns:
            These `m` events, as new arrays.
        """
        return Interactions(
            query_row=self.query_row[indices],
            candidate_row=self.candidate_row[indices],
            timestamp=None if self.timestamp is None else self.timestamp[indices],
            weight=None if self.weight is None else self.weight[indices],
            part=None if self.part is None else self.part[indices],
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions with the tables of the queries and candidates they join.

    Attributes:
        interactions: the events.
        queries: one row for each distinct query; `query_row` counts its rows from 0.
        candidates: one row for each distinct candidate; `candidate_row` counts its rows from 0.
        query_id: the name of the query table's column of ids (text).
        candidate_id: the name of the candidate table's column of ids (text).
        notes: sentences on what was removed or changed while reading.

    Example:
        >>> events = pl.DataFrame({"user_id": [2, 1, 2], "film": ["Up", "Up", "Alien"]})
        >>> dataset = Dataset.from_frames(events, query_id="user_id", candidate_id="film")
        >>> dataset.candidate_ids.to_list(), dataset.interactions.candidate_row.tolist()
        (['Alien', 'Up'], [1, 1, 0])
    """

    interactions: Interactions
    queries: pl.DataFrame
    candidates: pl.DataFrame
    query_id: str
    candidate_id: str
    notes: tuple[str, ...] = ()

    @classmethod
    def from_frames(
        cls,
        interactions: object,
        *,
        query_id: str,
        candidate_id: str,
        timestamp: str | None = None,
        timestamp_unit: str = "s",
        weight: str | None = None,
        part: str | None = None,
        positive: str | None = None,
        queries: object | None = None,
        candidates: object | None = None,
    ) -> "Dataset":
        """Builds a data set from tables.

        The rows of both tables follow their ids as text, so they do not depend on the order of the
        events. An event that occurs twice stays twice: it happened twice.

        Args:
            interactions: one row an event; any table that `turret.data.frames.as_frame` takes.
            query_id: its column of query ids (text or whole numbers).
            candidate_id: its column of candidate ids.
            timestamp: its column of times, if there is one.
            timestamp_unit: the unit of numeric times: `"s"`, `"ms"`, `"us"` or `"ns"`.
            weight: its column of weights, if there is one.
            part: its column that says to which part of a given split each event belongs, as text.
            positive: an SQL condition such as `"user_rating >= 4"`; only the events that fulfil it
                are kept. It is applied first, before anything else is looked at.
            queries: a table that describes queries, with the column `query_id`. Without it the
                columns of the interactions that have one value for each query serve.
            candidates: the same for candidates. Candidates without an event stay candidates.

        Returns:
            The data set.

        Raises:
            DataError: if a column is absent or of a wrong type, an id is missing, or no event is
                left.
        """
        named = [
            name for name in (query_id, candidate_id, timestamp, weight, part) if name is not None
        ]
        if query_id == candidate_id:
            raise DataError("One column serves as query id and candidate id", got=query_id)
        events, notes = _events(interactions, named, positive=positive)
        others = events.drop(*named)
        query_table, query_row, query_notes = _entities(
            events[query_id], others, given=queries, what="queries"
        )
        candidate_table, candidate_row, candidate_notes = _entities(
            events[candidate_id], others, given=candidates, what="candidates"
        )
        times = None if timestamp is None else events[timestamp]
        used = {*query_table.columns, *candidate_table.columns}
        used |= set() if positive is None else set(condition_columns(positive, what=POSITIVES))
        return cls(
            interactions=Interactions(
                query_row=query_row,
                candidate_row=candidate_row,
                timestamp=None if times is None else timestamp_seconds(times, unit=timestamp_unit),
                weight=None if weight is None else weight_values(events[weight]),
                part=None if part is None else _names(events[part]),
            ),
            queries=query_table,
            candidates=candidate_table,
            query_id=query_id,
            candidate_id=candidate_id,
            notes=(*notes, *query_notes, *candidate_notes, *_left_out(others, used)),
        )

    @property
    def num_queries(self) -> int:
        """The number of rows of the query table."""
        return self.queries.height

    @property
    def num_candidates(self) -> int:
        """The number of rows of the candidate table."""
        return self.candidates.height

    @property
    def query_ids(self) -> pl.Series:
        """The ids of the query table, in row order, as text."""
        return self.queries[self.query_id]

    @property
    def candidate_ids(self) -> pl.Series:
        """The ids of the candidate table, in row order, as text."""
        return self.candidates[self.candidate_id]

    def with_interactions(self, interactions: Interactions) -> "Dataset":
        """The same tables with other events.

        Args:
            interactions: events over the rows of these tables.

        Returns:
            A data set that shares the tables of this one.
        """
        return replace(self, interactions=interactions)

    def with_notes(self, notes: Iterable[str]) -> "Dataset":
        """The same data set with further notes.

        Args:
            notes: sentences on how the data came to be what they are.

        Returns:
            A data set that shares everything with this one, the new notes first.
        """
        return replace(self, notes=(*notes, *self.notes))

    def pairs_by_query(self) -> tuple[Int64[np.ndarray, " rows"], Int32[np.ndarray, " pairs"]]:
        """Lists for each query the distinct candidates it met.

        Returns:
            `indptr`, `[num_queries + 1]`, and `candidate_row`, `[pairs]`: the candidates of query
            row `i` are `candidate_row[indptr[i]:indptr[i + 1]]`, ascending.

        Example:
            >>> events = {"user_id": [1, 1, 2, 1], "item": ["b", "a", "a", "b"]}
            >>> dataset = Dataset.from_frames(events, query_id="user_id", candidate_id="item")
            >>> [part.tolist() for part in dataset.pairs_by_query()]
            [[0, 2, 3], [0, 1, 0]]
        """
        size = max(self.num_candidates, 1)
        keys = self.interactions.query_row.astype(np.int64) * size
        keys += self.interactions.candidate_row
        distinct = pl.Series(keys).unique().sort().to_numpy()
        counts = np.bincount(distinct // size, minlength=self.num_queries)
        indptr = np.zeros(self.num_queries + 1, dtype=np.int64)
        np.cumsum(counts, out=indptr[1:])
        return indptr, (distinct % size).astype(np.int32)

    def summary(self) -> dict[str, object]:
        """Describes the data set in figures.

        Returns:
            A mapping that JSON can hold: the numbers of `interactions`, `queries`, `candidates`,
            `distinct_pairs`, `repeated_pairs` (events beyond the first of their pair); `density`,
            the share of all query-candidate pairs that occur (NaN without any pair); `first_time`
            and `last_time` in ISO 8601 (None without times); `weighted`; `query_columns`,
            `candidate_columns`; and `notes`.
        """
        pairs = len(self.pairs_by_query()[1])
        possible = self.num_queries * self.num_candidates
        first, last = _time_range(self.interactions.timestamp)
        return {
            "interactions": len(self.interactions),
            "queries": self.num_queries,
            "candidates": self.num_candidates,
            "distinct_pairs": pairs,
            "repeated_pairs": len(self.interactions) - pairs,
            "density": pairs / possible if possible else float("nan"),
            "first_time": first,
            "last_time": last,
            "weighted": self.interactions.weight is not None,
            "query_columns": self.queries.columns,
            "candidate_columns": self.candidates.columns,
            "notes": list(self.notes),
        }

    def fingerprint(self) -> str:
        """Names the content: two data sets with the same tables and events have the same one.

        Returns:
            The SHA-256 in hexadecimal over both tables and the events in their order. The notes
            play no part.
        """
        digest = hashlib.sha256()
        for table, name in ((self.queries, self.query_id), (self.candidates, self.candidate_id)):
            schema = [(column, str(dtype)) for column, dtype in table.schema.items()]
            digest.update(repr((name, table.height, schema)).encode())
            for part in table.iter_slices(1_000_000):
                digest.update(part.write_ndjson().encode())
        events = self.interactions
        for array in (events.query_row, events.candidate_row, events.timestamp, events.weight):
            digest.update(b"absent" if array is None else np.ascontiguousarray(array).data)
        return digest.hexdigest()


def _events(
    interactions: object, named: Sequence[str], *, positive: str | None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table of events that count as positive, and notes."""
    what = "The table of interactions"
    events = as_frame(interactions, what=what)
    require_columns(events, named, what=what)
    if events.height == 0:
        raise DataError(f"{what} is empty", fix="Give at least one event.")
    if positive is None:
        return events, ()
    kept = select_positive(events, positive, what=what)
    if kept.height == 0:
        raise DataError("No interaction fulfils the condition", got=positive)
    note = f"{kept.height:,} of {events.height:,} interactions fulfil {positive!r}"
    return kept, (f"{note}; the others were left out",)


def _names(column: pl.Series) -> Shaped[np.ndarray, " n"]:
    """The names of parts as an array; refuses gaps."""
    if column.null_count():
        raise DataError(
            f"The column {column.name} of parts lacks a value",
            got=f"{column.null_count():,} of {len(column):,} interactions have none",
            fix="Say of each interaction to which part it belongs.",
        )
    return column.cast(pl.String).to_numpy()


def _left_out(others: pl.DataFrame, used: set[str]) -> tuple[str, ...]:
    """A note on the columns that nothing was made of, if there are any."""
    unused = [name for name in others.columns if name not in used]
    reason = "Columns left out, since they describe neither a query nor a candidate"
    return (f"{reason}: {', '.join(unused)}",) if unused else ()


def _entities(
    column: pl.Series, others: pl.DataFrame, *, given: object | None, what: str
) -> tuple[pl.DataFrame, Int32[np.ndarray, " n"], tuple[str, ...]]:
    """The table of one side, the row of each event in it, and notes."""
    ids, rows = factorize(column, what=f"The id {column.name} of {what}")
    if given is not None:
        table = as_frame(given, what=f"The table of {what}")
        entities, places, notes = entity_table(ids, table, id_column=column.name, what=what)
        return entities, places[rows], notes
    features = constant_columns(others, rows, num_rows=len(ids))
    return features.insert_column(0, ids.rename(column.name)), rows, ()


def _time_range(timestamp: np.ndarray | None) -> tuple[str | None, str | None]:
    """The first and the last time in ISO 8601, None where there is none."""
    if timestamp is None or np.isnan(timestamp).all():
        return None, None
    ends = (float(np.nanmin(timestamp)), float(np.nanmax(timestamp)))
    first, last = (datetime.fromtimestamp(end, tz=UTC).isoformat() for end in ends)
    return first, last
