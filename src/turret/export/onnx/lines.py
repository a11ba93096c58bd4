"""Lines of numbers in an ONNX model: values of one axis, whose length is not known beforehand."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from turret.export.characters import REPLACEMENT, all_characters
from turret.export.onnx.value import STRING, Nodes, OnnxValue, choose

__all__ = [
    "Line",
    "added_up",
    "as_shape",
    "behind",
    "compressed",
    "consecutive",
    "length",
    "line_of",
    "placed",
    "repeated",
    "summed",
    "summed_before",
    "taken",
]

_INT64 = np.dtype(np.int64)


class Line(NamedTuple):
    """The characters of texts, behind each other.

    Attributes:
        codes: code points, int64 `[m]`.
        owner: to which text each belongs, ascending.
    """

    codes: OnnxValue
    owner: OnnxValue


def line_of(nodes: Nodes, texts: OnnxValue) -> Line:
    """The characters of texts `[n]`.

    A character of a plane that Unicode has given to nobody, or for private use, is U+FFFD.
    """
    # Where there is no text at all, onnxruntime gives a shape with an axis less.
    first = nodes.constant(np.array([""], object))
    apart = nodes.add(
        "Tokenizer",
        [behind([first, texts])],
        STRING,
        domain="com.microsoft",
        separators=[""],
        mark=0,
        mincharnum=1,
        pad_value="",
    )
    there = ~(apart == "")
    places = nodes.add("NonZero", [there], _INT64)
    row = taken(places, nodes.constant(np.array(0)))
    flat = nodes.constant(np.array([-1]))
    kept = nodes.add("Reshape", [there, flat], np.bool_)
    characters = compressed(nodes.add("Reshape", [apart, flat], STRING), kept)
    codes = nodes.look_up(characters, all_characters(), _numbers()) - 1
    return Line(choose(codes < 0, codes.like(REPLACEMENT), codes), row - 1)


@cache
def _numbers() -> list[int]:
    """The code point of every character, plus 1."""
    return [ord(one) + 1 for one in all_characters()]


def length(x: OnnxValue) -> OnnxValue:
    """How many numbers there are, an int64 scalar."""
    return x.nodes.add("Size", [x], _INT64)


def consecutive(number: OnnxValue) -> OnnxValue:
    """The numbers from 0 to below an int64 scalar."""
    zero, one = (number.nodes.constant(np.array(value)) for value in (0, 1))
    return number.nodes.add("Range", [zero, number, one], _INT64)


def taken(x: OnnxValue, places: OnnxValue) -> OnnxValue:
    """The numbers at places."""
    return x.nodes.add("Gather", [x, places], x.dtype)


def compressed(x: OnnxValue, kept: OnnxValue) -> OnnxValue:
    """The numbers that are kept."""
    return x.nodes.add("Compress", [x, kept], x.dtype, axis=0)


def behind(values: Sequence[OnnxValue]) -> OnnxValue:
    """Lines behind each other."""
    return values[0].nodes.add("Concat", values, values[0].dtype, axis=0)


def summed(x: OnnxValue) -> OnnxValue:
    """The sum of each number and those before it; int64, modulo 2^64."""
    return x.nodes.add("CumSum", [x, x.nodes.constant(np.array(0))], x.dtype)


def summed_before(x: OnnxValue) -> OnnxValue:
    """The sum of those before each number."""
    return x.nodes.add("CumSum", [x, x.nodes.constant(np.array(0))], x.dtype, exclusive=1)


def placed(x: OnnxValue, places: OnnxValue, values: OnnxValue) -> OnnxValue:
    """A line with other numbers at some places; of several at one place any stays."""
    return x.nodes.add("ScatterElements", [x, places, values], x.dtype, axis=0)


def added_up(owners: OnnxValue, number: OnnxValue) -> OnnxValue:
    """How often each of the numbers from 0 to below a scalar stands in a line, int64."""
    ones = owners - owners + 1
    inputs = [repeated(owners.like(0), number), owners, ones]
    return owners.nodes.add("ScatterElements", inputs, _INT64, axis=0, reduction="add")


def repeated(value: OnnxValue, number: OnnxValue) -> OnnxValue:
    """One number, as often as an int64 scalar says."""
    return value.nodes.add("Expand", [value, as_shape(number)], value.dtype)


def as_shape(number: OnnxValue) -> OnnxValue:
    """A scalar as a line of one number."""
    nodes = number.nodes
    return nodes.add("Reshape", [number, nodes.constant(np.array([1]))], number.dtype)
