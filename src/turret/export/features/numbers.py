"""Features of one number a row, and of a vector a row: `number` and `vector`."""

import math
from typing import TypeVar

import numpy as np

from turret.data.encoders import number as number_encoding
from turret.data.encoders import vector as vector_encoding
from turret.data.encoders.number import NumberEncoder
from turret.data.encoders.vector import VectorEncoder
from turret.export.features.parts import Parts, column
from turret.export.graph import Graph, Value
from turret.export.rows import Rows
from turret.recipe.features.number import Number

__all__ = ["finite", "number", "vector"]

V = TypeVar("V", bound=Value)
_LARGEST = {"float32": float(np.finfo(np.float32).max), "float64": float(np.finfo(np.float64).max)}


def finite(graph: Graph[V], x: V, *, dtype: str = "float64") -> V:
    """Which numbers are neither missing nor infinite."""
    return graph.abs(x) <= _LARGEST[dtype]


def number(rows: Rows[V], encoder: NumberEncoder) -> Parts[V]:
    """A range, or numbers of which the last says whether it is missing."""
    graph, feature = rows.graph, encoder.feature
    given = rows.number(feature.column)
    known = finite(graph, given)
    x = graph.where(known, given, 0.0)
    if feature.encoding == "log":
        x = graph.sign(x) * _log1p(graph, graph.abs(x))
    if feature.has_table:
        return Parts(known, rows=graph.where(known, _range_of(graph, x, encoder.fitted), 0))
    if feature.encoding == "periodic":
        columns = _waves(graph, x, feature)
    else:
        mean, deviation = encoder.fitted.tolist()
        columns = [(x - mean) / deviation]
    far, there = number_encoding.FAR, graph.cast(known, "float64")
    columns = [graph.clip(one, -far, far) * there for one in columns]
    columns.append(there * -1.0 + 1.0)
    values = graph.concat([column(graph, one) for one in columns], axis=1)
    return Parts(known, values=graph.cast(values, "float32"))


def vector(rows: Rows[V], encoder: VectorEncoder) -> Parts[V]:
    """The vector's numbers, and whether it is missing."""
    graph, feature, (width, scale) = rows.graph, encoder.feature, encoder.fitted
    given = rows.vector(feature.column)
    there = graph.cast(finite(graph, given, dtype="float32"), "int64")
    known = graph.sum(there, axis=1) == width
    x = graph.cast(graph.where(column(graph, known), given, 0.0), "float64")
    if feature.normalize:
        norm = graph.sqrt(graph.sum(x * x, axis=1, keepdims=True))
        x = x / graph.where(norm > 0, norm, 1.0)
    x = graph.clip(x / scale, -vector_encoding.FAR, vector_encoding.FAR)
    missing = column(graph, graph.cast(~known, "float64"))
    return Parts(known, values=graph.cast(graph.concat([x, missing], axis=1), "float32"))


def _range_of(graph: Graph[V], x: V, edges: np.ndarray) -> V:
    """The number of edges that are not above, plus 1."""
    if len(edges) == 0:
        return graph.cast(x == x, "int64")
    above = column(graph, x) >= graph.constant(edges[None, :])
    return graph.sum(graph.cast(above, "int64"), axis=1) + 1


def _waves(graph: Graph[V], x: V, feature: Number) -> list[V]:
    assert feature.period is not None  # checked by the feature
    turns = x / feature.period
    turns = turns - graph.floor(turns)
    angles = [turns * (2 * math.pi * h) for h in range(1, feature.harmonics + 1)]
    return [wave(angle) for angle in angles for wave in (graph.sin, graph.cos)]


def _log1p(graph: Graph[V], x: V) -> V:
    """`log(1 + x)` of what is not below 0, to the last digits for a small x, too.

    Reference:
        Kahan, as told in Goldberg, "What every computer scientist should know about floating-point
        arithmetic", 1991, theorem 4.
    """
    above = x + 1.0
    lost = above == 1.0
    # Where 1 + x rounds, log(above) / (above - 1) is as it is for x itself.
    ratio = graph.log(above) / graph.where(lost, above, above - 1.0)
    return graph.where(lost, x, x * ratio)
