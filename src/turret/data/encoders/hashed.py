"""The encoder of features that keep no vocabulary: `cross`, and `categorical` with hashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, UInt64

from turret.data.encoders.base import AnyEncoder, Encoder, Parts
from turret.data.encoders.states import kept_rows
from turret.data.hashing import MISSING, bucket_rows, combined, text_hashes
from turret.data.vocabulary import as_ids
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.cross import Cross

__all__ = ["HashEncoder"]

Met = Bool[np.ndarray, "_"]


@dataclass(frozen=True, eq=False)
class HashEncoder(Encoder[Categorical | Cross, Met, Met]):
    """Two rows a value, or a combination of values, by two hashes.

    A value of which training met not both rows was not there, and has row 0 twice, as a missing one
    has: its rows would say what other values made of them, or nothing.

    Attributes:
        feature: What is encoded.
        fitted: For each row of the table whether training met it, `[hash_buckets + 1]`.
    """

    meaning = ("hash_buckets",)

    @classmethod
    def gathered(cls, feature: Categorical | Cross, frame: pl.DataFrame) -> Met:
        """Which rows the training rows have."""
        met = np.zeros(_buckets(feature) + 1, np.bool_)
        met[_rows(feature, frame)] = True
        return met

    @classmethod
    def fit(cls, feature: Categorical | Cross, gathered: Sequence[Met]) -> Met:
        """Which rows any of the features met; row 0 is never taken for met."""
        met = np.logical_or.reduce(gathered)
        met[0] = False
        return met

    @classmethod
    def restored(cls, feature: Categorical | Cross, state: pl.DataFrame) -> "HashEncoder":
        """The encoder whose `state()` is given."""
        buckets = _buckets(feature)
        met = np.zeros(buckets + 1, np.bool_)
        met[kept_rows(state, "row", least=1, most=buckets)] = True
        return cls(feature, met)

    def state(self) -> pl.DataFrame:
        """The column `row`: the rows that training met, ascending."""
        return pl.DataFrame({"row": np.flatnonzero(self.fitted).astype(np.int32)})

    @property
    def num_rows(self) -> int:
        """Rows of its embedding table, the out-of-vocabulary row included."""
        return _buckets(self.feature) + 1

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The part `rows`, `[n, 2]`."""
        rows = _rows(self.feature, frame)
        return {"rows": np.where(self.fitted[rows].all(axis=1, keepdims=True), rows, np.int32(0))}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether each value stood in the training data, as far as hashes tell."""
        return parts["rows"][:, 0] > 0

    def after(self, earlier: AnyEncoder, *, vanished: Literal["keep", "drop"]) -> Met:
        """The rows of today, and those that the earlier training met."""
        return self.fitted | earlier.fitted if vanished == "keep" else self.fitted


def _buckets(feature: Categorical | Cross) -> int:
    assert feature.hash_buckets is not None  # other categorical features keep a vocabulary
    return feature.hash_buckets


def _rows(feature: Categorical | Cross, frame: pl.DataFrame) -> Int32[np.ndarray, "n 2"]:
    columns = [as_ids(frame[name], what=f"column {name!r}") for name in feature.reads]
    hashes = reduce(combined, map(_hashes, columns))
    rows = [bucket_rows(hashes, buckets=_buckets(feature), seed=seed) for seed in (0, 1)]
    missing = np.logical_and.reduce([column.is_null().to_numpy() for column in columns])
    return np.where(missing[:, None], np.int32(0), np.stack(rows, axis=1))


def _hashes(ids: pl.Series) -> UInt64[np.ndarray, " n"]:
    return np.where(ids.is_null().to_numpy(), MISSING, text_hashes(ids))
