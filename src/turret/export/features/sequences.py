"""Pooling of a history whose weights are learned, as `turret.model.features.sequences` does it."""

import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from turret.export.features.parts import any_of, column
from turret.export.graph import Graph, Value
from turret.export.layers import gelu
from turret.recipe.features.history import History

__all__ = ["attention", "transformer"]

V = TypeVar("V", bound=Value)
Arrays = Mapping[str, np.ndarray]


def attention(graph: Graph[V], vectors: V, there: V, *, arrays: Arrays) -> V:
    """A mean with learned weights.

    Args:
        graph: the graph.
        vectors: of the entries, float32 `[n, l, dim]`, the most recent last.
        there: which entries there are, `[n, l]`.
        arrays: the parameters of an `AttentionPooling` by name.

    Returns:
        Float32 `[n, dim]`; zero where no entry is.
    """
    direction, place = arrays["direction"], arrays["place"]
    length, dim = len(place), len(direction)
    scores = vectors @ graph.constant(direction[:, None]) / math.sqrt(dim)
    scores = graph.reshape(scores, (-1, length)) + graph.constant(place)
    shares = graph.reshape(_shares(graph, scores, there), (-1, 1, length))
    return graph.reshape(shares @ vectors, (-1, dim))


def transformer(graph: Graph[V], vectors: V, there: V, *, arrays: Arrays, feature: History) -> V:
    """What the last place becomes in a causal transformer; see `attention`."""
    x = vectors + graph.constant(arrays["place"])
    length, dim = arrays["place"].shape
    for number in range(feature.layers):
        prefix = f"layers/{number}/"
        own = {
            name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)
        }
        last = 1 if number == feature.layers - 1 else length
        x = _layer(graph, x, there, arrays=own, heads=feature.heads, last=last, length=length)
    some = column(graph, any_of(graph, there))
    return graph.where(some, graph.reshape(x, (-1, dim)), 0.0)


def _layer(
    graph: Graph[V], x: V, there: V, *, arrays: Arrays, heads: int, last: int, length: int
) -> V:
    """What the `last` places become; each looks at those before it and at itself."""
    dim = arrays["query"].shape[0]
    width, weight = dim // heads, {name: graph.constant(a) for name, a in arrays.items()}
    normed = _normed(graph, x, dim)
    if last < length:
        end = graph.constant(np.arange(length - last, length))
        x, asking = (graph.gather(whole, end, axis=1) for whole in (x, normed))
    else:
        asking = normed
    query = graph.reshape(asking @ weight["query"], (-1, last, heads, width))
    key = graph.reshape(normed @ weight["key"], (-1, length, heads, width))
    value = graph.reshape(normed @ weight["value"], (-1, length, heads, width))
    query, value = (graph.transpose(part, (0, 2, 1, 3)) for part in (query, value))
    scores = query @ graph.transpose(key, (0, 2, 3, 1)) / math.sqrt(width)
    earlier = np.arange(length) <= np.arange(length - last, length)[:, None]
    seen = graph.reshape(there, (-1, 1, 1, length)) & graph.constant(earlier[None, None])
    mixed = graph.transpose(_shares(graph, scores, seen) @ value, (0, 2, 1, 3))
    x = x + graph.reshape(mixed, (-1, last, dim)) @ weight["out"]
    return x + gelu(graph, _normed(graph, x, dim) @ weight["up"]) @ weight["down"]


def _shares(graph: Graph[V], scores: V, there: V) -> V:
    """A softmax over what is there, along the last axis; all zero where nothing is."""
    some = graph.sum(graph.cast(there, "int64"), axis=-1, keepdims=True) > 0
    shares = graph.softmax(graph.where(there | ~some, scores, -math.inf))
    return graph.where(there, shares, 0.0)


def _normed(graph: Graph[V], x: V, dim: int) -> V:
    return x / graph.sqrt(graph.sum(x * x, axis=-1, keepdims=True) / dim + 1e-6)
