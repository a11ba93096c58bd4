"""The program that counts, on the device, which candidates come before the true ones."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float32, Int32, UInt8, UInt32

__all__ = ["CHUNK", "LANES", "RANKED", "TASK", "UNSEEN", "count_before"]

LANES = 8
"""True candidates of one query that are compared with each score at a time: a slot."""
TASK = 128
"""Slots that one step of the loop takes."""
CHUNK = 2048
"""The most candidates that one step of the inner loop takes: their scores stay in the cache, and a
count of them fits into 16 bits."""

RANKED, UNSEEN = 1, 2
"""Bits of a flag: the candidate takes part in the ranking; it does so when seen ones do not."""


@partial(jax.jit, static_argnames=("chunk", "by_row"))
def count_before(
    scores: Float32[Array, "rows columns"],
    flags: UInt8[Array, "some columns"],
    *,
    slot_query: Int32[Array, " room"],
    slot_candidates: Int32[Array, "room lanes"],
    num_slots: Int32[Array, ""],
    column: Int32[Array, " columns"],
    chunk: int,
    by_row: bool,
) -> tuple[Int32[Array, "views room lanes"], Int32[Array, " some"], Bool[Array, ""]]:
    """Counts, for each true candidate, the candidates that come before it: all, and the unseen.

    `column` counts the columns from 0: the compiled loop is faster when it need not. Returns also
    how many unseen candidates each row of flags has, and whether all the scores are finite.
    """
    keys = _order_keys(scores)
    task = min(len(slot_query), TASK)
    num_chunks = scores.shape[1] // chunk

    def part(matrix: Array, j: Array | int, rows: Array) -> Array:
        columns = lax.dynamic_slice_in_dim(matrix, j * chunk, chunk, axis=1)
        return columns[jnp.minimum(rows, len(matrix) - 1)]

    def one_task(i: Array, out: Array) -> Array:
        query = lax.dynamic_slice_in_dim(slot_query, i * task, task)
        truth = lax.dynamic_slice_in_dim(slot_candidates, i * task, task)
        own = keys[query[:, None], jnp.maximum(truth, 0)]

        def one_chunk(j: Array | int, counts: Array) -> Array:
            key, flag = part(keys, j, query), part(flags, j, query).astype(jnp.uint32)
            # Two counts in one number: ranked ones in the lower half, unseen ones in the upper.
            worth = (flag & RANKED) | ((flag & UNSEEN) << 15)
            row = lax.dynamic_slice_in_dim(column, j * chunk, chunk)
            packed = _sums_where(_before(key, own, row, truth, by_row=by_row), worth)
            return counts + jnp.stack([packed & 0xFFFF, packed >> 16]).astype(jnp.int32)

        counts = jnp.zeros((2, *truth.shape), jnp.int32)
        if num_chunks == 1:
            counts = one_chunk(0, counts)
        else:
            counts = lax.fori_loop(0, num_chunks, one_chunk, counts)
        return lax.dynamic_update_slice_in_dim(out, counts, i * task, axis=1)

    counts = jnp.zeros((2, *slot_candidates.shape), jnp.int32)
    counts = lax.fori_loop(0, -(-num_slots // task), one_task, counts)
    # The largest absolute value is NaN where any is, and one pass finds it fast.
    finite = jnp.max(jnp.abs(scores)) < jnp.inf
    return counts, jnp.sum((flags & UNSEEN) == UNSEEN, axis=1, dtype=jnp.int32), finite


def _order_keys(scores: Float32[Array, "rows columns"]) -> Int32[Array, "rows columns"]:
    """Whole numbers in the order of the scores: equal scores, -0.0 and 0.0 too, have equal ones."""
    bits = lax.bitcast_convert_type(jnp.where(scores == 0, 0.0, scores), jnp.int32)
    return jnp.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def _before(
    key: Int32[Array, "task chunk"],
    own: Int32[Array, "task lanes"],
    row: Int32[Array, " chunk"],
    truth: Int32[Array, "task lanes"],
    *,
    by_row: bool,
) -> list[Bool[Array, "task chunk"]]:
    """For each lane, whether a candidate comes before the true one."""
    lanes = [slice(lane, lane + 1) for lane in range(own.shape[1])]
    if not by_row:
        return [key > own[:, lane] for lane in lanes]
    # In the smaller rows an equal key suffices: there the bar is one lower.
    return [key > own[:, lane] - (row < truth[:, lane]) for lane in lanes]


def _sums_where(
    masks: list[Bool[Array, "task chunk"]], worth: UInt32[Array, "task chunk"]
) -> UInt32[Array, "task lanes"]:
    """Adds up, lane by lane, what the marked candidates are worth.

    One reduction with an operand for each lane: it reads every candidate once and keeps all sums in
    registers, four times as fast as one reduction over an array that has the lanes as a dimension.
    """
    zero = jnp.uint32(0)
    added = lax.reduce(
        [jnp.where(mask, worth, zero) for mask in masks],
        [zero] * len(masks),
        lambda left, right: [a + b for a, b in zip(left, right, strict=True)],
        (1,),
    )
    return jnp.stack(added, axis=1)
