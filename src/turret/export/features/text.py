"""The feature `text`."""

from typing import TypeVar

from turret.data.encoders.text import TextEncoder
from turret.export.features.parts import Parts, any_of
from turret.export.graph import Value
from turret.export.rows import Rows

__all__ = ["text"]

V = TypeVar("V", bound=Value)


def text(rows: Rows[V], encoder: TextEncoder) -> Parts[V]:
    """The heaviest n-grams of each text, and what each counts."""
    graph, feature = rows.graph, encoder.feature
    buckets = graph.ngrams(
        rows.text(feature.column),
        words=feature.words,
        characters=feature.characters,
        buckets=feature.buckets,
    )
    found, times = (graph.padded(part, feature.length) for part in graph.counted(buckets))
    often = graph.cast(graph.where(times > 0, times, 1), "float64")
    weights = (graph.log(often) + 1.0) * graph.gather(graph.constant(encoder.rarity), found)
    weights, places = graph.top_k(weights, feature.length)
    kept = graph.where(weights > 0, graph.gather_each(found, places), 0)
    norm = graph.sqrt(graph.sum(weights * weights, axis=1, keepdims=True))
    weights = graph.cast(weights / graph.where(norm > 0, norm, 1.0), "float32")
    return Parts(any_of(graph, kept > 0), rows=kept, weights=weights, pooled=feature.length)
