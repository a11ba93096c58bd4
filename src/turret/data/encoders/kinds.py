"""The encoder of each kind of feature."""

import polars as pl

from turret.data.encoders.bag import BagEncoder
from turret.data.encoders.base import AnyEncoder
from turret.data.encoders.categorical import CategoricalEncoder
from turret.data.encoders.hashed import HashEncoder
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.number import NumberEncoder
from turret.data.encoders.text import TextEncoder
from turret.data.encoders.timestamp import TimestampEncoder
from turret.data.encoders.vector import VectorEncoder
from turret.recipe.features.bag import Bag
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.cross import Cross
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.features.linear import Linear
from turret.recipe.features.number import Number
from turret.recipe.features.text import Text
from turret.recipe.features.timestamp import Timestamp
from turret.recipe.features.vector import Vector

__all__ = ["encoder_class", "restored"]

_CLASSES: dict[type, type[AnyEncoder]] = {
    Categorical: CategoricalEncoder,
    Bag: BagEncoder,
    Number: NumberEncoder,
    Timestamp: TimestampEncoder,
    Text: TextEncoder,
    Vector: VectorEncoder,
    History: HistoryEncoder,
    Cross: HashEncoder,
    Linear: CategoricalEncoder,
}


def encoder_class(feature: Feature) -> type[AnyEncoder]:
    """The class of a feature's encoder."""
    if isinstance(feature, Categorical) and feature.hash_buckets is not None:
        return HashEncoder
    return _CLASSES[type(feature)]


def restored(feature: Feature, state: pl.DataFrame) -> AnyEncoder:
    """The encoder whose `state()` is given."""
    return encoder_class(feature).restored(feature, state)
