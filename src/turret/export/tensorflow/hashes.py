"""Hashes of text in TensorFlow, as those of `turret.data.hashing`.

The operations of TensorFlow on uint64 are those modulo 2^64 that the hashes are made of.
"""

from functools import reduce
from typing import Any

from turret.data.hashing import BASE, MISSING, STEP

__all__ = ["bucket_rows", "combined", "hashed", "mixed", "powers", "text_hashes"]

Tensor = Any  # the library has no types


def hashed(tf: Any, columns: list[Tensor], *, buckets: int, seed: int) -> Tensor:
    """The bucket of what texts say together; see `turret.export.graph.Graph.hashed`."""
    missing = tf.constant(int(MISSING), tf.uint64)
    hashes = [tf.where(texts == "", missing, text_hashes(tf, texts)) for texts in columns]
    whole = reduce(lambda one, other: combined(tf, one, other), hashes)
    return bucket_rows(tf, whole, buckets=buckets, seed=seed)


def text_hashes(tf: Any, texts: Tensor) -> Tensor:
    """The hash of each text, uint64 `[n]`: the polynomial of its bytes, each plus 1."""
    split = tf.strings.bytes_split(texts)
    owner = split.value_rowids()
    data = tf.reshape(tf.io.decode_raw(split.values, tf.uint8), [-1])
    place = tf.range(tf.size(data, tf.int64)) - tf.gather(split.row_starts(), owner)
    terms = (tf.cast(data, tf.uint64) + 1) * tf.gather(powers(tf, place), place)
    return tf.math.unsorted_segment_sum(terms, owner, tf.size(texts))


def powers(tf: Any, exponents: Tensor) -> Tensor:
    """The powers of the base from 0 to the largest of some exponents, uint64."""
    largest = tf.reduce_max(tf.concat([exponents, tf.zeros([1], exponents.dtype)], 0))
    base = tf.fill(tf.reshape(largest + 1, [1]), tf.constant(BASE, tf.uint64))
    return tf.math.cumprod(base, exclusive=True)


def combined(tf: Any, first: Tensor, second: Tensor) -> Tensor:
    """One hash of two that stand in an order."""
    return mixed(tf, first, seed=1) * 3 + mixed(tf, second, seed=2)


def mixed(tf: Any, hashes: Tensor, *, seed: int) -> Tensor:
    """Hashes spread over all 64 bits, in another way for each seed."""

    def shifted(x: Tensor, bits: int) -> Tensor:
        by = tf.constant(bits, tf.uint64)
        return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, by))

    x = hashes + tf.constant((seed + 1) * STEP % 2**64, tf.uint64)
    x = shifted(x, 30) * tf.constant(0xBF58476D1CE4E5B9, tf.uint64)
    x = shifted(x, 27) * tf.constant(0x94D049BB133111EB, tf.uint64)
    return shifted(x, 31)


def bucket_rows(tf: Any, hashes: Tensor, *, buckets: int, seed: int) -> Tensor:
    """The row of each hash in a table, int64 from 1 to `buckets`."""
    left = mixed(tf, hashes, seed=seed) % tf.constant(buckets, tf.uint64)
    return tf.cast(left, tf.int64) + 1
