"""The highest-scoring negatives of each pair, counted with multiplicity."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from turret.model.losses.partition import Cells

__all__ = ["Mined", "mine"]

Mined = tuple[Int32[Array, "p k"], Float[Array, "p k"]]
"""For each pair columns, and how often each of them counts."""


@partial(jax.jit, static_argnames=("number", "own_copies", "chunk_size"))
def mine(
    queries: Float[Array, "q *v d"],
    candidates: Float[Array, "c d"],
    *,
    bias: Float[Array, " c"],
    candidate_count: Float[Array, " c"],
    pair_query: Int32[Array, " p"],
    pair_candidate: Int32[Array, " p"],
    cells: Cells | None,
    number: int,
    own_copies: bool,
    chunk_size: int,
) -> Mined:
    """Fill `number` places for each pair with its highest-scoring negatives.

    In the form that repeats each column as often as it stands in the batch, a pair's negatives are
    all entries but its own positive, whose other copies count as negatives too unless they are
    removed. Here a column fills as many places as it has entries.

    Args:
        queries: Vectors of the distinct queries, one or several each.
        candidates: Vectors of the columns.
        bias: Added to each column's score.
        candidate_count: Entries of each column; 0 takes it out.
        pair_query: For each pair its query.
        pair_candidate: For each pair its column.
        cells: Scores that do not compete, other than through a pair's own positive.
        number: Places to fill.
        own_copies: Whether the other copies of a pair's own candidate compete.
        chunk_size: Query rows scored at once.

    Returns:
        For each pair the columns, highest first, and the places each of them fills.
    """
    total = len(candidates)
    kept = min(number + 1, total)
    q, *rest = queries.shape
    chunks = -(-q // chunk_size)
    size = -(-q // chunks)

    def highest(start):
        rows = jax.lax.dynamic_slice_in_dim(padded, start, size)
        scores = jnp.matmul(rows, candidates.T, preferred_element_type=jnp.float32)
        scores = (jnp.max(scores, axis=1) if rest[1:] else scores) + bias
        scores = jnp.where(candidate_count > 0, scores, -jnp.inf)
        if cells is not None:
            at = jnp.where(
                (cells.query >= start) & (cells.query < start + size), cells.query - start, size
            )
            scores = scores.at[at, cells.candidate].set(-jnp.inf, mode="drop")
        values, columns = jax.lax.top_k(scores, kept)
        return columns, jnp.isfinite(values)

    padded = jnp.pad(queries, ((0, chunks * size - q), *((0, 0) for _ in rest)))
    columns, real = jax.lax.map(highest, jnp.arange(chunks, dtype=jnp.int32) * size)
    columns, real = (x.reshape(-1, kept)[pair_query] for x in (columns, real))
    entries = jnp.where(real, candidate_count[columns], 0.0)
    own = columns == pair_candidate[:, None]
    entries = jnp.where(own, jnp.maximum(entries - 1, 0) if own_copies else 0.0, entries)
    before = jnp.cumsum(entries, axis=1) - entries
    return columns, jnp.clip(number - before, 0, entries)
