"""Bundles as ONNX models.

`recommend.onnx` answers queries from raw ids and features. It is also there in two pieces,
`query.onnx` and `search.onnx`; `candidate.onnx` embeds candidates, and `similar.onnx` finds those
like others. Each is one file that onnxruntime opens by itself, with no operators to register.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx

from turret.export.columns import Kind
from turret.export.content import Content, Side
from turret.export.onnx.graph import OnnxGraph
from turret.export.onnx.value import STRING, OnnxValue
from turret.export.signatures import Signatures

__all__ = ["MODELS", "fill", "models"]

_LARGEST = 1 << 30
"""So many bytes of constants are kept in the file of a model; more stand in one beside it."""

_DTYPES: Mapping[Kind, np.dtype] = {
    "text": STRING,
    "texts": STRING,
    "number": np.dtype(np.float64),
    "numbers": np.dtype(np.float64),
    "vector": np.dtype(np.float32),
}

_Named = Mapping[str, OnnxValue]


class _Models:
    """The models of a bundle: each method adds inputs to a graph, and gives what it answers.

    Args:
        content: the bundle.
        k: how many answers there are where a caller does not say.
    """

    def __init__(self, content: Content, *, k: int) -> None:
        self._content, self._k = content, k
        self._signatures = Signatures[OnnxValue](content)

    def query(self, graph: OnnxGraph) -> _Named:
        return self._signatures.embed_query(graph, _columns(graph, self._content.query))

    def candidate(self, graph: OnnxGraph) -> _Named:
        return self._signatures.embed_candidate(graph, _columns(graph, self._content.candidate))

    def search(self, graph: OnnxGraph) -> _Named:
        dim = self._content.bundle.config.width
        vectors = graph.nodes.input("vectors", np.dtype(np.float32), ["n", dim])
        return self._signatures.search(graph, vectors, k=self._count(graph), exclude=_none(graph))

    def recommend(self, graph: OnnxGraph) -> _Named:
        given, k = _columns(graph, self._content.query), self._count(graph)
        return self._signatures.recommend(graph, given, k=k, exclude=_none(graph))

    def similar(self, graph: OnnxGraph) -> _Named:
        found = self._signatures.similar(
            graph, graph.nodes.input("candidate_ids", STRING, ["n"]), k=self._count(graph)
        )
        return found

    def _count(self, graph: OnnxGraph) -> OnnxValue:
        return graph.nodes.input("k", np.dtype(np.int64), [], default=np.array(self._k))


MODELS: Mapping[str, str] = MappingProxyType(
    {
        "recommend": "The best candidates of queries.",
        "query": "Queries to vectors, which search.onnx takes.",
        "search": "The best candidates of the vectors of queries.",
        "candidate": "Candidates to vectors.",
        "similar": "The candidates most like others.",
    }
)
"""What each model does, by the name of its file without `.onnx`."""


def models(content: Content, *, k: int) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Make the models of a bundle.

    Args:
        content: the bundle.
        k: how many answers there are where a caller does not say.

    Yields:
        The name and the model of each of `MODELS`.
    """
    made = _Models(content, k=k)
    makers = (made.recommend, made.query, made.search, made.candidate, made.similar)
    for (name, doc), make in zip(MODELS.items(), makers, strict=True):
        graph = OnnxGraph()
        for called, value in make(graph).items():
            shape = ["n", "d"] if called == "vectors" else ["n", "k"]
            shape = ["n"] if called in ("counts", "fallback") else shape
            graph.nodes.output(value, graph.nodes.free(called), shape)
        yield name, graph.nodes.model(f"turret_{name}", doc=doc, metadata=_metadata(content))


def fill(source: Path, directory: Path, *, k: int) -> None:
    """Write the models of a bundle, each checked by ONNX' own checker; see `formats.Writer`."""
    for name, model in models(Content.of(source), k=k):
        path = directory / f"{name}.onnx"
        size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
        beside = {"save_as_external_data": True, "location": f"{path.name}.data"}
        onnx.save_model(model, path, **(beside if size > _LARGEST else {}))
        onnx.checker.check_model(path, full_check=True)


def _columns(graph: OnnxGraph, side: Side) -> dict[str, OnnxValue]:
    """The inputs of a side; each may be left out."""
    found: dict[str, OnnxValue] = {}
    for column in side.columns:
        dtype = _DTYPES[column.kind]
        # Axes of their own: what is left out has no rows.
        rows, width = f"{column.input}_rows", column.width or f"{column.input}_length"
        shape = [rows] if column.kind in ("text", "number") else [rows, width]
        nothing = np.empty([0 if isinstance(axis, str) else axis for axis in shape], dtype)
        found[column.name] = graph.nodes.input(column.input, dtype, shape, default=nothing)
    return found


def _none(graph: OnnxGraph) -> OnnxValue:
    """The input that excludes nothing unless it is given."""
    nothing = np.empty((0, 0), STRING)
    return graph.nodes.input("exclude", STRING, ["exclude_rows", "exclude_length"], default=nothing)


def _metadata(content: Content) -> dict[str, str]:
    """What a model says of where it is from."""
    provenance = content.bundle.provenance
    return {name: str(provenance[name]) for name in ("created", "data_fingerprint", "seed")}
