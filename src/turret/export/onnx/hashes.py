"""Hashes of text in an ONNX model: those of `turret.data.hashing`, to the bit.

ONNX has no operator from text to bytes. A text is cut into characters, each looked up as its code
point, and the rest is arithmetic of whole numbers. A hash is kept as the int64 of the same bits:
sums and products are the same, and onnxruntime did not always have them for uint64.
"""

from collections.abc import Sequence
from functools import cache, reduce

import numpy as np

from turret.data.hashing import BASE, MISSING, STEP
from turret.export.onnx.builder import Builder
from turret.export.onnx.lines import (
    added_up,
    behind,
    length,
    line_of,
    summed,
    summed_before,
    taken,
)
from turret.export.onnx.value import OnnxValue, cast_to, choose

__all__ = [
    "as_numbers",
    "bucket_value",
    "combined_value",
    "hashed",
    "in_bytes",
    "mixed_value",
    "power",
    "span_hashes",
]

_UNSIGNED, _SIGNED = np.dtype(np.uint64), np.dtype(np.int64)
_LOW = 4096


def hashed(nodes: Builder, columns: Sequence[OnnxValue], *, buckets: int, seed: int) -> OnnxValue:
    """The bucket of what texts say together; see `turret.export.graph.Graph.hashed`."""
    hashes = reduce(combined_value, [_text_hashes(nodes, column) for column in columns])
    return bucket_value(hashes, buckets=buckets, seed=seed)


def bucket_value(hashes: OnnxValue, *, buckets: int, seed: int) -> OnnxValue:
    """`turret.data.hashing.bucket_rows`, as int64."""
    return cast_to(cast_to(mixed_value(hashes, seed=seed), _UNSIGNED) % buckets, _SIGNED) + 1


def _text_hashes(nodes: Builder, texts: OnnxValue) -> OnnxValue:
    """`turret.data.hashing.text_hashes`, with that of a missing text for the empty one."""
    line = line_of(nodes, texts)
    counts = added_up(line.owner, length(texts))
    ends = summed(counts)
    whole = span_hashes(line.codes, line.owner, starts=ends - counts, ends=ends)
    return choose(texts == "", nodes.constant(np.array(_signed(int(MISSING)))), whole)


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
        int64, one a span.
    """
    values, sizes = in_bytes(codes)
    none = codes.nodes.constant(np.array([0]))
    offsets = behind([none, summed(sizes)])
    inside = summed_before(sizes) - taken(taken(offsets, starts), span)
    # Not `ReduceSum`, which onnxruntime computes in float64.
    sums = behind([none, summed(values * power(inside))])
    return taken(sums, ends) - taken(sums, starts)


def in_bytes(codes: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """The hash of each character by itself, and how many bytes it has in UTF-8.

    Args:
        codes: code points, int64.

    Returns:
        Two of int64.
    """
    last, second, third = ((codes >> places) % 64 + 0x81 for places in (0, 6, 12))
    one, two, three = (_signed(BASE**exponent) for exponent in (1, 2, 3))
    forms = [
        (codes >> 6) + 0xC1 + last * one,
        (codes >> 12) + 0xE1 + second * one + last * two,
        (codes >> 18) + 0xF1 + third * one + second * two + last * three,
    ]
    value, size = codes + 1, as_numbers(codes >= 0)
    for form, least in zip(forms, (0x80, 0x800, 0x10000), strict=True):
        longer = codes >= least
        value = choose(longer, form, value)
        size = size + as_numbers(longer)
    return value, size


def power(exponents: OnnxValue) -> OnnxValue:
    """The base of hashes to a power, modulo 2^64.

    Args:
        exponents: int64, at least 0 and below 2^24.

    Returns:
        int64.
    """
    low, high = (exponents.nodes.constant(array) for array in _powers())
    return taken(low, exponents % _LOW) * taken(high, exponents >> 12)


@cache
def _powers() -> tuple[np.ndarray, np.ndarray]:
    """The first 4096 powers of the base, and of its 4096th power."""
    low = [pow(BASE, exponent, 2**64) for exponent in range(_LOW)]
    high = [pow(BASE, _LOW * exponent, 2**64) for exponent in range(_LOW)]
    return np.array(low, np.uint64).view(_SIGNED), np.array(high, np.uint64).view(_SIGNED)


def mixed_value(hashes: OnnxValue, *, seed: int) -> OnnxValue:
    """`turret.data.hashing.mixed`."""
    x = hashes + _signed((seed + 1) * STEP)
    x = (x ^ (x >> 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> 27)) * _signed(0x94D049BB133111EB)
    return x ^ (x >> 31)


def combined_value(first: OnnxValue, second: OnnxValue) -> OnnxValue:
    """`turret.data.hashing.combined`."""
    return mixed_value(first, seed=1) * 3 + mixed_value(second, seed=2)


def as_numbers(truths: OnnxValue) -> OnnxValue:
    """1 for true and 0 for false, int64."""
    return cast_to(truths, _SIGNED)


def _signed(number: int) -> int:
    """The number with a sign that has the last 64 bits of one without."""
    return (number + 2**63) % 2**64 - 2**63
