"""The encoder of `history` features."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int32

from turret.data.encoders.base import Parts
from turret.data.encoders.vocabularied import VocabularyEncoder
from turret.data.vocabulary import Vocabulary, as_ids
from turret.errors import DataError
from turret.recipe.features.history import History

__all__ = ["HistoryEncoder", "right_aligned"]


@dataclass(frozen=True, eq=False)
class HistoryEncoder(VocabularyEncoder):
    """A list of candidate ids a row; those without an embedding row are passed over.

    A null, an empty list, and one of which no id is known give no entry: the zero vector.

    Attributes:
        feature: What is encoded.
        vocabulary: The ids that have a row.
        candidates: Where the candidate tower makes the vectors, the columns that it reads, a row an
            id, so that a model computes them wherever it goes.
    """

    feature: History
    candidates: pl.DataFrame | None = None

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The parts `rows` and `weights`, `[n, length]`, the most recent last."""
        lists = self.lists(self.feature, frame)
        rows = self.vocabulary.rows(_exploded(lists, what=f"column {self.feature.column!r}"))
        lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
        owner = np.repeat(np.arange(len(lists)), lengths)
        known = rows > 0
        return self.parts(
            right_aligned(rows[known], owner[known], n=len(lists), length=self.feature.length)
        )

    def parts(self, rows: Int32[np.ndarray, "n l"]) -> dict[str, np.ndarray]:
        """Give entries their weights.

        Args:
            rows: Rows of the embedding table, the most recent last; -1 is no entry.

        Returns:
            `rows`, and `weights`: what each entry counts in its row.
        """
        return {"rows": rows, "weights": _weights(self.feature, rows)}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether at least one candidate of each history has an embedding row."""
        return np.asarray((parts["rows"] > 0).any(axis=1))

    def state(self) -> pl.DataFrame:
        """The column `id`: the vocabulary, from row 1; and `candidates`, as `candidate/NAME`."""
        ids = super().state()
        if self.candidates is None:
            return ids
        return ids.with_columns(self.candidates.rename(lambda name: f"candidate/{name}"))

    @classmethod
    def restored(cls, feature: History, state: pl.DataFrame) -> "HistoryEncoder":
        """The encoder whose `state()` is given."""
        columns = state.drop("id").rename(lambda name: name.removeprefix("candidate/"))
        candidates = None if feature.has_table else columns
        return cls(feature, Vocabulary(state["id"]), candidates)

    @staticmethod
    def lists(feature: History, frame: pl.DataFrame) -> pl.Series:
        """The feature's column, which must hold lists."""
        lists = frame[feature.column]
        if lists.dtype == pl.Null:
            return lists.cast(pl.List(pl.String))
        if not isinstance(lists.dtype, pl.List | pl.Array):
            raise DataError(
                f"column {feature.column!r} holds no histories",
                got=str(lists.dtype),
                expected="a list of candidate ids in each row",
            )
        return lists if isinstance(lists.dtype, pl.List) else lists.arr.to_list()


def right_aligned(
    values: Int32[np.ndarray, " m"],
    owner: np.ndarray,
    *,
    n: int,
    length: int,
) -> Int32[np.ndarray, "n l"]:
    """The last values of each owner, in their order, at the end of its row.

    Args:
        values: Values, those of an owner together and in order.
        owner: For each value its row, ascending, `[m]`.
        n: How many rows.
        length: How many values a row has room for; further ones at the front are dropped.

    Returns:
        The rows; -1 where there is no value.

    Example:
        >>> values, owner = np.array([1, 2, 3, 4], np.int32), np.array([0, 0, 0, 2])
        >>> right_aligned(values, owner, n=3, length=2).tolist()
        [[2, 3], [-1, -1], [-1, 4]]
    """
    ends = np.cumsum(np.bincount(owner, minlength=n))
    column = np.arange(len(values)) - ends[owner] + length
    kept = column >= 0
    rows = np.full((n, length), -1, np.int32)
    rows[owner[kept], column[kept]] = values[kept]
    return rows


def _exploded(lists: pl.Series, *, what: str) -> pl.Series:
    """All ids of all lists; a null in a list is an id that is not known."""
    flat = lists.filter(lists.list.len() > 0).explode()
    return as_ids(flat, what=what)


def _weights(feature: History, rows: Int32[np.ndarray, "n l"]) -> Float32[np.ndarray, "n l"]:
    there = rows >= 0
    number = there.sum(axis=1, keepdims=True)
    if feature.pooling == "recency":
        later = number - np.cumsum(there, axis=1)
        weights = np.where(there, 0.5 ** (later / feature.half_life), 0.0)
        total = weights.sum(axis=1, keepdims=True)
        return (weights / np.where(total > 0, total, 1.0)).astype(np.float32)
    divisor = np.sqrt(number) if feature.pooling == "sqrtn" else number
    return np.where(there, 1.0 / np.maximum(divisor, 1.0), 0.0).astype(np.float32)
