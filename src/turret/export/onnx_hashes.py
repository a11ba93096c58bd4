"""Hashes of text in an ONNX model: those of `turret.data.hashing`, to the bit.

ONNX has no operator from text to bytes. A text is cut into characters, each looked up as its code
point, and the rest is arithmetic of whole numbers.
"""

from collections.abc import Sequence
from functools import cache, reduce

import numpy as np

from turret.data.hashing import BASE, MISSING, STEP
from turret.export.onnx_builder import Builder
from turret.export.onnx_lines import (
    added_up,
    behind,
    length,
    line_of,
    summed,
    summed_before,
    taken,
)
from turret.export.onnx_value import OnnxValue, cast_to, choose

__all__ = [
    "as_signed",
    "as_unsigned",
    "bucket_value",
    "combined_value",
    "hashed",
    "in_bytes",
    "mixed_value",
    "power",
    "span_hashes",
]

_UNSIGNED = np.dtype(np.uint64)
_LOW = 4096


def hashed(nodes: Builder, columns: Sequence[OnnxValue], *, buckets: int, seed: int) -> OnnxValue:
    """The bucket of what texts say together; see `turret.export.graph.Graph.hashed`."""
    hashes = reduce(combined_value, [_text_hashes(nodes, column) for column in columns])
    return bucket_value(hashes, buckets=buckets, seed=seed)


def bucket_value(hashes: OnnxValue, *, buckets: int, seed: int) -> OnnxValue:
    """`turret.data.hashing.bucket_rows`, as int64."""
    return as_signed(mixed_value(hashes, seed=seed) % buckets) + 1


def _text_hashes(nodes: Builder, texts: OnnxValue) -> OnnxValue:
    """`turret.data.hashing.text_hashes`, with that of a missing text for the empty one."""
    line = line_of(nodes, texts)
    counts = added_up(line.owner, length(texts))
    ends = summed(counts)
    whole = span_hashes(line.codes, line.owner, starts=ends - counts, ends=ends)
    return choose(texts == "", nodes.constant(np.array(MISSING)), whole)


def span_hashes(
    codes: OnnxValue, span: OnnxValue, *, starts: OnnxValue, ends: OnnxValue
) -> OnnxValue:
    """The hash of each of some spans of a line, which follow each other.

    Args:
        codes: code points, int64 `[m]`.
        span: to which span each belongs.
        starts: where each span starts.
        ends: where it ends.

    Returns:
        uint64, one a span.
    """
    values, sizes = in_bytes(codes)
    none = codes.nodes.constant(np.array([0]))
    offsets = behind([none, summed(sizes)])
    inside = summed_before(sizes) - taken(taken(offsets, starts), span)
    # Not `ReduceSum`, which onnxruntime computes in float64.
    sums = behind([none, summed(as_signed(values * power(inside)))])
    return as_unsigned(taken(sums, ends) - taken(sums, starts))


def in_bytes(codes: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """The hash of each character by itself, and how many bytes it has in UTF-8.

    Args:
        codes: code points, int64.

    Returns:
        uint64, and int64.
    """
    code = as_unsigned(codes)
    last = (code % 64) + 0x81
    second = ((code >> 6) % 64) + 0x81
    third = ((code >> 12) % 64) + 0x81
    square, cube = BASE**2 % 2**64, BASE**3 % 2**64
    forms = [
        ((code >> 6) + 0xC1) + last * BASE,
        ((code >> 12) + 0xE1) + second * BASE + last * square,
        ((code >> 18) + 0xF1) + third * BASE + second * square + last * cube,
    ]
    value, size = code + 1, as_signed(codes >= 0)
    for form, least in zip(forms, (0x80, 0x800, 0x10000), strict=True):
        longer = codes >= least
        value = choose(longer, form, value)
        size = size + as_signed(longer)
    return value, size


def power(exponents: OnnxValue) -> OnnxValue:
    """The base of hashes to a power, modulo 2^64.

    Args:
        exponents: int64, at least 0 and below 2^24.

    Returns:
        uint64.
    """
    nodes = exponents.nodes
    low, high = (nodes.constant(array) for array in _powers())
    place = as_unsigned(exponents)
    first = nodes.add("Gather", [low, as_signed(place % _LOW)], _UNSIGNED)
    return first * nodes.add("Gather", [high, as_signed(place >> 12)], _UNSIGNED)


@cache
def _powers() -> tuple[np.ndarray, np.ndarray]:
    """The first 4096 powers of the base, and of its 4096th power."""
    low = [pow(BASE, exponent, 2**64) for exponent in range(_LOW)]
    high = [pow(BASE, _LOW * exponent, 2**64) for exponent in range(_LOW)]
    return np.array(low, np.uint64), np.array(high, np.uint64)


def mixed_value(hashes: OnnxValue, *, seed: int) -> OnnxValue:
    """`turret.data.hashing.mixed`."""
    x = hashes + (seed + 1) * STEP % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB
    return x ^ (x >> 31)


def combined_value(first: OnnxValue, second: OnnxValue) -> OnnxValue:
    """`turret.data.hashing.combined`."""
    return mixed_value(first, seed=1) * 3 + mixed_value(second, seed=2)


def as_unsigned(values: OnnxValue) -> OnnxValue:
    """The same 64 bits without a sign."""
    return cast_to(values, _UNSIGNED)


def as_signed(values: OnnxValue) -> OnnxValue:
    """The same 64 bits with a sign; 1 for true and 0 for false."""
    return cast_to(values, np.dtype(np.int64))
