"""The encoder of `history` features."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int32, Int64

from turret.data.encoders.base import AnyEncoder, Parts
from turret.data.encoders.lists import lists_in, pooling_weights, right_aligned, values_in
from turret.data.encoders.states import kept
from turret.data.encoders.vocabularied import VocabularyEncoder
from turret.data.vocabulary import Vocabulary, as_ids
from turret.recipe.features.history import History

__all__ = ["HistoryEncoder"]


@dataclass(frozen=True, eq=False)
class HistoryEncoder(VocabularyEncoder[History]):
    """A list of candidate ids a row; those without an embedding row are passed over.

    A null, an empty list, and one of which no id is known give no entry: the zero vector.

    Attributes:
        feature: What is encoded.
        fitted: The ids that have a row.
        candidates: Where the candidate tower makes the vectors, the columns that it reads, a row an
            id, so that a model computes them wherever it goes.
    """

    candidates: pl.DataFrame | None = None

    @classmethod
    def gathered(cls, feature: History, frame: pl.DataFrame) -> pl.Series:
        """The candidates of all lists, as ids."""
        return _ids(feature, frame)[0]

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The parts `rows` and `weights`, `[n, length]`, the most recent last."""
        ids, owner = _ids(self.feature, frame)
        rows = self.vocabulary.rows(ids)
        known, length = rows > 0, self.feature.length
        return self.parts(right_aligned(rows[known], owner[known], n=frame.height, length=length))

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

    def after(self, earlier: AnyEncoder, *, vanished: Literal["keep", "drop"]) -> Vocabulary:
        """As for any vocabulary; of vectors of the candidate tower today's alone."""
        if not self.feature.has_table:
            return self.vocabulary
        return super().after(earlier, vanished=vanished)

    def state(self) -> pl.DataFrame:
        """The column `id`: the vocabulary, from row 1; and `candidates`, as `candidate/NAME`."""
        ids = super().state()
        if self.candidates is None:
            return ids
        return ids.with_columns(self.candidates.rename(lambda name: f"candidate/{name}"))

    @classmethod
    def restored(cls, feature: History, state: pl.DataFrame) -> "HistoryEncoder":
        """The encoder whose `state()` is given."""
        ids = kept(state, "id", dtype=pl.String)
        columns = state.drop("id").rename(lambda name: name.removeprefix("candidate/"))
        candidates = None if feature.has_table else columns
        return cls(feature, Vocabulary(ids), candidates)


def _ids(feature: History, frame: pl.DataFrame) -> tuple[pl.Series, Int64[np.ndarray, " m"]]:
    lists = lists_in(frame[feature.column], of="candidate ids, the most recent last")
    flat, owner = values_in(lists)
    return as_ids(flat, what=f"column {feature.column!r}"), owner


def _weights(feature: History, rows: Int32[np.ndarray, "n l"]) -> Float32[np.ndarray, "n l"]:
    there = rows >= 0
    if feature.pooling == "recency":
        later = there.sum(axis=1, keepdims=True) - np.cumsum(there, axis=1)
        return pooling_weights(np.where(there, 0.5 ** (later / feature.half_life), 0.0), "mean")
    return pooling_weights(there, "sqrtn" if feature.pooling == "sqrtn" else "mean")
