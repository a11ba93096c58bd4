"""The encoder of each kind of feature."""

import polars as pl

from turret.data.encoders.base import Encoder
from turret.data.encoders.categorical import CategoricalEncoder
from turret.data.encoders.history import HistoryEncoder
from turret.data.vocabulary import Vocabulary
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History

__all__ = ["restored", "with_vocabulary"]


def with_vocabulary(feature: Feature, vocabulary: Vocabulary) -> Encoder:
    """The encoder of a feature with a given vocabulary."""
    if isinstance(feature, History):
        return HistoryEncoder(feature, vocabulary)
    return CategoricalEncoder(feature, vocabulary)


def restored(feature: Feature, state: pl.DataFrame) -> Encoder:
    """The encoder whose `state()` is given."""
    if isinstance(feature, History):
        return HistoryEncoder.restored(feature, state)
    return with_vocabulary(feature, Vocabulary(state["id"]))
