"""From a feature's parts to one vector a row, as `turret.model.features.embedding` does it."""

from functools import reduce
from operator import add
from typing import TypeVar

import numpy as np

from turret.export.features.kinds import parts_of
from turret.export.features.parts import Parts
from turret.export.features.sequences import attention, transformer
from turret.export.graph import Graph, Value
from turret.export.rows import Rows
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History

__all__ = ["embedded"]

V = TypeVar("V", bound=Value)


def embedded(rows: Rows[V], feature: Feature) -> tuple[V, V]:
    """Embed a feature.

    Args:
        rows: the rows.
        feature: one of the side's.

    Returns:
        The feature's vectors, float32 `[n, dim]`; and whether training says something about what
        each row holds, `[n]`.
    """
    graph, side = rows.graph, rows.side
    parts = parts_of(rows, feature.key)
    if isinstance(feature, History):
        return _history(rows, feature, parts), parts.known
    vectors: list[V] = []
    if looks_up(feature):
        table = side.arrays[f"tables/{table_name(side.name, feature)}"]
        vectors.append(_looked_up(graph, table, parts))
    if parts.values is not None:
        path = f"dense/{side.name}/features/{feature.key}"
        weight, bias = (graph.constant(side.arrays[f"{path}/{one}"]) for one in ("weight", "bias"))
        vectors.append(parts.values @ weight + bias)
    return reduce(add, vectors), parts.known


def _looked_up(graph: Graph[V], table: np.ndarray, parts: Parts[V]) -> V:
    """One row of a table, or the weighted sum of several."""
    assert parts.rows is not None  # what has a table has rows of it
    found = graph.gather(graph.constant(table), parts.rows)
    if not parts.pooled:
        return found
    if parts.weights is None:
        return graph.sum(found, axis=1)
    weights = graph.reshape(parts.weights, (-1, 1, parts.pooled))
    return graph.reshape(weights @ found, (-1, table.shape[1]))


def _history(rows: Rows[V], feature: History, parts: Parts[V]) -> V:
    graph, side = rows.graph, rows.side
    if feature.has_table:
        table = side.arrays[f"tables/{table_name(side.name, feature)}"]
    else:
        assert side.met is not None  # a bundle of such a model has what the tower reads
        table = side.met
    if feature.pooling in ("mean", "sqrtn", "recency"):
        return _looked_up(graph, table, parts)
    assert parts.rows is not None  # a history has them
    vectors, there = graph.gather(graph.constant(table), parts.rows), parts.rows > 0
    path = f"dense/{side.name}/features/{feature.key}"
    arrays = {
        name.removeprefix(f"{path}/"): array
        for name, array in side.arrays.items()
        if name.startswith(f"{path}/")
    }
    if feature.pooling == "attention":
        return attention(graph, vectors, there, arrays=arrays)
    return transformer(graph, vectors, there, arrays=arrays, feature=feature)
