"""What a column is encoded to inside a graph."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from turret.export.graph import Graph, Value

__all__ = ["Parts", "any_of", "column", "pooling_weights"]

V = TypeVar("V", bound=Value)


@dataclass(frozen=True)
class Parts(Generic[V]):
    """A feature's parts, as those of `turret.data.encoders.base`.

    Attributes:
        known: whether training says something about what each row holds, `[n]`.
        rows: rows of the embedding table, int64 `[n]` or `[n, l]`; None where it has none.
        weights: what each of `[n, l]` counts, float32, 0 where there is no entry; None where each
            counts once.
        pooled: the `l` of `rows`, what is added up; None where each row has one.
        values: numbers for a dense layer, float32 `[n, m]`; None where it has none.
    """

    known: V
    rows: V | None = None
    weights: V | None = None
    pooled: int | None = None
    values: V | None = None


def column(graph: Graph[V], x: V) -> V:
    """A value of `[n]` as a column, `[n, 1]`."""
    return graph.reshape(x, (-1, 1))


def any_of(graph: Graph[V], truths: V) -> V:
    """Whether any truth value of each row of `[n, m]` holds."""
    return graph.sum(graph.cast(truths, "int64"), axis=1) > 0


def pooling_weights(graph: Graph[V], weights: V, pooling: Literal["sum", "mean", "sqrtn"]) -> V:
    """What each entry of a pooled row counts, as `turret.data.encoders.lists.pooling_weights`.

    Args:
        graph: the graph.
        weights: the entries' own weights, float64 `[n, l]`; 0 where there is no entry.
        pooling: over what they are divided.

    Returns:
        The weights, float32; 0 in a row whose weights are all 0.
    """
    if pooling == "sum":
        return graph.cast(weights, "float32")
    if pooling == "sqrtn":
        total = graph.sqrt(graph.sum(weights * weights, axis=1, keepdims=True))
    else:
        total = graph.sum(graph.abs(weights), axis=1, keepdims=True)
    return graph.cast(weights / graph.where(total > 0, total, 1.0), "float32")
