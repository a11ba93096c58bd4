"""From raw queries to vectors: which are known, and what their features are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int64

from turret.bundle.bundle import Bundle
from turret.data.vocabulary import as_ids
from turret.errors import DataError, QueryError, nearest
from turret.index.candidates import Candidates
from turret.recipe.features.bag import Bag
from turret.recommender.exclusions import joined, with_moved
from turret.recommender.memory import Memory

__all__ = ["Columns", "Resolved", "Resolver", "as_series"]

Columns = Mapping[str, Sequence[object] | np.ndarray | pl.Series]
"""Columns by name, as wide as there are features and as long as there are queries."""


@dataclass(frozen=True, eq=False)
class Resolved:
    """Queries that can be answered.

    Attributes:
        names: their ids, None where there is none.
        rows: their rows in the bundle's table of queries, `[n]`; behind its last row for an id
            that is not in it, and without an id.
        fallback: whether nothing of the query is known, `[n]`.
        vectors: vectors of the queries that are no fallbacks, `[m, d]`.
    """

    names: Sequence[str | None]
    rows: Int64[np.ndarray, " n"]
    fallback: Bool[np.ndarray, " n"]
    vectors: Float32[np.ndarray, "m d"]

    def __len__(self) -> int:
        """Return the number of queries."""
        return self.rows.shape[0]


class Resolver:
    """Looks queries up in a bundle, and encodes those that bring features of their own.

    Args:
        bundle: whose queries they are.
        memory: what became known of them since.
    """

    def __init__(self, bundle: Bundle, memory: Memory) -> None:
        """Keep the parts."""
        self._bundle, self._memory = bundle, memory
        self._size = bundle.queries.height
        self._nothing = np.empty(0, dtype=np.int64)

    @cached_property
    def _row_of(self) -> dict[str | None, int]:
        ids = self._bundle.queries[self._bundle.query_id].to_list()
        return {name: row for row, name in enumerate(ids)}

    def seen(self, row: int) -> Int64[np.ndarray, " seen"]:
        """Finds the candidates that a query met in training.

        Args:
            row: a row of the bundle's table of queries, or the one behind its last.

        Returns:
            Rows of candidates, ascending; none behind the last row.
        """
        if row >= self._size:
            return self._nothing
        start, end = self._bundle.seen_indptr[row : row + 2].tolist()
        return self._bundle.seen_rows[start:end].astype(np.int64)

    def seen_by(
        self, queries: Resolved, candidates: Candidates, *, moved: Mapping[int, int]
    ) -> list[Int64[np.ndarray, " ..."]]:
        """Finds the candidates that queries met in training or since.

        Args:
            queries: the queries.
            candidates: as of now.
            moved: rows of training that stand for others now: new row by old one.

        Returns:
            The rows of each query.
        """
        seen = with_moved([self.seen(row) for row in queries.rows.tolist()], moved)
        if not self._memory:
            return seen
        return joined(seen, [candidates.rows(self._memory.seen(name)) for name in queries.names])

    def resolve(self, queries: Columns | pl.DataFrame) -> Resolved:
        """Finds or computes the vectors of queries.

        Args:
            queries: columns by name; see `Recommender.recommend`.

        Returns:
            The queries' rows and vectors, and which of them are fallbacks.

        Raises:
            QueryError: if a column is unknown, missing, of another length or of a wrong type.
        """
        names = queries.columns if isinstance(queries, pl.DataFrame) else list(queries)
        query_id = self._bundle.query_id
        if names == [query_id]:
            # The commonest request, kept free of tables: it takes a few microseconds.
            ids = _texts(queries[query_id], name=query_id)
            if self._memory and self._bundle.config.history is not None:
                if any(map(self._memory.seen, ids)):
                    return self._by_features({query_id: pl.Series(ids, dtype=pl.String)}, len(ids))
            return self._by_id(ids)
        self._refuse_unknown(names)
        columns = {
            name: _column(queries[name], name=name, is_id=name == query_id) for name in names
        }
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise QueryError("the columns of the queries differ in length", got=lengths)
        return self._by_features(columns, next(iter(lengths.values())))

    def _by_id(self, ids: Sequence[str | None]) -> Resolved:
        rows = self._rows(ids)
        fallback = rows == self._size
        inside = ~fallback
        fallback[inside] = ~self._bundle.known_queries[rows[inside]]
        return Resolved(ids, rows, fallback, self._bundle.query_vectors[rows[~fallback]])

    def _rows(self, ids: Sequence[str | None]) -> Int64[np.ndarray, " n"]:
        """The rows of queries; behind the last one for those that are not there."""
        row_of, size, memory = self._row_of, self._size, self._memory
        rows = np.array([row_of.get(name, size) for name in ids], dtype=np.int64)
        if memory:
            rows[[memory.forgets(name) for name in ids]] = size
        return rows

    def _by_features(self, columns: dict[str, pl.Series], n: int) -> Resolved:
        bundle = self._bundle
        ids = columns.get(bundle.query_id)
        names = [None] * n if ids is None else ids.to_list()
        rows = self._rows(names)
        if self._memory and ids is not None:
            # The tower must not know an id that is forgotten.
            kept = [None if self._memory.forgets(name) else name for name in names]
            columns[bundle.query_id] = pl.Series(kept, dtype=pl.String)
        for feature in bundle.query_encoder.features:
            if isinstance(feature, Bag) and feature.weights and feature.column in columns:
                # The weights that are stored belong to other values.
                columns.setdefault(feature.weights, pl.Series([None] * n))
        history = bundle.config.history
        for name in bundle.query_encoder.columns:
            if name in columns:
                continue
            places = pl.Series(np.where(rows < self._size, rows, -1))
            columns[name] = bundle.queries[name].gather(places.set(places < 0, None))
            if self._memory and history is not None and name == history.column:
                columns[name] = self._longer(columns[name], names)
        frame = pl.DataFrame([columns[name].alias(name) for name in bundle.query_encoder.columns])
        try:
            fallback = ~bundle.query_encoder.known(bundle.query_encoder.encode(frame))
        except DataError as error:
            raise _asked_wrongly(error) from error
        if fallback.all():
            vectors = np.empty((0, bundle.config.width), dtype=np.float32)
        else:
            vectors = bundle.trained.query_vectors(frame.filter(~fallback))
        return Resolved(names, rows, fallback, vectors)

    def _longer(self, histories: pl.Series, names: Sequence[str | None]) -> pl.Series:
        """Histories with what queries saw since."""
        pairs = zip(histories.to_list(), names, strict=True)
        lists = [[*map(str, before or ()), *self._memory.seen(name)] for before, name in pairs]
        return pl.Series(histories.name, lists, dtype=pl.List(pl.String))

    def _refuse_unknown(self, names: Iterable[str]) -> None:
        known = list(dict.fromkeys((self._bundle.query_id, *self._bundle.query_encoder.columns)))
        listed = list(names)
        if not listed:
            raise QueryError("the query has no columns", expected=f"some of {', '.join(known)}")
        for name in listed:
            if name not in known:
                raise QueryError(
                    "the model knows no such query column",
                    got=name,
                    fix=nearest(name, known),
                )


def _texts(values: object, *, name: str) -> Sequence[str | None]:
    """Ids as text; strings and whole numbers in a list, the common case, without a table."""
    if isinstance(values, list | tuple):
        texts: list[str] = []
        for value in cast("Sequence[object]", values):
            kind = type(value)
            if kind is str:
                texts.append(cast("str", value))
            elif kind is int:
                texts.append(str(value))
            else:
                break
        else:
            return texts
    return _column(cast("object", values), name=name, is_id=True).to_list()


def _column(values: object, *, name: str, is_id: bool) -> pl.Series:
    """One column of a request as a series; ids as text."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise QueryError(
            f"the column {name} of the queries is one value",
            got=values,
            expected="a list with one value for each query",
            fix=f"Write [{values!r}].",
        )
    given = cast("Iterable[object]", values)
    plain = given if isinstance(given, pl.Series) else as_series(given, name=name)
    if not is_id:
        return plain
    try:
        return as_ids(plain, what=f"the column {name} of the queries")
    except DataError as error:
        raise _asked_wrongly(error) from error


def as_series(values: Iterable[object], *, name: str) -> pl.Series:
    """Makes a series of the values that requests give for one column.

    Args:
        values: a value for each request.
        name: the column.

    Returns:
        The series. Text and whole numbers may be mixed, since "42" and 42 are one id; so may whole
        and other numbers.

    Raises:
        QueryError: if other types are mixed, or a number is too large.

    Example:
        >>> as_series(["a", 42], name="user").to_list()
        ['a', '42']
        >>> as_series([30, None, 1.5], name="price").to_list()
        [30.0, None, 1.5]
    """
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    kinds: set[type] = {type(value) for value in listed}
    if str in kinds:
        whole = (int, np.integer)
        listed = [
            str(cast("int", value))
            if isinstance(value, whole) and not isinstance(value, bool)
            else value
            for value in listed
        ]
    if float in kinds and int in kinds:
        listed = [float(value) if type(value) is int else value for value in listed]
    try:
        return pl.Series(name, listed)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise QueryError(
            f"the column {name} mixes types: {error}",
            expected="text or numbers, the same for each query",
        ) from error


def _asked_wrongly(error: DataError) -> QueryError:
    """What is wrong with data, as what is wrong with a query."""
    return QueryError(error.what, got=error.got, expected=error.expected, fix=error.fix)
