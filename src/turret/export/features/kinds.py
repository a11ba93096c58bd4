"""The parts of a feature of any kind."""

from collections.abc import Callable
from typing import Any, TypeVar

from turret.data.encoders.bag import BagEncoder
from turret.data.encoders.categorical import CategoricalEncoder
from turret.data.encoders.hashed import HashEncoder
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.number import NumberEncoder
from turret.data.encoders.text import TextEncoder
from turret.data.encoders.timestamp import TimestampEncoder
from turret.data.encoders.vector import VectorEncoder
from turret.export.features import ids, lists, numbers, text, times
from turret.export.features.parts import Parts
from turret.export.graph import Value
from turret.export.rows import Rows

__all__ = ["parts_of"]

V = TypeVar("V", bound=Value)

# Each writer takes the encoder of its own kind, which no type of a table of writers can say.
_WRITERS: dict[type, Callable[[Rows[Any], Any], Parts[Any]]] = {
    BagEncoder: lists.bag,
    CategoricalEncoder: ids.categorical,
    HashEncoder: ids.hashed,
    HistoryEncoder: lists.history,
    NumberEncoder: numbers.number,
    TextEncoder: text.text,
    TimestampEncoder: times.timestamp,
    VectorEncoder: numbers.vector,
}


def parts_of(rows: Rows[V], key: str) -> Parts[V]:
    """Encode a feature of some rows.

    Args:
        rows: the rows.
        key: what the feature is called in its tower.

    Returns:
        What the feature's encoder gives for them.
    """
    encoder = rows.side.encoder.encoders[key]
    return _WRITERS[type(encoder)](rows, encoder)
