"""The operations of an exported model, as ONNX operators."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from turret.export.graph import Dtype
from turret.export.onnx.builder import Builder
from turret.export.onnx.hashes import hashed
from turret.export.onnx.lines import repeated
from turret.export.onnx.ngrams import ngrams
from turret.export.onnx.value import STRING, OnnxValue, cast_to, choose

__all__ = ["OnnxGraph"]

_INT64 = np.dtype(np.int64)

_BLANK = (
    r"\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}"
    r"\x{3000}"
)
"""White space, as Unicode has it and as encoders strip it."""


class OnnxGraph:
    """One ONNX model in the making; see `turret.export.graph.Graph` for what is not said here."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.nodes = Builder()

    def constant(self, array: np.ndarray) -> OnnxValue:
        """An array that the model holds; int32 as int64."""
        held = self.nodes.constant(array)
        return cast_to(held, _INT64) if array.dtype == np.int32 else held

    def lookup(self, texts: OnnxValue, ids: pl.Series) -> OnnxValue:
        """Where texts stand among distinct ids: 1 for the first, 0 for others."""
        return self.nodes.look_up(texts, ids, range(1, len(ids) + 1))

    def hashed(self, columns: Sequence[OnnxValue], *, buckets: int, seed: int) -> OnnxValue:
        """The bucket of what texts say together."""
        return hashed(self.nodes, columns, buckets=buckets, seed=seed)

    def ngrams(
        self, texts: OnnxValue, *, words: Sequence[int], characters: Sequence[int], buckets: int
    ) -> OnnxValue:
        """The buckets of a text's n-grams."""
        return ngrams(self.nodes, texts, words=words, characters=characters, buckets=buckets)

    def split(self, texts: OnnxValue, separator: str) -> OnnxValue:
        """The parts of each text between separators, without white space around them."""
        parts, _ = self.nodes.add_several(
            "StringSplit", [texts], [STRING, _INT64], delimiter=separator
        )
        # From the first to the last that is no white space. As wide as it is, one column, even
        # where nothing is left of any: for a word that is taken away again.
        word = self.constant(np.array(["x"], object))
        flat = self.concat([word, self.reshape(parts, (-1,))], axis=0)
        inner = f"(?s)[^{_BLANK}](?:.*[^{_BLANK}])?"
        stripped = self.nodes.add(
            "Tokenizer",
            [flat],
            STRING,
            domain="com.microsoft",
            tokenexp=inner,
            mark=0,
            mincharnum=1,
            pad_value="",
        )
        stripped = self._sliced(self.reshape(stripped, (-1,)), start=1)
        return self._reshaped(stripped, self._shape(parts))

    def number(self, texts: OnnxValue) -> OnnxValue:
        """The number that each text says; NaN for a missing text."""
        said = self.where(texts == "", self.constant(np.array("nan", object)), texts)
        return self.cast(said, "float64")

    def size(self, columns: Sequence[OnnxValue]) -> OnnxValue:
        """The largest number of rows."""
        return self.nodes.add("Max", [self._rows(column) for column in columns], _INT64)

    def given_or(self, given: OnnxValue, stored: OnnxValue) -> OnnxValue:
        """`given` where it has rows, else `stored`; another number of rows is refused."""
        n, none = self._rows(stored), self._rows(given) == 0
        rest = self.nodes.add("Shape", [given], _INT64, start=1)
        # A reshape fails, and says both shapes.
        shape = self.concat([self.reshape(n, (1,)), rest], axis=0)
        return self.nodes.either(none, stored, lambda: self._reshaped(given, shape))

    def gather(self, values: OnnxValue, places: OnnxValue, *, axis: int = 0) -> OnnxValue:
        """Entries of one axis."""
        return self.nodes.add("Gather", [values, places], values.dtype, axis=axis)

    def gather_each(self, values: OnnxValue, places: OnnxValue) -> OnnxValue:
        """For each row its own places."""
        places = self.nodes.add("Unsqueeze", [places, self._axes(2)], _INT64)
        return self.nodes.add("GatherND", [values, places], values.dtype, batch_dims=1)

    def concat(self, values: Sequence[OnnxValue], *, axis: int) -> OnnxValue:
        """Values behind each other."""
        return self.nodes.add("Concat", values, values[0].dtype, axis=axis)

    def reshape(self, values: OnnxValue, shape: tuple[int, ...]) -> OnnxValue:
        """The same numbers in another shape."""
        return self.nodes.add(
            "Reshape", [values, self.constant(np.array(shape, np.int64))], values.dtype
        )

    def transpose(self, values: OnnxValue, axes: tuple[int, ...]) -> OnnxValue:
        """The axes in another order."""
        return self.nodes.add("Transpose", [values], values.dtype, perm=axes)

    def where(
        self, condition: OnnxValue, one: OnnxValue, other: OnnxValue | float | int | str
    ) -> OnnxValue:
        """`one` where the condition holds, else `other`."""
        return choose(condition, one, one.like(other))

    def cast(self, values: OnnxValue, dtype: Dtype) -> OnnxValue:
        """Numbers of another type."""
        return cast_to(values, np.dtype(dtype))

    def zeros(self, rows: OnnxValue) -> OnnxValue:
        """Zeros."""
        return repeated(self.constant(np.array(0)), rows)

    def padded(self, values: OnnxValue, columns: int) -> OnnxValue:
        """Numbers before so many columns of zeros."""
        return self.nodes.add("Pad", [values, self._axes(0, 0, 0, columns)], values.dtype)

    def abs(self, x: OnnxValue) -> OnnxValue:
        """The magnitude."""
        return self._each("Abs", x)

    def sign(self, x: OnnxValue) -> OnnxValue:
        """-1, 0 or 1; NaN for NaN."""
        # onnxruntime gives 0 for NaN.
        return self.where(x == x, self._each("Sign", x), x)

    def floor(self, x: OnnxValue) -> OnnxValue:
        """The largest whole number that is not above."""
        return self._each("Floor", x)

    def clip(self, x: OnnxValue, low: float | int, high: float | int) -> OnnxValue:
        """Numbers moved into a range; NaN stays."""
        clipped = self.nodes.add("Clip", [x, x.like(low), x.like(high)], x.dtype)
        return self.where(x == x, clipped, x)

    def sqrt(self, x: OnnxValue) -> OnnxValue:
        """The root."""
        return self._each("Sqrt", x)

    def exp(self, x: OnnxValue) -> OnnxValue:
        """The exponential."""
        return self._each("Exp", x)

    def log(self, x: OnnxValue) -> OnnxValue:
        """The natural logarithm."""
        return self._each("Log", x)

    def sin(self, x: OnnxValue) -> OnnxValue:
        """The sine."""
        return self._each("Sin", x)

    def cos(self, x: OnnxValue) -> OnnxValue:
        """The cosine; not every onnxruntime has one of float64."""
        return self.sin(x + math.pi / 2)

    def tanh(self, x: OnnxValue) -> OnnxValue:
        """The hyperbolic tangent."""
        return self._each("Tanh", x)

    def sigmoid(self, x: OnnxValue) -> OnnxValue:
        """`1 / (1 + exp(-x))`."""
        return self._each("Sigmoid", x)

    def sum(self, x: OnnxValue, *, axis: int, keepdims: bool = False) -> OnnxValue:
        """The sum along one axis."""
        return self.nodes.add("ReduceSum", [x, self._axes(axis)], x.dtype, keepdims=int(keepdims))

    def cumsum(self, x: OnnxValue, *, axis: int) -> OnnxValue:
        """The sum of each entry and those before it."""
        return self.nodes.add("CumSum", [x, self.constant(np.array(axis, np.int64))], x.dtype)

    def softmax(self, x: OnnxValue) -> OnnxValue:
        """The softmax along the last axis."""
        return self.nodes.add("Softmax", [x], x.dtype, axis=-1)

    def top_k(self, x: OnnxValue, k: OnnxValue | int) -> tuple[OnnxValue, OnnxValue]:
        """The largest along the last axis, and their places."""
        number = self.constant(np.array(k, np.int64)) if isinstance(k, int) else k
        inputs = [x, self.reshape(number, (1,))]
        best, places = self.nodes.add_several("TopK", inputs, [x.dtype, _INT64])
        return best, places

    def counted(self, rows: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
        """The distinct positive numbers of each row, and how often each stands there."""
        width = self.nodes.add("Shape", [rows], _INT64, start=1)
        outputs = [_INT64, _INT64]
        sorted_ = self.nodes.add_several("TopK", [rows, width], outputs, largest=0)[0]
        # One more than the last before each. A number is counted in the column of its run.
        before = self.nodes.add("Pad", [sorted_, self._axes(0, 1, 0, 0)], _INT64)
        before = self._sliced(before, stop=width, axis=1)
        run = self.cumsum(self.cast(sorted_ > before, "int64"), axis=1)
        # The zeros are column 0, which is none's.
        none = self.padded(sorted_ - sorted_, 1)
        numbers = self.nodes.add("ScatterElements", [none, run, sorted_], _INT64, axis=1)
        ones = self.cast(sorted_ > 0, "int64")
        times = self.nodes.add(
            "ScatterElements", [none, run, ones], _INT64, axis=1, reduction="add"
        )
        return self._sliced(numbers, start=1, axis=1), self._sliced(times, start=1, axis=1)

    def marked(self, rows: OnnxValue, size: int) -> OnnxValue:
        """Which numbers from 1 to `size` stand in each row."""
        first = self.nodes.add("Shape", [rows], _INT64, end=1)
        shape = self.concat([first, self._axes(size + 1)], axis=0)
        none = self.nodes.add("Expand", [self.constant(np.zeros((), np.bool_)), shape], np.bool_)
        there = self.nodes.add("ScatterElements", [none, rows, rows == rows], np.bool_, axis=1)
        return self._sliced(there, start=1, axis=1)

    def _each(self, kind: str, x: OnnxValue) -> OnnxValue:
        return self.nodes.add(kind, [x], x.dtype)

    def _axes(self, *axes: int) -> OnnxValue:
        return self.constant(np.array(axes, np.int64))

    def _shape(self, x: OnnxValue) -> OnnxValue:
        return self.nodes.add("Shape", [x], _INT64)

    def _rows(self, x: OnnxValue) -> OnnxValue:
        return self.reshape(self.nodes.add("Shape", [x], _INT64, end=1), ())

    def _reshaped(self, x: OnnxValue, shape: OnnxValue) -> OnnxValue:
        return self.nodes.add("Reshape", [x, shape], x.dtype, allowzero=1)

    def _sliced(
        self, x: OnnxValue, *, start: int = 0, stop: OnnxValue | None = None, axis: int = 0
    ) -> OnnxValue:
        last = self._axes(np.iinfo(np.int64).max) if stop is None else stop
        inputs = [x, self._axes(start), last, self._axes(axis)]
        return self.nodes.add("Slice", inputs, x.dtype)
