"""Features of several ids a row: `bag` and `history`.

The bundle keeps what it encoded of each id's list, since lists as they are may be of any length; so
a list that is not given is filled in behind the encoding.
"""

import math
from typing import TypeVar

import numpy as np

from turret.data.encoders.bag import BagEncoder
from turret.data.encoders.history import HistoryEncoder
from turret.export.features.parts import Parts, any_of, pooling_weights
from turret.export.graph import Graph, Value
from turret.export.rows import Rows

__all__ = ["bag", "history"]

V = TypeVar("V", bound=Value)
_MANY = 2**40


def bag(rows: Rows[V], encoder: BagEncoder) -> Parts[V]:
    """The first known values of each row, and what each counts."""
    graph, feature = rows.graph, encoder.feature
    texts = rows.given[feature.column]
    if rows.kind(feature.column) == "text":
        assert feature.separator is not None  # else it is a column of lists
        texts = graph.split(texts, feature.separator)
    found = graph.lookup(texts, encoder.vocabulary.ids)
    there = graph.cast(found > 0, "int64")
    # The first known one is the largest, those that are not known come last.
    order = graph.where(found > 0, graph.cumsum(there, axis=1) * -1 + _MANY, 0)
    places = _best(graph, order, feature.length)
    kept = graph.gather_each(graph.padded(found, feature.length), places)
    weights = graph.cast(kept > 0, "float64")
    if feature.weights is not None:
        ones = graph.cast(there * 0 + 1, "float64")
        own = graph.given_or(rows.given[feature.weights], ones)
        # A row without weights weighs all alike.
        own = graph.padded(graph.where(own == own, own, 1.0), feature.length)
        weights = weights * graph.gather_each(own, places)
    weights = pooling_weights(graph, weights, feature.pooling)
    stored = rows.side.encoded
    kept = graph.given_or(kept, rows.stored(stored[f"{feature.key}/rows"]))
    weights = graph.given_or(weights, rows.stored(stored[f"{feature.key}/weights"]))
    return Parts(any_of(graph, kept > 0), rows=kept, weights=weights, pooled=feature.length)


def history(rows: Rows[V], encoder: HistoryEncoder) -> Parts[V]:
    """The last known candidates of each row, the most recent last, and what each counts."""
    graph, feature = rows.graph, encoder.feature
    found = graph.lookup(rows.given[feature.column], encoder.vocabulary.ids)
    there = graph.cast(found > 0, "int64")
    places = _best(graph, graph.cumsum(there, axis=1) * there, feature.length)
    kept = graph.gather_each(graph.padded(found, feature.length), places)
    # From the most recent one first to it last.
    backwards = graph.constant(np.arange(feature.length)[::-1].astype(np.int64))
    kept = graph.gather(kept, backwards, axis=1)
    kept = graph.given_or(kept, rows.stored(rows.side.encoded[f"{feature.key}/rows"]))
    weights = graph.cast(kept > 0, "float64")
    if feature.pooling == "recency":
        later = graph.sum(weights, axis=1, keepdims=True) - graph.cumsum(weights, axis=1)
        weights = weights * graph.exp(later * (math.log(0.5) / feature.half_life))
    pooling = "sqrtn" if feature.pooling == "sqrtn" else "mean"
    weights = pooling_weights(graph, weights, pooling)
    return Parts(any_of(graph, kept > 0), rows=kept, weights=weights, pooled=feature.length)


def _best(graph: Graph[V], order: V, length: int) -> V:
    """Where the `length` largest of each row stand, in an array that was padded by as many."""
    return graph.top_k(graph.padded(order, length), length)[1]
