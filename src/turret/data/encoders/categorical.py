"""The encoder of `categorical` features that keep a vocabulary."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool

from turret.data.encoders.base import Parts
from turret.data.encoders.vocabularied import VocabularyEncoder
from turret.data.hashing import bucket_rows, text_hashes
from turret.data.vocabulary import as_ids
from turret.recipe.features.categorical import Categorical

__all__ = ["CategoricalEncoder"]


@dataclass(frozen=True, eq=False)
class CategoricalEncoder(VocabularyEncoder[Categorical]):
    """One value a row, looked up in a vocabulary; a missing value has row 0.

    A value without a row of its own has row 0 too, or one of the further out-of-vocabulary rows,
    which stand behind those of the vocabulary.
    """

    @classmethod
    def gathered(cls, feature: Categorical, frame: pl.DataFrame) -> pl.Series:
        """The values of the feature's column, as ids."""
        return as_ids(frame[feature.column], what=f"column {feature.column!r}")

    @property
    def num_rows(self) -> int:
        """Rows of its embedding table, all out-of-vocabulary rows included."""
        return self.vocabulary.num_rows + self.feature.oov_buckets - 1

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The part `rows`, `[n]`."""
        ids = self.gathered(self.feature, frame)
        rows, buckets = self.vocabulary.rows(ids), self.feature.oov_buckets
        if buckets > 1:
            unseen = np.flatnonzero((rows == 0) & ids.is_not_null().to_numpy())
            bucket = bucket_rows(text_hashes(ids.gather(unseen)), buckets=buckets, seed=0)
            # The first bucket is row 0.
            behind = bucket + np.int32(self.vocabulary.num_rows - 2)
            rows = rows.copy()
            rows[unseen] = np.where(bucket == 1, np.int32(0), behind)
        return {"rows": rows}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether each value stood in the training data."""
        return (parts["rows"] > 0) & (parts["rows"] < self.vocabulary.num_rows)
