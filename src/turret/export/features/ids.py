"""Features of one id a row, or of several together: `categorical` and `cross`."""

from typing import TypeVar

from turret.data.encoders.categorical import CategoricalEncoder
from turret.data.encoders.hashed import HashEncoder
from turret.export.features.parts import Parts, column
from turret.export.graph import Value
from turret.export.rows import Rows

__all__ = ["categorical", "hashed"]

V = TypeVar("V", bound=Value)


def categorical(rows: Rows[V], encoder: CategoricalEncoder) -> Parts[V]:
    """The row of a value in a vocabulary, or one of the out-of-vocabulary rows."""
    graph, feature = rows.graph, encoder.feature
    text = rows.text(feature.column)
    found = graph.lookup(text, encoder.vocabulary.ids)
    known = found > 0
    if feature.oov_buckets > 1:
        bucket = graph.hashed([text], buckets=feature.oov_buckets, seed=0)
        # The first bucket is row 0, the others stand behind the vocabulary.
        behind = graph.where(bucket > 1, bucket + (encoder.vocabulary.num_rows - 2), 0)
        found = graph.where(~known & ~(text == ""), behind, found)
    return Parts(known, rows=found)


def hashed(rows: Rows[V], encoder: HashEncoder) -> Parts[V]:
    """Two rows by two hashes, or row 0 twice where training met not both."""
    graph, feature = rows.graph, encoder.feature
    texts = [rows.text(name) for name in feature.reads]
    buckets = encoder.num_rows - 1
    known = ~(texts[0] == "")
    for text in texts[1:]:
        known = known | ~(text == "")
    found: list[V] = []
    for seed in (0, 1):
        bucket = graph.hashed(texts, buckets=buckets, seed=seed)
        known = known & graph.gather(graph.constant(encoder.fitted), bucket)
        found.append(column(graph, bucket))
    both = graph.concat(found, axis=1)
    return Parts(known, rows=graph.where(column(graph, known), both, 0), pooled=2)
