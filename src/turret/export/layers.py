"""Layers of an exported model, as those of `turret.model.layers`."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from turret.export.graph import Graph, Value
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.dot import DotInteraction
from turret.recipe.bodies.mlp import MLP, Activation, Norm

__all__ = ["activation", "cross", "dot", "gelu", "l2_normalize", "linear", "mlp"]

V = TypeVar("V", bound=Value)
Arrays = Mapping[str, np.ndarray]
_EPSILON = 1e-5


def activation(graph: Graph[V], x: V, kind: Activation) -> V:
    """What follows a hidden layer, number by number."""
    match kind:
        case "relu":
            return graph.where(x > 0, x, 0.0)
        case "gelu":
            return gelu(graph, x)
        case "silu":
            return x * graph.sigmoid(x)
        case "tanh":
            return graph.tanh(x)


def gelu(graph: Graph[V], x: V) -> V:
    """`x Phi(x)` in its tanh form."""
    inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
    return x * (graph.tanh(inner) + 1.0) * 0.5


def l2_normalize(graph: Graph[V], x: V) -> V:
    """Vectors `[n, d]` scaled to length 1; the zero vector stays zero."""
    square = graph.sum(x * x, axis=1, keepdims=True)
    return x / graph.sqrt(graph.where(square > 0, square, 1.0))


def linear(graph: Graph[V], x: V, arrays: Arrays, path: str) -> V:
    """`x W + b`, with the parameters at a path."""
    weight, bias = (graph.constant(arrays[f"{path}/{name}"]) for name in ("weight", "bias"))
    return x @ weight + bias


def mlp(graph: Graph[V], x: V, config: MLP, *, arrays: Arrays, path: str) -> V:
    """Hidden layers `x -> act(norm(x W + b))`, plus `x` where a layer is residual.

    Args:
        graph: the graph.
        x: float32 `[n, d]`.
        config: the body.
        arrays: every parameter by its path.
        path: where those of the body stand.

    Returns:
        Float32 `[n, config.hidden[-1]]`.
    """
    width = arrays[f"{path}/layers/0/weight"].shape[0]
    for place, size in enumerate(config.hidden):
        y = linear(graph, x, arrays, f"{path}/layers/{place}")
        y = _normed(graph, y, config.norm, arrays=arrays, path=f"{path}/norms/{place}")
        y = activation(graph, y, config.activation)
        x = x + y if config.residual and width == size else y
        width = size
    return x


def cross(graph: Graph[V], x: V, config: CrossNetwork, *, arrays: Arrays, path: str) -> V:
    """Layers `x0 * (x W + diag_scale x + b) + x`; the arguments are those of `mlp`."""
    x0 = x
    for place in range(config.layers):
        own, y = f"{path}/layers/{place}", x
        for number in range(1 if config.rank is None else 2):
            y = y @ graph.constant(arrays[f"{own}/weights/{number}"])
        if config.diag_scale:
            y = y + x * config.diag_scale
        x = x0 * (y + graph.constant(arrays[f"{own}/bias"])) + x
    return x


def dot(graph: Graph[V], vectors: Sequence[V], config: DotInteraction, *, width: int) -> V:
    """The products of the features' vectors, behind these if they are kept.

    Args:
        graph: the graph.
        vectors: float32 `[n, width]` each.
        config: the body.
        width: numbers in each.

    Returns:
        Float32, a row of all that is given.
    """
    number = len(vectors)
    side_by_side = graph.concat(vectors, axis=1)
    stacked = graph.reshape(side_by_side, (-1, number, width))
    products = stacked @ graph.transpose(stacked, (0, 2, 1))
    first, second = np.tril_indices(number, 0 if config.self_interaction else -1)
    pairs = graph.constant((first * number + second).astype(np.int64))
    chosen = graph.gather(graph.reshape(products, (-1, number * number)), pairs, axis=1)
    return graph.concat([side_by_side, chosen], axis=1) if config.keep_features else chosen


def _normed(graph: Graph[V], x: V, norm: Norm, *, arrays: Arrays, path: str) -> V:
    """Rows `[n, d]` normalised by mean and variance, by mean square, or not at all."""
    if norm == "none":
        return x
    scale = arrays[f"{path}/scale"]
    if norm == "layer":
        x = x - graph.sum(x, axis=1, keepdims=True) / len(scale)
    square = graph.sum(x * x, axis=1, keepdims=True) / len(scale)
    y = x / graph.sqrt(square + _EPSILON) * graph.constant(scale)
    return y + graph.constant(arrays[f"{path}/shift"]) if norm == "layer" else y
