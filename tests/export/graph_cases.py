"""What each operation of a graph does, as cases that every format is held to."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl

NAN, INF = math.nan, math.inf
IDS = pl.Series(["b", "a", "ö", "x y"])
FLOATS = np.array([[0.5, -1.5, 0.0], [2.0, NAN, -0.25]])
POSITIVE = np.array([0.25, 1.0, 9.0, 1e-3])
WHOLE = np.array([[3, -1, 0], [2, 3, 3]])
TEXTS = np.array(["a", "", "x y", "c", "ö"], dtype=object)
MATRIX = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 11


class Case(NamedTuple):
    """A function of a graph and values, and the arrays that it is called with.

    Attributes:
        function: gives a list of values.
        arrays: what it takes.
    """

    function: Callable[..., list[Any]]
    arrays: tuple[Any, ...]


def case(function: Callable[..., Any], *arrays: Any) -> Case:
    def listed(*given: Any) -> list[Any]:
        found = function(*given)
        return list(found) if isinstance(found, tuple) else [found]

    return Case(listed, arrays)


EACH = ["abs", "sign", "floor", "tanh", "sigmoid", "exp", "sin", "cos"]

CASES: dict[str, Case] = {
    "add": case(lambda g, x, y: (x + y, x + 2), WHOLE, WHOLE[:1]),
    "subtract": case(lambda g, x, y: (x - y, x - 0.5), FLOATS, FLOATS[:1]),
    "multiply": case(lambda g, x, y: (x * y, x * -1), WHOLE, WHOLE),
    "divide": case(lambda g, x, y: (x / y, x / 4.0), FLOATS, np.abs(FLOATS[:1]) + 1),
    "divide by 0": case(lambda g, x, y: x / y, POSITIVE, POSITIVE * 0),
    "matrices": case(lambda g, x, y: x @ y, MATRIX, MATRIX.transpose(0, 2, 1)),
    "matrices that broadcast": case(lambda g, x, y: x @ y, MATRIX, MATRIX[0].T),
    "equal": case(lambda g, x, y: (x == y, x == 3), WHOLE, WHOLE[:1]),
    "equal texts": case(lambda g, x, y: (x == y, x == "", x == "ö"), TEXTS, TEXTS[::-1]),
    "less": case(lambda g, x, y: (x < y, x <= y, x < 0, x <= 0), FLOATS, FLOATS[::-1]),
    "more": case(lambda g, x, y: (x > y, x >= y, x > 0, x >= 0), FLOATS, FLOATS[::-1]),
    "more whole numbers": case(lambda g, x: (x > 0, x >= 3, x < 3, x <= 0), WHOLE),
    "truth": case(lambda g, x: ((x > 0) & (x < 3), (x > 2) | (x < 0), ~(x > 0)), WHOLE),
    "constants": case(
        lambda g, x: tuple(
            g.gather(g.constant(array), x)
            for array in (
                np.array([1, 2, 3], np.int32),
                np.array([1, 2, 3]),
                np.array([1, 2, 3], np.float32),
                np.array([1.0, NAN, INF]),
                np.array([True, False, True]),
                np.array(["", "ö", "c"], object),
            )
        ),
        np.array([2, 0, 1, 1]),
    ),
    "lookup": case(lambda g, x: (g.lookup(x, IDS), g.lookup(x, IDS.head(0))), TEXTS),
    "lookup in lists": case(
        lambda g, x: g.lookup(x, IDS), np.array([["a", ""], ["b", "q"]], object)
    ),
    "lookup of what was looked up": case(
        lambda g, x: g.lookup(
            g.gather(g.constant(np.array(["q", "a", "b", "ö", ""], object)), g.lookup(x, IDS)), IDS
        ),
        TEXTS,
    ),
    "split": case(
        lambda g, x: g.split(x, "|"),
        np.array(["a| b\u3000|", "", "||", "c d | e\u00a0\n", " "], object),
    ),
    "split by several": case(lambda g, x: g.split(x, ", "), np.array(["a, b,c", "d"], object)),
    "split nothing": case(
        lambda g, x: g.sum(g.lookup(g.split(x, "|"), IDS), axis=1), np.array(["", ""], object)
    ),
    "split no rows": case(lambda g, x: g.split(x, "|"), np.array([], object)),
    "number": case(lambda g, x: g.number(x), np.array(["1", "", "-2.5e3", "0.1"], object)),
    "size": case(lambda g, x, y: g.zeros(g.size([x, y])), TEXTS, FLOATS[:0]),
    "given or": case(lambda g, x, y: g.given_or(x, y), FLOATS, FLOATS + 1),
    "not given": case(lambda g, x, y: g.given_or(x, y), np.empty((0, 0)), FLOATS),
    "texts not given": case(lambda g, x, y: g.given_or(x, y), TEXTS[:0], TEXTS),
    "gather": case(lambda g, x, y: g.gather(x, y), FLOATS, np.array([[1, 0], [0, 0]])),
    "gather columns": case(lambda g, x, y: g.gather(x, y, axis=1), FLOATS, np.array([2, 0])),
    "gather each": case(lambda g, x, y: g.gather_each(x, y), WHOLE, np.array([[2, 2], [0, 1]])),
    "gather vectors": case(lambda g, x, y: g.gather_each(x, y), MATRIX, np.array([[2], [0]])),
    "concat": case(
        lambda g, x, y: (g.concat([x, y], axis=0), g.concat([x, y, x], axis=1)), WHOLE, WHOLE
    ),
    "reshape": case(lambda g, x: (g.reshape(x, (-1, 4)), g.reshape(x, (-1, 1, 12))), MATRIX),
    "transpose": case(lambda g, x: g.transpose(x, (2, 0, 1)), MATRIX),
    "where": case(
        lambda g, x, y: (g.where(x > 0, x, y), g.where(x > 0, x, -INF), g.where(x == 2, x, NAN)),
        FLOATS,
        FLOATS[:1],
    ),
    "where texts": case(lambda g, x: g.where(x == "a", x, "other"), TEXTS),
    "where truths": case(lambda g, x: g.where(x > 0, x > 2, x < 0), WHOLE),
    "cast": case(
        lambda g, x: (g.cast(x, "float32"), g.cast(x * x, "int64"), g.cast(x > 0, "float64")),
        np.array([1.5, -2.5, 0.0]),
    ),
    "padded": case(lambda g, x, y: (g.padded(x, 2), g.padded(y, 1)), FLOATS, WHOLE),
    "clip": case(lambda g, x: g.clip(x, -1.0, 1.0), FLOATS),
    "root and logarithm": case(lambda g, x: (g.sqrt(x), g.log(x)), POSITIVE),
    **{name: case(lambda g, x, name=name: getattr(g, name)(x), FLOATS) for name in EACH},
    "float32": case(
        lambda g, x: (g.exp(x), g.tanh(x), g.sigmoid(x), g.sqrt(x * x), g.abs(x)), MATRIX
    ),
    "sum": case(
        lambda g, x: (g.sum(x, axis=1), g.sum(x, axis=2, keepdims=True), g.sum(x, axis=-1)), MATRIX
    ),
    "sum of whole numbers": case(lambda g, x: g.sum(x, axis=1), WHOLE),
    "cumsum": case(lambda g, x: g.cumsum(x, axis=1), WHOLE),
    "cumsum of floats": case(lambda g, x: g.cumsum(x, axis=1), MATRIX[0].astype(np.float64)),
    "softmax": case(
        lambda g, x: g.softmax(x), np.array([[1, 2, -INF], [1000, 1000, 0], [-5, 3, 3]], np.float32)
    ),
    "top k": case(
        lambda g, x: (*g.top_k(x, 2), *g.top_k(x, 3)),
        np.array([[1, 3, 3, 2], [0, 0, 0, -1]], np.float32),
    ),
    "top k of whole numbers": case(lambda g, x: g.top_k(x, 3), WHOLE),
    "top k by a value": case(lambda g, x, k: g.top_k(x, k), FLOATS[:1], np.array(2)),
    "counted": case(
        lambda g, x: g.counted(x), np.array([[3, 0, 3, 9, 0], [0] * 5, [5, 1, 1, 1, 2]])
    ),
    "counted nothing": case(lambda g, x: g.counted(x), np.empty((2, 0), np.int64)),
    "marked": case(lambda g, x: g.marked(x, 4), np.array([[1, 0, 4], [0, 0, 0], [2, 2, 3]])),
    "marked nothing": case(lambda g, x: g.marked(x, 4), np.empty((2, 0), np.int64)),
}
