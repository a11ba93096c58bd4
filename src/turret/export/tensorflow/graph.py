"""The operations of a graph in TensorFlow.

The library is passed in rather than imported here, so that this module costs nothing. Everything
that a model holds is made when a function is called the first time, which has to be outside of a
`tf.function`; calls that TensorFlow traces find it made.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import polars as pl

from turret.export.graph import Dtype
from turret.export.tensorflow.hashes import hashed
from turret.export.tensorflow.text import ngrams

__all__ = ["TensorFlowGraph"]

Tensor = Any  # the library has no types
_SMALL = 64
"""Arrays of so few numbers stand in the graph itself."""
_COMPARED = 1 << 20
"""Arrays of up to so many bytes are the same if they are equal, larger ones if they are one."""
# What has the property White_Space of Unicode.
_WHITE = r"[\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+"


class TensorFlowGraph:
    """The operations of `turret.export.graph.Graph`.

    Args:
        tf: the library `tensorflow`.

    Attributes:
        tf: the library.
        held: the variables and tables that the model keeps, for a `tf.Module` to track.
    """

    def __init__(self, tf: Any) -> None:
        """Begin with nothing kept."""
        self.tf = tf
        self.held: list[Any] = []
        # What it was made from is kept, too, lest another object take its identity.
        self._kept: dict[Hashable, tuple[object, Any]] = {}

    def constant(self, array: np.ndarray) -> Tensor:
        """An array that the model holds: a large one as a variable, outside of the graph's file."""
        if array.size <= _SMALL and array.dtype != np.int32:
            return self.tf.constant(array.tolist(), self._dtype(array), array.shape)
        key: Hashable = id(array)
        if array.dtype != object and array.nbytes <= _COMPARED:
            key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._kept:
            values = self.tf.constant(array, self._dtype(array))
            variable = self.tf.Variable(values, trainable=False, dtype=self._dtype(array))
            self.held.append(variable)
            self._kept[key] = (array, variable)
        return self._kept[key][1].value()

    def _dtype(self, array: np.ndarray) -> Any:
        return self.tf.string if array.dtype == object else self.tf.as_dtype(array.dtype)

    def lookup(self, texts: Tensor, ids: pl.Series) -> Tensor:
        """Where texts stand among ids."""
        if len(ids) == 0:
            # There are no tables of nothing.
            return self.tf.zeros(self.tf.shape(texts), self.tf.int64)
        if id(ids) not in self._kept:
            keys = self.tf.constant(ids.to_list(), self.tf.string, [len(ids)])
            values = self.tf.range(1, len(ids) + 1, dtype=self.tf.int64)
            content = self.tf.lookup.KeyValueTensorInitializer(keys, values)
            table = self.tf.lookup.StaticHashTable(content, 0)
            self.held.append(table)
            self._kept[id(ids)] = (ids, table)
        return self._kept[id(ids)][1].lookup(texts)

    def hashed(self, columns: Sequence[Tensor], *, buckets: int, seed: int) -> Tensor:
        """The bucket of what texts say together."""
        return hashed(self.tf, list(columns), buckets=buckets, seed=seed)

    def ngrams(
        self, texts: Tensor, *, words: Sequence[int], characters: Sequence[int], buckets: int
    ) -> Tensor:
        """The buckets of a text's n-grams."""
        return ngrams(self, texts, words=words, characters=characters, buckets=buckets)

    def split(self, texts: Tensor, separator: str) -> Tensor:
        """The parts of each text between separators."""
        parts = self.tf.strings.split(texts, separator).to_tensor("")
        for edge in (f"^{_WHITE}", f"{_WHITE}$"):
            parts = self.tf.strings.regex_replace(parts, edge, "")
        return parts

    def number(self, texts: Tensor) -> Tensor:
        """The number that each text says."""
        there = self.tf.where(texts == "", "nan", texts)
        return self.tf.strings.to_number(there, self.tf.float64)

    def size(self, columns: Sequence[Tensor]) -> Tensor:
        """The largest number of rows."""
        return self.tf.reduce_max(self.tf.stack([self._rows(values) for values in columns]))

    def given_or(self, given: Tensor, stored: Tensor) -> Tensor:
        """`given` where it has rows, else `stored`."""
        tf, rows, n = self.tf, self._rows(given), self._rows(stored)
        fits = (rows == 0) | (rows == n)
        tf.debugging.Assert(fits, ["The inputs differ in how many rows they have.", rows, n])
        # Without rows it has no width of its own.
        wide = tf.concat([[rows], tf.shape(stored, tf.int64)[1:]], 0)
        found = tf.concat([tf.reshape(given, wide), stored], 0)[:n]
        return tf.ensure_shape(found, [None, *stored.shape[1:]])

    def _rows(self, values: Tensor) -> Tensor:
        return self.tf.shape(values, self.tf.int64)[0]

    def gather(self, values: Tensor, places: Tensor, *, axis: int = 0) -> Tensor:
        """Entries of one axis; those of what is kept as int32 become int64."""
        found = self.tf.gather(values, places, axis=axis)
        return self.tf.cast(found, self.tf.int64) if found.dtype == self.tf.int32 else found

    def gather_each(self, values: Tensor, places: Tensor) -> Tensor:
        """For each row its own places."""
        return self.tf.gather(values, places, axis=1, batch_dims=1)

    def concat(self, values: Sequence[Tensor], *, axis: int) -> Tensor:
        """Values behind each other."""
        return self.tf.concat(list(values), axis)

    def reshape(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same numbers in another shape."""
        return self.tf.reshape(values, shape)

    def transpose(self, values: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The same numbers with the axes in another order."""
        return self.tf.transpose(values, axes)

    def where(self, condition: Tensor, one: Tensor, other: Tensor | float | int | str) -> Tensor:
        """`one` where the condition holds, else `other`."""
        return self.tf.where(condition, one, self.tf.cast(other, one.dtype))

    def cast(self, values: Tensor, dtype: Dtype) -> Tensor:
        """Numbers of another type."""
        return self.tf.cast(values, dtype)

    def zeros(self, rows: Tensor) -> Tensor:
        """Zeros, int64."""
        return self.tf.zeros(self.tf.reshape(rows, [1]), self.tf.int64)

    def padded(self, values: Tensor, columns: int) -> Tensor:
        """Numbers before columns of zeros."""
        return self.tf.pad(values, [[0, 0], [0, columns]])

    def abs(self, x: Tensor) -> Tensor:
        """The magnitude."""
        return self.tf.abs(x)

    def sign(self, x: Tensor) -> Tensor:
        """-1, 0 or 1."""
        return self.tf.sign(x)

    def floor(self, x: Tensor) -> Tensor:
        """The largest whole number that is not above."""
        return self.tf.floor(x)

    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        """Floats, moved into a range."""
        return self.tf.clip_by_value(x, low, high)

    def sqrt(self, x: Tensor) -> Tensor:
        """The root."""
        return self.tf.sqrt(x)

    def exp(self, x: Tensor) -> Tensor:
        """The exponential."""
        return self.tf.exp(x)

    def log(self, x: Tensor) -> Tensor:
        """The natural logarithm."""
        return self.tf.math.log(x)

    def sin(self, x: Tensor) -> Tensor:
        """The sine."""
        return self.tf.sin(x)

    def cos(self, x: Tensor) -> Tensor:
        """The cosine."""
        return self.tf.cos(x)

    def tanh(self, x: Tensor) -> Tensor:
        """The hyperbolic tangent."""
        return self.tf.tanh(x)

    def sigmoid(self, x: Tensor) -> Tensor:
        """The logistic function."""
        return self.tf.sigmoid(x)

    def sum(self, x: Tensor, *, axis: int, keepdims: bool = False) -> Tensor:
        """The sum along one axis."""
        return self.tf.reduce_sum(x, axis=axis, keepdims=keepdims)

    def cumsum(self, x: Tensor, *, axis: int) -> Tensor:
        """The sum of each entry and those before it."""
        return self.tf.cumsum(x, axis=axis)

    def softmax(self, x: Tensor) -> Tensor:
        """The softmax along the last axis."""
        return self.tf.nn.softmax(x)

    def top_k(self, x: Tensor, k: Tensor | int) -> tuple[Tensor, Tensor]:
        """The largest along the last axis, and their places."""
        found = self.tf.math.top_k(x, self.tf.cast(k, self.tf.int32))
        return found.values, self.tf.cast(found.indices, self.tf.int64)

    def counted(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The distinct positive numbers of each row, and how often each stands there."""
        tf = self.tf
        ascending = tf.sort(rows, axis=1)
        first = tf.ones_like(ascending[:, :1], tf.bool)
        first = tf.concat([first, ascending[:, 1:] != ascending[:, :-1]], 1) & (ascending > 0)
        # A number for each run of equal ones, in all rows together.
        run = tf.cumsum(tf.cast(first, tf.int64), axis=1)
        size = tf.shape(run, tf.int64)
        run += tf.range(size[0])[:, None] * (size[1] + 1)
        there = tf.cast(ascending > 0, tf.int64)
        times = tf.math.unsorted_segment_sum(there, run, size[0] * (size[1] + 1))
        return tf.where(first, ascending, 0), tf.where(first, tf.gather(times, run), 0)

    def marked(self, rows: Tensor, size: int) -> Tensor:
        """Which numbers stand in each row."""
        tf, shape = self.tf, self.tf.shape(rows, self.tf.int64)
        owner = tf.broadcast_to(tf.range(shape[0])[:, None], shape)
        places = tf.reshape(tf.stack([owner, rows], axis=2), [-1, 2])
        nothing = tf.zeros(tf.stack([shape[0], tf.constant(size + 1, tf.int64)]), tf.bool)
        there = tf.ones(tf.shape(places)[:1], tf.bool)
        return tf.tensor_scatter_nd_update(nothing, places, there)[:, 1:]
