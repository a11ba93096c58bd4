r"""Losses over a batch of distinct queries, distinct candidates and the pairs between them.

The in-batch softmax of the literature scores each of P pairs against the candidates of all P pairs,
a `P x P` matrix in which the same query and the same candidate stand many times. Said once, with Q
distinct queries and C distinct candidates of which candidate c occurs n_c times, the same number is

    loss = sum_p w_p ( LSE_c( s[q(p), c] + log n_c ) - s[q(p), c(p)] ),     s = Q C^T / temperature

and the log-sum-exp of a query is computed once, however many pairs share it. `candidates="all"` is
the same formula with every candidate as a column and n_c = 1.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from turret.recipe import Softmax

__all__ = ["softmax_loss"]


def softmax_loss(
    queries: Float[Array, "q d"],
    candidates: Float[Array, "c d"],
    *,
    pair_query: Int32[Array, " p"],
    pair_candidate: Int32[Array, " p"],
    pair_weight: Float[Array, " p"],
    candidate_count: Float[Array, " c"],
    config: Softmax,
    chunk_size: int = 512,
) -> Float[Array, ""]:
    """The softmax loss of a batch, reduced as the recipe says.

    Args:
        queries: Vectors of the distinct queries.
        candidates: Vectors of the distinct candidates.
        pair_query: For each pair the row of its query in `queries`.
        pair_candidate: For each pair the row of its candidate in `candidates`.
        pair_weight: Weight of each pair; 0 marks padding.
        candidate_count: How often each candidate stands as a column; 0 marks padding.
        config: Temperature and reduction: "sum" over pairs, or "mean", which divides by the sum of
            the weights.

        chunk_size: At most so many query rows are scored at once; memory grows with
            `chunk_size * C` and the result does not depend on it, rounding aside.

    Returns:
        A scalar.

    Example:
        >>> import jax.numpy as jnp
        >>> from turret.recipe import Softmax
        >>> q, c = jnp.array([[1., 2, 3], [2, 3, 4]]), jnp.array([[1., 1, 1], [1, 1, 0]])
        >>> rows, ones = jnp.arange(2), jnp.ones(2)
        >>> loss = softmax_loss(q, c, pair_query=rows, pair_candidate=rows, pair_weight=ones,
        ...                     candidate_count=ones, config=Softmax(reduction="sum"))
        >>> round(float(loss), 5)
        4.06674

    Reference:
        Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations",
        RecSys 2019.
    """
    total: Array = _loss_sum(
        queries / config.temperature,
        candidates,
        pair_query,
        pair_candidate,
        pair_weight,
        candidate_count,
        chunk_size,
    )
    return total if config.reduction == "sum" else total / jnp.sum(pair_weight)


@partial(jax.custom_vjp, nondiff_argnums=(6,))
def _loss_sum(
    queries: Float[Array, "q d"],
    candidates: Float[Array, "c d"],
    pair_query: Int32[Array, " p"],
    pair_candidate: Int32[Array, " p"],
    pair_weight: Float[Array, " p"],
    candidate_count: Float[Array, " c"],
    chunk_size: int,
) -> Float[Array, ""]:
    """The summed softmax loss, in one pass over chunks of query rows.

    A chunk's scores suffice for its part of the loss, for the gradient of its own rows and for its
    share of the candidates' gradient. So the forward pass computes all three, keeps no `Q x C`
    matrix, and the backward pass only scales. The gradient of `pair_weight` and `candidate_count`
    is not computed: they are constants of the batch.

    Args:
        queries: Vectors of the distinct queries, already divided by the temperature.
        candidates: Vectors of the distinct candidates.
        pair_query: For each pair the row of its query.
        pair_candidate: For each pair the row of its candidate.
        pair_weight: Weight of each pair; 0 marks padding.
        candidate_count: How often each candidate stands as a column; 0 marks padding.
        chunk_size: At most so many query rows are scored at once.

    Returns:
        A scalar.
    """
    chunk = partial(_chunk_value, candidates=candidates, log_count=_log_count(candidate_count))
    xs = _chunks(queries, pair_query, pair_weight, chunk_size)
    total = jnp.sum(jax.lax.map(chunk, xs))
    return total - jnp.sum(
        _positive_scores(queries, candidates, pair_query, pair_candidate) * pair_weight
    )


def _forward(
    queries, candidates, pair_query, pair_candidate, pair_weight, candidate_count, chunk_size
):
    chunk = partial(_chunk_gradient, candidates=candidates, log_count=_log_count(candidate_count))
    xs = _chunks(queries, pair_query, pair_weight, chunk_size)
    (total, d_candidates), d_queries = jax.lax.scan(
        chunk, (jnp.zeros((), queries.dtype), jnp.zeros_like(candidates.T)), xs
    )
    d_queries = d_queries.reshape(-1, queries.shape[1])[: queries.shape[0]]
    weight = pair_weight[:, None]
    query_rows, candidate_rows = queries[pair_query], candidates[pair_candidate] * weight
    total = total - jnp.sum(query_rows * candidate_rows)
    d_queries = d_queries.at[pair_query].add(-candidate_rows)
    d_candidates = d_candidates.T.at[pair_candidate].add(-query_rows * weight)
    return total, (d_queries, d_candidates)


def _backward(chunk_size, gradients, cotangent):
    d_queries, d_candidates = gradients
    return cotangent * d_queries, cotangent * d_candidates, None, None, None, None


_loss_sum.defvjp(_forward, _backward)


def _log_count(candidate_count: Float[Array, " c"]) -> Float[Array, " c"]:
    return jnp.where(candidate_count > 0, jnp.log(jnp.maximum(candidate_count, 1e-30)), -jnp.inf)


def _positive_scores(queries, candidates, pair_query, pair_candidate) -> Float[Array, " p"]:
    return jnp.sum(queries[pair_query] * candidates[pair_candidate], axis=1)


def _chunks(
    queries: Float[Array, "q d"],
    pair_query: Int32[Array, " p"],
    pair_weight: Float[Array, " p"],
    chunk_size: int,
) -> tuple[Float[Array, "n chunk d"], Float[Array, "n chunk"]]:
    """Cut the queries and their pairs' summed weights into chunks of at most `chunk_size` rows."""
    q, d = queries.shape
    number = -(-q // chunk_size)
    size = -(-q // number)
    weight = jnp.zeros(number * size, queries.dtype).at[pair_query].add(pair_weight)
    padded = jnp.pad(queries, ((0, number * size - q), (0, 0)))
    return padded.reshape(number, size, d), weight.reshape(number, size)


def _chunk_value(chunk, *, candidates, log_count) -> Float[Array, ""]:
    queries, weight = chunk
    return jnp.sum(weight * jax.nn.logsumexp(queries @ candidates.T + log_count, axis=1))


def _chunk_gradient(carry, chunk, *, candidates, log_count):
    # The gradient of a score is weight * exp(score - highest) / partition. The factor of the row is
    # multiplied into the thin sides of the two products, and the candidates' gradient is carried
    # transposed: the product `E.T @ Q` that it saves runs at a third of the speed of the others.
    total, d_candidates = carry
    queries, weight = chunk
    scores = queries @ candidates.T + log_count
    highest = jnp.max(scores, axis=1, keepdims=True)
    exponentials = jnp.exp(scores - highest)
    partition = jnp.sum(exponentials, axis=1, keepdims=True)
    total = total + jnp.sum(weight * (jnp.log(partition) + highest)[:, 0])
    factor = weight[:, None] / partition
    d_candidates = d_candidates + (queries * factor).T @ exponentials
    return (total, d_candidates), (exponentials @ candidates) * factor
