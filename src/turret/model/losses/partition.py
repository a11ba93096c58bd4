r"""Log partition functions of the queries of a batch, in one pass over chunks of query rows.

For each query q the log-sum-exp over the columns that are left to it,

    U_q = log sum_c m_c exp( Q_q . C_c ),

with the columns' multiplicities m_c, is computed once, however many pairs share it. A pair may add
columns of its own, already summed in R_p; its log partition function is then
log( exp U_q(p) + exp R_p ).

A pair may also have its own score taken off, so that what is left is the cross-entropy.

A chunk's scores suffice for its part of the loss, for the gradient of its own rows and for its
share of the candidates' gradient. So the forward pass computes all of them, keeps no `Q x C`
matrix, and the backward pass only scales.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

__all__ = ["Cells", "PairTerms", "log_partition_sum"]


class Cells(NamedTuple):
    """Query and column positions that take no part in U; None marks nothing.

    Attributes:
        query: Shape `[K]`; positions outside of the batch mark nothing.
        candidate: Shape `[K]`.
    """

    query: Int32[Array, " k"]
    candidate: Int32[Array, " k"]


class PairTerms(NamedTuple):
    """What each pair brings.

    Attributes:
        query: Position of its query, shape `[P]`.
        weight: Its weight, shape `[P]`; 0 marks padding.
        own: R, the log-sum-exp over columns of its own, shape `[P]`; None when it has none.
        candidate: Position of the column whose score is taken off, shape `[P]`; its multiplicity
            is above 0. None takes nothing off. Not together with `own` or with cells.
    """

    query: Int32[Array, " p"]
    weight: Float[Array, " p"]
    own: Float[Array, " p"] | None = None
    candidate: Int32[Array, " p"] | None = None


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def log_partition_sum(
    queries: Float[Array, "q *v d"],
    candidates: Float[Array, "c d"],
    multiplicity: Float[Array, " c"],
    pairs: PairTerms,
    cells: Cells | None,
    chunk_size: int,
    dtype: jnp.dtype,
) -> Float[Array, ""]:
    """The weighted sum of the pairs' log partition functions: `sum_p w_p log(exp U + exp R)`.

    Where pairs name a column, its score s is taken off: `sum_p w_p (U - s)`.

    Args:
        queries: Vectors of the distinct queries; with several a query, shape `[Q, V, d]`, the
            highest of its V scores counts.
        candidates: Vectors of the columns.
        multiplicity: m, how much each column counts, shape `[C]`; 0 takes a column out.
        pairs: What each pair brings. The gradient goes to `own`, not to `weight`.
        cells: Scores to leave out of U.
        chunk_size: At most so many query rows are scored at once; memory grows with
            `chunk_size * C`.
        dtype: Of the factors of the products; sums are kept in float32.

    Returns:
        A scalar.
    """
    candidates = _counting(candidates, multiplicity)

    def chunk(rows):
        start, vectors = rows
        scores, _ = _scores(vectors, candidates, multiplicity, cells, start, dtype)
        _, highest, partition = _exponentials(scores, multiplicity)
        at = _in_chunk(pairs.query, start, len(vectors))
        log_partition = (jnp.log(partition) + highest)[:, 0]
        return jnp.sum(_pair_values(log_partition, scores, at, pairs))

    return jnp.sum(jax.lax.map(chunk, _chunks(queries, chunk_size)))


def _forward(queries, candidates, multiplicity, pairs, cells, chunk_size, dtype):
    candidates = _counting(candidates, multiplicity)
    weighted = (multiplicity[:, None] * candidates).astype(dtype)

    def chunk(carry, rows):
        total, d_candidates, d_own = carry
        start, vectors = rows
        scores, winner = _scores(vectors, candidates, multiplicity, cells, start, dtype)
        exponentials, highest, partition = _exponentials(scores, multiplicity)
        at = _in_chunk(pairs.query, start, len(vectors))
        log_partition = (jnp.log(partition) + highest)[:, 0]
        total = total + jnp.sum(_pair_values(log_partition, scores, at, pairs))
        share, own_share = _pair_shares(log_partition, at, pairs)
        weight = jnp.zeros(len(vectors), jnp.float32).at[at].add(share, mode="drop")
        factor = jnp.where(partition > 0, weight[:, None] / partition, 0.0)
        exponentials = _without_positives(exponentials, factor[:, 0], multiplicity, at, pairs)
        # What belongs to a row or to a column is multiplied into the thin sides of the products,
        # and the candidates' gradient is carried transposed: the product `E.T @ Q` that it saves
        # runs at a third of the speed of the others.
        exponentials, factor = _by_vector(exponentials.astype(dtype), factor, winner)
        scaled = (vectors.reshape(-1, vectors.shape[-1]) * factor).astype(dtype)
        d_candidates = d_candidates + _product(scaled.T, exponentials)
        d_vectors = (_product(exponentials, weighted) * factor).reshape(vectors.shape)
        d_own = None if d_own is None else d_own + own_share
        return (total, d_candidates, d_own), d_vectors

    start = (
        jnp.zeros((), jnp.float32),
        jnp.zeros(candidates.T.shape, jnp.float32),
        None if pairs.own is None else jnp.zeros_like(pairs.own),
    )
    (total, d_candidates, d_own), d_queries = jax.lax.scan(
        chunk, start, _chunks(queries, chunk_size)
    )
    d_queries = d_queries.reshape(-1, *queries.shape[1:])[: len(queries)].astype(queries.dtype)
    d_candidates = (d_candidates * multiplicity).T.astype(candidates.dtype)
    return total, (d_queries, d_candidates, d_own)


def _backward(chunk_size, dtype, gradients, cotangent):
    d_queries, d_candidates, d_own = gradients
    own = None if d_own is None else cotangent * d_own
    pairs = PairTerms(query=None, weight=None, own=own)  # pyright: ignore[reportArgumentType] # no gradient
    scale = cotangent.astype(d_queries.dtype)
    return scale * d_queries, scale * d_candidates, None, pairs, None


log_partition_sum.defvjp(_forward, _backward)


def _product(a: Float[Array, "*n k"], b: Float[Array, "k m"]) -> Float[Array, "*n m"]:
    return jnp.matmul(a, b, preferred_element_type=jnp.float32)


def _chunks(
    queries: Float[Array, "q *v d"], chunk_size: int
) -> tuple[Int32[Array, " n"], Float[Array, "n chunk *v d"]]:
    """The queries in equal chunks of at most `chunk_size` rows, and where each chunk starts."""
    q, *rest = queries.shape
    number = -(-q // chunk_size)
    size = -(-q // number)
    padded = jnp.pad(queries, ((0, number * size - q), *((0, 0) for _ in rest)))
    return jnp.arange(number, dtype=jnp.int32) * size, padded.reshape(number, size, *rest)


def _counting(
    candidates: Float[Array, "c d"], multiplicity: Float[Array, " c"]
) -> Float[Array, "c d"]:
    """Columns that are taken out get the vector of one that counts.

    So a query's highest score is that of a column that counts, without a look at each score.
    """
    return jnp.where(multiplicity[:, None] > 0, candidates, candidates[jnp.argmax(multiplicity)])


def _scores(
    vectors, candidates, multiplicity, cells, start, dtype
) -> tuple[Float[Array, "chunk c"], Bool[Array, "chunk v c"] | None]:
    """The scores of a chunk, minus infinity for cells; with several vectors, which gave each."""
    scores, winner = _product(vectors.astype(dtype), candidates.T.astype(dtype)), None
    if scores.ndim == 3:
        best = jnp.argmax(scores, axis=1, keepdims=True)
        winner = jnp.arange(scores.shape[1])[:, None] == best
        scores = jnp.max(scores, axis=1)
    if cells is not None:
        at = _in_chunk(cells.query, start, len(vectors))
        # A column that is taken out has the vector of another one, which may be left out here.
        scores = jnp.where(multiplicity > 0, scores, -jnp.inf)
        scores = scores.at[at, cells.candidate].set(-jnp.inf, mode="drop")
    return scores, winner


def _exponentials(
    scores: Float[Array, "chunk c"], multiplicity: Float[Array, " c"]
) -> tuple[Float[Array, "chunk c"], Float[Array, "chunk 1"], Float[Array, "chunk 1"]]:
    """`exp(score - highest)`, the highest scores, and the sums of the exponentials."""
    highest = jnp.max(scores, axis=1, keepdims=True)
    # A query to which no column is left has a sum of zero, not NaN.
    highest = jnp.where(jnp.isfinite(highest), highest, 0.0)
    exponentials = jnp.exp(scores - highest)
    return exponentials, highest, (exponentials @ multiplicity)[:, None]


def _without_positives(
    exponentials: Float[Array, "chunk c"],
    factor: Float[Array, " chunk"],
    multiplicity: Float[Array, " c"],
    at: Int32[Array, " p"],
    pairs: PairTerms,
) -> Float[Array, "chunk c"]:
    """What the pairs' own scores take off, divided by the factors of its row and its column."""
    if pairs.candidate is None:
        return exponentials
    scale = factor.at[at].get(mode="clip") * multiplicity[pairs.candidate]
    share = jnp.where(pairs.weight > 0, -pairs.weight / jnp.where(scale > 0, scale, 1.0), 0.0)
    return exponentials.at[at, pairs.candidate].add(share, mode="drop")


def _by_vector(
    exponentials: Float[Array, "chunk c"],
    factor: Float[Array, "chunk 1"],
    winner: Bool[Array, "chunk v c"] | None,
) -> tuple[Float[Array, "rows c"], Float[Array, "rows 1"]]:
    """One row a vector: a score's share goes to the vector that gave it."""
    if winner is None:
        return exponentials, factor
    shares = jnp.where(winner, exponentials[:, None], 0).reshape(-1, exponentials.shape[1])
    return shares, jnp.repeat(factor, winner.shape[1], axis=0)


def _in_chunk(query: Int32[Array, " k"], start: Int32[Array, ""], size: int) -> Int32[Array, " k"]:
    """Positions relative to a chunk; `size`, which is out of bounds, for those outside of it."""
    position = query - start
    return jnp.where((position >= 0) & (position < size), position, size)


def _pair_values(
    log_partition: Float[Array, " chunk"],
    scores: Float[Array, "chunk c"],
    at: Int32[Array, " p"],
    pairs: PairTerms,
) -> Float[Array, " p"]:
    inside = at < len(log_partition)
    whole = log_partition.at[at].get(mode="clip")
    if pairs.own is not None:
        whole = jnp.logaddexp(whole, pairs.own)
    if pairs.candidate is not None:
        whole = whole - scores.at[at, pairs.candidate].get(mode="clip")
    return jnp.where(inside & (pairs.weight > 0), pairs.weight * whole, 0.0)


def _pair_shares(
    log_partition: Float[Array, " chunk"], at: Int32[Array, " p"], pairs: PairTerms
) -> tuple[Float[Array, " p"], Float[Array, " p"] | None]:
    """The derivatives of the pairs' values by U of their query, and by R."""
    inside = (at < len(log_partition)) & (pairs.weight > 0)
    weight = jnp.where(inside, pairs.weight, 0.0)
    if pairs.own is None:
        return weight, None
    above = log_partition.at[at].get(mode="clip") - pairs.own
    return weight * jax.nn.sigmoid(above), weight * jax.nn.sigmoid(-above)
