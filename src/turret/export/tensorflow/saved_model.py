"""The format `saved-model`: one TensorFlow SavedModel, from raw features to candidates.

It stands in the folder `1` of the export, as TensorFlow Serving wants the versions of a model, is
made of TensorFlow's own operations and needs nothing beside TensorFlow.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from turret.export.columns import Column, Kind
from turret.export.content import Content
from turret.export.signatures import Signatures
from turret.export.tensorflow.graph import TensorFlowGraph
from turret.export.tensorflow.library import import_tensorflow
from turret.index.scann_library import without_log_lines

__all__ = ["fill"]

Tensor = Any  # the library has no types
_VERSION = "1"


class _Input(NamedTuple):
    """An input: its name, its type and axes, and what it is where a caller does not say."""

    name: str
    dtype: str
    shape: list[int | None]
    default: Tensor


def fill(source: Path, directory: Path, *, k: int) -> None:
    """Write the SavedModel; see `turret.export.formats.Writer`."""
    content = Content.of(source)
    with without_log_lines():
        tf = import_tensorflow()
        model = _Model(tf, content, k=k)
        tf.saved_model.save(model.module, str(directory / _VERSION), signatures=model.signatures)


class _Model:
    """The functions of a SavedModel."""

    def __init__(self, tf: Any, content: Content, *, k: int) -> None:
        self._tf, self._graph = tf, TensorFlowGraph(tf)
        answers: Signatures[Any] = Signatures(content)
        queries, candidates = content.query.columns, content.candidate.columns
        ids = candidates[0]
        depth = _Input("k", "int64", [], tf.constant(k, tf.int64))
        excluded = _Input("exclude", "string", [None, None], tf.zeros([0, 0], tf.string))

        def embed_query(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return answers.embed_query(self._graph, _by_column(queries, given))

        def embed_candidate(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return answers.embed_candidate(self._graph, _by_column(candidates, given))

        def recommend(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
            vectors = functions["embed_query"](*(given[one.name] for one in of_query))["vectors"]
            return answers.search(self._graph, vectors, k=given["k"], exclude=given["exclude"])

        def similar(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return answers.similar(self._graph, given[ids.input], k=given["k"])

        of_query = [self._input(column) for column in queries]
        of_candidate = [self._input(column) for column in candidates]
        functions: dict[str, Any] = {}
        self.signatures: dict[str, Any] = {}
        for call, inputs in (
            (embed_query, of_query),
            (embed_candidate, of_candidate),
            (recommend, [*of_query, depth, excluded]),
            (similar, [self._input(ids), depth]),
        ):
            name = call.__name__
            functions[name] = self._function(call, inputs)
            # Saving traces a signature anew: of this one there is but the call.
            named = "serving_default" if name == "recommend" else name
            self.signatures[named] = self._traced(functions[name], inputs)
        self.module = tf.Module()
        held = tuple(self._graph.held)
        for name, function in functions.items():
            function.get_concrete_function()
            setattr(self.module, name, function)
        assert len(held) == len(self._graph.held)  # tracing finds everything made
        self.module.held = held

    def _input(self, column: Column) -> _Input:
        """The input of a column; without rows it is not given."""
        dtype, shape = _spelling(column.kind, column.width)
        sizes = [0 if size is None else size for size in shape]
        return _Input(column.input, dtype, shape, self._tf.zeros(sizes, dtype))

    def _function(
        self, call: Callable[[Mapping[str, Tensor]], dict[str, Tensor]], inputs: Sequence[_Input]
    ) -> Any:
        """A function of the inputs by name, each with its default."""
        names = [one.name for one in inputs]

        def function(*given: Tensor) -> dict[str, Tensor]:
            return call(dict(zip(names, given, strict=True)))

        # This makes the variables and tables, which a traced function must not.
        function(*(one.default for one in inputs))
        return self._traced(function, inputs)

    def _traced(self, call: Callable[..., dict[str, Tensor]], inputs: Sequence[_Input]) -> Any:
        """What TensorFlow traces: a function with the names and defaults of the inputs."""

        def function(*given: Tensor) -> dict[str, Tensor]:
            return call(*given)

        # The inputs are those of the bundle, so that no `def` can name them.
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(one.name, kind, default=one.default) for one in inputs]
        function.__signature__ = inspect.Signature(parameters)
        specs = [self._tf.TensorSpec(one.shape, one.dtype, one.name) for one in inputs]
        return self._tf.function(function, input_signature=specs, autograph=False)


def _by_column(columns: Sequence[Column], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {column.name: given[column.input] for column in columns}


def _spelling(kind: Kind, width: int | None) -> tuple[str, list[int | None]]:
    match kind:
        case "text":
            return "string", [None]
        case "number":
            return "float64", [None]
        case "texts":
            return "string", [None, None]
        case "numbers":
            return "float64", [None, None]
        case "vector":
            return "float32", [None, width]
