"""What is written to a vector database: rows, ids, vectors, and columns with simple types."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.index.candidates import Candidates

__all__ = ["Column", "Kind", "Table"]

Kind = Literal["text", "whole", "real", "double", "truth", "date", "moment", "texts", "wholes"]
"""What a column holds; `real` is float32, `texts` and `wholes` are lists."""

_SLICE = 65_536
_EXACT_WHOLE = 2**53
_NORMALIZED = 1e-5
_YEARS = (1, 9999)


@dataclass(frozen=True)
class Column:
    """A column that is written.

    Attributes:
        kind: what it holds.
        filterable: whether a database compares its values as Polars does: not where there is a NaN,
            a number beyond 2^53, or a null inside a list.
        ordered: whether a database says which of two values is the smaller.
    """

    kind: Kind
    filterable: bool
    ordered: bool = True


@dataclass(frozen=True, eq=False)
class Table:
    """Candidates as they are written.

    Attributes:
        candidates: their ids and vectors, in row order.
        frame: their columns, in types that every database has.
        columns: what each column of `frame` holds.
        left_out: the columns that are not written, since no database has their type.
    """

    candidates: Candidates
    frame: pl.DataFrame
    columns: dict[str, Column]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, candidates: Candidates) -> "Table":
        """Makes the table of some candidates.

        Args:
            candidates: ids, vectors and columns.

        Returns:
            The table.

        Example:
            >>> frame = pl.DataFrame({"year": [1990], "poster": [b"png"]})
            >>> table = Table.of(Candidates(["a"], np.ones((1, 2)), columns=frame))
            >>> table.columns["year"].kind, table.left_out
            ('whole', ('poster',))
        """
        given = pl.DataFrame() if candidates.columns is None else candidates.columns
        made: list[pl.Series] = []
        columns: dict[str, Column] = {}
        for series in given:
            found = _simple(series)
            if found is not None:
                made.append(found[0])
                columns[series.name] = found[1]
        left_out = tuple(name for name in given.columns if name not in columns)
        return cls(candidates, pl.DataFrame(made), columns, left_out)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.candidates)

    @property
    def vectors(self) -> Float32[np.ndarray, "n d"]:
        """The vectors, `[n, d]`."""
        return self.candidates.vectors

    @cached_property
    def normalized(self) -> bool:
        """Whether every vector has length 1, so that a cosine is an inner product."""
        if len(self) == 0:
            return False
        lengths = np.sqrt(np.einsum("nd,nd->n", self.vectors, self.vectors))
        return bool((np.abs(lengths - 1) < _NORMALIZED).all())

    @property
    def metric(self) -> Literal["cosine", "dot"]:
        """What the database compares vectors by."""
        return "cosine" if self.normalized else "dot"

    @cached_property
    def version(self) -> str:
        """The name of exactly this content: 12 hexadecimal digits."""
        digest = hashlib.sha256(f"turret 1 {self.vectors.shape}\n".encode())
        digest.update(repr([(name, self.columns[name].kind) for name in self.columns]).encode())
        ids = self.candidates.ids.to_frame("id")
        # JSON has no NaN and no infinity: they would be nulls.
        strange = [
            name
            for name, column in self.columns.items()
            if column.kind in ("real", "double") and not column.filterable
        ]
        frame = self.frame.with_columns(pl.col(strange).cast(pl.String))
        for start in range(0, len(self), _SLICE):
            part = slice(start, start + _SLICE)
            digest.update(ids[part].write_ndjson().encode())
            digest.update(np.ascontiguousarray(self.vectors[part], dtype="<f4").tobytes())
            digest.update(frame[part].write_ndjson().encode())
        return digest.hexdigest()[:12]

    def with_columns(self, columns: dict[str, Column]) -> "Table":
        """The same with some of the columns, or with less said about them.

        Args:
            columns: what a database has room for, in the order of the table.

        Returns:
            A table whose `left_out` names the others, too.
        """
        gone = tuple(name for name in self.columns if name not in columns)
        return Table(
            self.candidates, self.frame.drop(gone), columns, left_out=(*self.left_out, *gone)
        )


def _simple(series: pl.Series) -> tuple[pl.Series, Column] | None:
    """A column in a type that every database has, and what it holds; None where there is none."""
    kind = series.dtype
    if isinstance(kind, pl.List):
        return _list(series)
    if isinstance(kind, pl.String):
        return series, Column("text", filterable=True)
    if isinstance(kind, pl.Categorical | pl.Enum):
        # Their order may be that in which they first occur.
        return series.cast(pl.String), Column("text", filterable=True, ordered=False)
    if kind.is_integer():
        return _whole(series)
    if isinstance(kind, pl.Float32 | pl.Float64):
        strange = (series.is_nan() | series.is_infinite()).any()
        column = Column(
            "real" if isinstance(kind, pl.Float32) else "double", filterable=not strange
        )
        return series, column
    if isinstance(kind, pl.Boolean):
        return series, Column("truth", filterable=True)
    if isinstance(kind, pl.Date | pl.Datetime):
        if not series.dt.year().is_between(*_YEARS).all():
            return None
        return series, Column("date" if isinstance(kind, pl.Date) else "moment", filterable=False)
    return None


def _whole(series: pl.Series) -> tuple[pl.Series, Column] | None:
    try:
        whole = series.cast(pl.Int64)
    except pl.exceptions.PolarsError:
        return None
    largest = whole.abs().max()
    exact = largest is None or (isinstance(largest, int) and 0 <= largest <= _EXACT_WHOLE)
    return whole, Column("whole", filterable=exact)


def _list(series: pl.Series) -> tuple[pl.Series, Column] | None:
    flat = series.explode(empty_as_null=False, keep_nulls=False)
    whole = flat.null_count() == 0
    if isinstance(flat.dtype, pl.String | pl.Categorical | pl.Enum):
        return series.cast(pl.List(pl.String)), Column("texts", filterable=whole)
    within = _whole(flat) if flat.dtype.is_integer() else None
    if within is None:
        return None
    column = Column("wholes", filterable=whole and within[1].filterable)
    return series.cast(pl.List(pl.Int64)), column
