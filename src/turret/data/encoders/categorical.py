"""The encoder of `categorical` features."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool

from turret.data.encoders.base import Parts
from turret.data.encoders.vocabularied import VocabularyEncoder
from turret.data.vocabulary import as_ids
from turret.recipe.features.categorical import Categorical

__all__ = ["CategoricalEncoder"]


@dataclass(frozen=True, eq=False)
class CategoricalEncoder(VocabularyEncoder):
    """One value a row, looked up in a vocabulary; unseen and missing values share row 0.

    Attributes:
        feature: What is encoded.
        vocabulary: The values that have a row.
    """

    feature: Categorical

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The part `rows`, `[n]`; 0 for a null or an unseen value."""
        return {"rows": self.vocabulary.rows(self.ids(self.feature, frame))}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether each value stood in the training data."""
        return parts["rows"] > 0

    @staticmethod
    def ids(feature: Categorical, frame: pl.DataFrame) -> pl.Series:
        """The values of the feature's column as ids."""
        return as_ids(frame[feature.column], what=f"column {feature.column!r}")
