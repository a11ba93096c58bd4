"""Hashes of text that are the same everywhere: in every version, process and order of rows.

A span of bytes has the value of a polynomial modulo 2^64, at a fixed odd base, whose coefficients
are its bytes, each plus 1. Prefix sums give that of any span of a text in constant time, so that
all n-grams of a text cost one pass. `mixed` then spreads it over all 64 bits.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64, Shaped, UInt8, UInt64

__all__ = [
    "BASE",
    "MISSING",
    "STEP",
    "blocks",
    "bucket_rows",
    "combined",
    "joined_bytes",
    "mixed",
    "span_hashes",
    "text_hash",
    "text_hashes",
]

MISSING = np.uint64(0xA0761D6478BD642F)
"""The hash of what is missing, beside those of texts."""

BASE = 0x9E3779B97F4A7C15
"""The base of the polynomial."""

STEP = 0xD1B54A32D192ED03
"""Times a seed plus 1, it is what `mixed` adds first."""

_INVERSE = pow(BASE, -1, 2**64)
_BLOCK = 1 << 18


def text_hashes(texts: pl.Series) -> UInt64[np.ndarray, " n"]:
    """Hash each text of a column.

    Args:
        texts: `n` strings; a null has the hash of an empty one.

    Returns:
        Their hashes.

    Example:
        >>> text_hashes(pl.Series(["a", "b", "ab"]))[:2].tolist()
        [98, 99]
    """
    lengths = texts.str.len_bytes().fill_null(0).to_numpy().astype(np.int64)
    hashes = np.empty(len(texts), np.uint64)
    for start, stop in blocks(lengths, most=_BLOCK):
        data = joined_bytes(texts[start:stop])
        ends = np.cumsum(lengths[start:stop])
        hashes[start:stop] = span_hashes(data, ends - lengths[start:stop], ends)
    return hashes


def text_hash(text: str) -> int:
    """Hash one text, as `text_hashes` does, and spread it as `mixed` does with seed 0.

    Example:
        >>> text_hash("ab") == int(mixed(text_hashes(pl.Series(["ab"])), seed=0)[0])
        True
    """
    x = 0
    for byte in reversed(text.encode()):
        x = (x * BASE + byte + 1) % 2**64
    x = (x + STEP) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def blocks(sizes: Int64[np.ndarray, " n"], *, most: int) -> Iterator[tuple[int, int]]:
    """Cut rows into consecutive blocks.

    Args:
        sizes: The size of each row.
        most: Of the sum of the sizes in a block of more than one row.

    Yields:
        Where each block starts, and where it stops.

    Example:
        >>> list(blocks(np.array([3, 3, 9, 1]), most=6))
        [(0, 2), (2, 3), (3, 4)]
    """
    ends, start = np.cumsum(sizes), 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield start, stop
        start = stop


def joined_bytes(texts: pl.Series) -> UInt8[np.ndarray, " m"]:
    """All texts of a column behind each other in UTF-8; a null adds nothing."""
    return np.frombuffer(str(texts.str.join("")[0]).encode(), np.uint8)


def span_hashes(
    data: UInt8[np.ndarray, " m"],
    starts: Shaped[np.ndarray, " n"],
    ends: Shaped[np.ndarray, " n"],
) -> UInt64[np.ndarray, " n"]:
    """Hash spans of bytes.

    Args:
        data: Bytes.
        starts: Where each span starts.
        ends: Where it ends.

    Returns:
        Their hashes, which depend on the bytes inside the span alone.
    """
    powers, inverses = _powers(1 << max(len(data), 1).bit_length())
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data.astype(np.uint64) + np.uint64(1)) * powers[: len(data)], out=sums[1:])
    return (sums[ends] - sums[starts]) * inverses[starts]


def combined(
    first: UInt64[np.ndarray, " n"], second: UInt64[np.ndarray, " n"]
) -> UInt64[np.ndarray, " n"]:
    """One hash of two that stand in an order."""
    return mixed(first, seed=1) * np.uint64(3) + mixed(second, seed=2)


def mixed(hashes: UInt64[np.ndarray, " n"], *, seed: int) -> UInt64[np.ndarray, " n"]:
    """Spread hashes over all 64 bits, in another way for each seed.

    Reference:
        Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: the
        finalizer of SplitMix64.
    """
    # Not the base again: a text and one with a byte changed would meet in two seeds.
    x = hashes + np.uint64((seed + 1) * STEP % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def bucket_rows(
    hashes: UInt64[np.ndarray, " n"], *, buckets: int, seed: int
) -> Int32[np.ndarray, " n"]:
    """The row of each hash in a table of so many rows behind row 0: from 1 to `buckets`."""
    return (mixed(hashes, seed=seed) % np.uint64(buckets)).astype(np.int32) + np.int32(1)


@lru_cache(maxsize=2)
def _powers(n: int) -> tuple[UInt64[np.ndarray, " n"], UInt64[np.ndarray, " n"]]:
    """The first `n` powers of the base and of its inverse, modulo 2^64."""
    bases = (np.full(n, value, np.uint64) for value in (BASE, _INVERSE))
    first, second = (np.cumprod(base) for base in bases)
    one = np.ones(1, np.uint64)
    return np.concatenate([one, first[:-1]]), np.concatenate([one, second[:-1]])
