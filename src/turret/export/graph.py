"""The operations that an exported model is made of.

What a feature, a body or a signature computes is written once, against `Graph` and `Value`. Each
format of models implements these two, and so all formats mean the same.

Everything has a first axis of `n` rows, one a query or a candidate, where nothing else is said; `n`
is not known when the graph is made, nor is `m`, the number of columns of what is padded. Numbers
are float32 (vectors), float64 (what encodes raw numbers) and int64 (rows, counts, places). A text
is UTF-8; the empty text stands for a missing one, and NaN for a missing number.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import polars as pl

__all__ = ["Dtype", "Graph", "Value"]

Dtype = Literal["float32", "float64", "int64"]
"""The types of numbers in a graph."""

V = TypeVar("V", bound="Value")


@runtime_checkable
class Value(Protocol):
    """A tensor of a graph: numbers, truth values or texts.

    Two values in one operation have the same dtype, and shapes that broadcast as in NumPy; a Python
    number takes the dtype of the value beside it. Comparisons give truth values, and with NaN they
    are false. `&`, `|` and `~` are for truth values. `/` is for floats; a division by 0 gives what
    IEEE 754 says. `==` compares texts, too, with a value or with a Python text.
    """

    def __add__(self: V, other: V | float) -> V:
        """Add."""
        ...

    def __sub__(self: V, other: V | float) -> V:
        """Subtract."""
        ...

    def __mul__(self: V, other: V | float) -> V:
        """Multiply."""
        ...

    def __truediv__(self: V, other: V | float) -> V:
        """Divide floats."""
        ...

    def __matmul__(self: V, other: V) -> V:
        """Multiply the matrices in the last two axes; axes before them broadcast."""
        ...

    # An object compares to a truth value; a tensor, as in NumPy, to a tensor of them.
    def __eq__(self: V, other: "V | float | str") -> V:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare numbers or texts."""
        ...

    def __lt__(self: V, other: V | float) -> V:
        """Compare numbers."""
        ...

    def __le__(self: V, other: V | float) -> V:
        """Compare numbers."""
        ...

    def __gt__(self: V, other: V | float) -> V:
        """Compare numbers."""
        ...

    def __ge__(self: V, other: V | float) -> V:
        """Compare numbers."""
        ...

    def __and__(self: V, other: V) -> V:
        """Both."""
        ...

    def __or__(self: V, other: V) -> V:
        """Either."""
        ...

    def __invert__(self: V) -> V:
        """Not."""
        ...


@runtime_checkable
class Graph(Protocol[V]):
    """The operations of one format."""

    def constant(self, array: np.ndarray) -> V:
        """An array that the model holds: float32, float64, int64, bool, or texts as `object`.

        The same array object, asked for again, is stored once. An int32 array is stored so, for the
        sake of its size, and is int64 in the graph.
        """
        ...

    # Texts.

    def lookup(self, texts: V, ids: pl.Series) -> V:
        """Where texts stand among distinct ids, int64 of the shape of `texts`.

        The id at position `i` gives `i + 1`; any other text, and a missing one, gives 0. The same
        series object, asked for again, is stored once.
        """
        ...

    def hashed(self, columns: Sequence[V], *, buckets: int, seed: int) -> V:
        """The bucket of what texts say together, int64 `[n]`, from 1 to `buckets`.

        It is `bucket_rows(reduce(combined, hashes), buckets=buckets, seed=seed)`, with the
        functions of `turret.data.hashing`, and as `hashes` those of `text_hashes` for each column
        `[n]`; a missing text has the hash `turret.data.hashing.MISSING`.
        """
        ...

    def ngrams(
        self, texts: V, *, words: Sequence[int], characters: Sequence[int], buckets: int
    ) -> V:
        """The buckets of a text's n-grams, int64 `[n, m]`, from 1 to `buckets`; 0 for no further.

        The n-grams of `turret.data.ngrams.text_ngrams(normalized(texts), ...)`, in any order and as
        often as they stand there, each as `bucket_rows(hash, buckets=buckets, seed=0)`.
        """
        ...

    def split(self, texts: V, separator: str) -> V:
        """The parts of each text `[n]` between separators, `[n, m]`; the empty text for no further.

        White space around a part goes: what has Unicode's property White_Space, as Polars takes it.
        """
        ...

    def number(self, texts: V) -> V:
        """The number that each text says, float64; NaN for a missing text."""
        ...

    # Rows that may not be given.

    def size(self, columns: Sequence[V]) -> V:
        """The largest number of rows of some values, an int64 scalar."""
        ...

    def given_or(self, given: V, stored: V) -> V:
        """`given` where it has rows, else `stored`, which has `n`.

        Both have as many axes; those behind the first are equally long, unless `given` has 0 rows.
        Where the format can refuse another number of rows when it runs, it does.
        """
        ...

    # Choosing, joining and shaping.

    def gather(self, values: V, places: V, *, axis: int = 0) -> V:
        """Entries of one axis, by int64 places of any shape, which takes the axis' place."""
        ...

    def gather_each(self, values: V, places: V) -> V:
        """For each row its own places: `values[i, places[i, j]]`, `[n, k]` or `[n, k, d]`."""
        ...

    def concat(self, values: Sequence[V], *, axis: int) -> V:
        """Values of one dtype behind each other."""
        ...

    def reshape(self, values: V, shape: tuple[int, ...]) -> V:
        """The same numbers in another shape; one -1 in it stands for what is left."""
        ...

    def transpose(self, values: V, axes: tuple[int, ...]) -> V:
        """The same numbers with the axes in another order, as in NumPy."""
        ...

    def where(self, condition: V, one: V, other: V | float | str) -> V:
        """`one` where the condition holds, else `other`; all three broadcast."""
        ...

    def cast(self, values: V, dtype: Dtype) -> V:
        """Numbers or truth values as numbers of another type; a float is cut towards 0."""
        ...

    def zeros(self, rows: V) -> V:
        """Zeros, int64 `[rows]`, with `rows` an int64 scalar."""
        ...

    def padded(self, values: V, columns: int) -> V:
        """Numbers `[n, m]` before so many columns of zeros, `[n, m + columns]`."""
        ...

    # Numbers, each by itself.

    def abs(self, x: V) -> V:
        """The magnitude of floats."""
        ...

    def sign(self, x: V) -> V:
        """-1, 0 or 1, as a float; NaN for NaN."""
        ...

    def floor(self, x: V) -> V:
        """The largest whole number that is not above, as a float."""
        ...

    def clip(self, x: V, low: float, high: float) -> V:
        """Floats, moved into a range."""
        ...

    def sqrt(self, x: V) -> V:
        """The root of floats."""
        ...

    def exp(self, x: V) -> V:
        """The exponential of floats."""
        ...

    def log(self, x: V) -> V:
        """The natural logarithm of floats."""
        ...

    def sin(self, x: V) -> V:
        """The sine of float64, in radians."""
        ...

    def cos(self, x: V) -> V:
        """The cosine of float64, in radians."""
        ...

    def tanh(self, x: V) -> V:
        """The hyperbolic tangent of floats."""
        ...

    def sigmoid(self, x: V) -> V:
        """`1 / (1 + exp(-x))` of floats."""
        ...

    # Numbers along an axis.

    def sum(self, x: V, *, axis: int, keepdims: bool = False) -> V:
        """The sum along one axis."""
        ...

    def cumsum(self, x: V, *, axis: int) -> V:
        """The sum of each entry and those before it, along one axis."""
        ...

    def softmax(self, x: V) -> V:
        """`exp(x) / sum(exp(x))` along the last axis, safe from overflow; -inf gives 0."""
        ...

    def top_k(self, x: V, k: "V | int") -> tuple[V, V]:
        """The `k` largest along the last axis, largest first, and their places (int64).

        Of equal numbers the one at the smaller place is first. `k`, a Python number or an int64
        scalar, is at most the length of the axis. For float32, float64 and int64.
        """
        ...

    def counted(self, rows: V) -> tuple[V, V]:
        """The distinct positive numbers of each row, ascending, and how often each stands there.

        Args:
            rows: int64 `[n, m]`; zeros are passed over.

        Returns:
            Two of the same shape, int64; zeros in both, behind the last or between the others, for
            what is none.
        """
        ...

    def marked(self, rows: V, size: int) -> V:
        """Which of the numbers from 1 to `size` stand in each row, bool `[n, size]`.

        Args:
            rows: int64 `[n, m]`, each from 0 to `size`; zeros are passed over, and `m` may be 0.
            size: how many numbers.
        """
        ...
