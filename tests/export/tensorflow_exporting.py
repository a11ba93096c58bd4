"""A program that exports bundles beside ScaNN, and holds TensorFlow's operations to NumPy's.

Its arguments are a file and the directories of bundles; a SavedModel is written beside each. The
file gets, as JSON, by the name of each case in which an operation differs, how.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import polars as pl
from export.graph_cases import CASES
from export.numpy_graph import NumpyGraph

from turret.export.formats import export
from turret.export.tensorflow.graph import TensorFlowGraph
from turret.export.tensorflow.library import import_tensorflow
from turret.index import registry

TEXTS = [
    "The quick, brown FOX",
    "naïve café — ﬁne ½ Å ẞ",
    "日本語 text 한국어 각 각 ㈜",
    "👩‍🚀 ok ❤️🚀🚀",
    "ΟΔΟΣ Σ ΣΑΣ. İstanbul aΣ'b Σ\u0301 A\u0301Σ",
    "ক্ষুধা লেগেছে हिन्दी ไทย",
    "e\u0301\u0323 s\u0323\u0307 q\u0307\u0323 \u0301a a\u0315\u0300\u05ae\u0300b",
    "3.5kg, 10%\u00a0x²³",
    "",
    " \n-_-",
]


def search(index: object) -> list[list[str]]:
    queries = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    return index.search(queries, 5).ids.tolist()  # pyright: ignore[reportAttributeAccessIssue]


def differences() -> dict[str, str]:
    """The cases, and long lists of texts, in which the operations differ."""
    graph, tf, found = TensorFlowGraph(import_tensorflow()), import_tensorflow(), {}
    for name, (function, arrays) in CASES.items():
        with np.errstate(all="ignore"):
            want = function(NumpyGraph(), *arrays)
        values = function(graph, *(tf.constant(array.tolist(), _dtype(array)) for array in arrays))
        for value, other in zip(values, want, strict=True):
            # Where what is counted stands is left to the format.
            order = np.sort if name.startswith("counted") else np.asarray
            _compare(found, name, order(value.numpy()), order(other))
    texts = tf.constant(TEXTS)
    for sizes in ({"words": (1, 3), "characters": ()}, {"words": (2,), "characters": (1, 4)}):
        given = {**sizes, "buckets": 1 << 30}
        value = np.sort(graph.ngrams(texts, **given).numpy(), axis=1)
        other = np.sort(NumpyGraph().ngrams(np.array(TEXTS, object), **given), axis=1)
        _compare(found, f"n-grams {sizes}", value, other)
    columns = [TEXTS, TEXTS[::-1]]
    given = {"buckets": 1 << 30, "seed": 3}
    value = graph.hashed([tf.constant(column) for column in columns], **given).numpy()
    other = NumpyGraph().hashed([np.array(column, object) for column in columns], **given)
    _compare(found, "hashed", value, other)
    return found


def _dtype(array: np.ndarray) -> str:
    return "string" if array.dtype == object else array.dtype.name


def _compare(found: dict[str, str], name: str, value: np.ndarray, other: np.ndarray) -> None:
    if value.dtype == object:
        flat = [text.decode() for text in value.ravel().tolist()]
        value = np.array(flat, object).reshape(value.shape)
    try:
        assert value.dtype == other.dtype, (value.dtype, other.dtype)
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, other, rtol=1e-6, atol=1e-7)
        else:
            np.testing.assert_array_equal(value, other)
    except AssertionError as error:
        found[name] = str(error)


def main(output: Path, sources: list[str]) -> None:
    vectors = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    ids = pl.Series([str(row) for row in range(1000)]).to_list()
    index = registry.build("scann", ids=ids, vectors=vectors, leaves=10, leaves_to_search=10)
    before = search(index)
    for source in sources:
        export(source, f"{source}.saved-model", format="saved-model", k=7)
    found = differences()
    again = registry.build("scann", ids=ids, vectors=vectors, leaves=10, leaves_to_search=10)
    if not before == search(index) == search(again):
        found["ScaNN"] = "answers otherwise beside TensorFlow"
    output.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
