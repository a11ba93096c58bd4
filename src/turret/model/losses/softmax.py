r"""The softmax family, each query and each candidate said once.

The in-batch softmax of the literature scores each of P pairs against the candidates of all P pairs,
a `P x P` matrix in which the same query and the same candidate stand many times. Said once, with Q
distinct queries and C distinct candidates of which candidate c stands n_c times, the same number is

    loss = sum_p w_p ( LSE_c( s[q(p), c] + log n_c ) - s[q(p), c(p)] ),     s = Q C^T / temperature

and the log-sum-exp of a query is computed once, however many pairs share it. `candidates="all"` is
the same formula with every candidate as a column and n_c = 1. The options act in this order:
temperature, logQ, removal of accidental hits and known positives, score mask, hard negatives.
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from turret.errors import ModelError
from turret.model.losses.hard_negatives import mine
from turret.model.losses.partition import Cells, PairTerms, log_partition_sum
from turret.model.losses.positives import log_sum_of_others
from turret.model.losses.reduction import weighted_mean
from turret.recipe.loss import Softmax

__all__ = ["Columns", "Pairs", "softmax_loss"]


class Pairs(NamedTuple):
    """The pairs of a batch.

    With `remove_accidental_hits` or `mask_known_positives` each pair of a query and a candidate
    stands once, with its weights summed, and the pairs of a query stand together.

    Attributes:
        query: Position of each pair's query, shape `[P]`.
        candidate: Position of each pair's column, shape `[P]`.
        weight: Weight of each pair, shape `[P]`; 0 marks padding, whose query is past the last.
    """

    query: Int32[Array, " p"]
    candidate: Int32[Array, " p"]
    weight: Float[Array, " p"]


class Columns(NamedTuple):
    """The columns of a batch beside their vectors.

    Attributes:
        entries: How often each candidate stands as a column, shape `[C]`; 0 marks padding.
        probability: Its probability of being drawn, shape `[C]`; None for no logQ correction.
    """

    entries: Float[Array, " c"]
    probability: Float[Array, " c"] | None = None


def softmax_loss(
    queries: Float[Array, "q *v d"],
    candidates: Float[Array, "c d"],
    *,
    pairs: Pairs,
    columns: Columns,
    config: Softmax,
    known: Cells | None = None,
    masked: Cells | None = None,
    temperature: Float[Array, ""] | float | None = None,
) -> Float[Array, ""]:
    """The softmax loss of a batch, reduced as the recipe says.

    Args:
        queries: Vectors of the distinct queries; half precision is computed in float32. With
            several vectors a query, shape `[Q, V, d]`, a score is the highest of its V products.
        candidates: Vectors of the distinct candidates.
        pairs: The pairs.
        columns: How often each candidate stands, and its probability.
        config: The options. Which columns there are is decided when a batch is made.
        known: Positives of the batch's queries for `mask_known_positives = "all"`.
        masked: A score mask: queries and columns that do not compete. It never removes a pair's own
            positive.
        temperature: Instead of the recipe's, for instance a learned one.

    Returns:
        A scalar: the sum over the pairs, or their mean, which divides by the sum of the weights
        and is 0 where that is.

    Example:
        >>> import jax.numpy as jnp
        >>> q, c = jnp.array([[1., 2, 3], [2, 3, 4]]), jnp.array([[1., 1, 1], [1, 1, 0]])
        >>> pairs = Pairs(jnp.arange(2), jnp.arange(2), jnp.ones(2))
        >>> loss = softmax_loss(q, c, pairs=pairs, columns=Columns(jnp.ones(2)),
        ...                     config=Softmax(reduction="sum"))
        >>> round(float(loss), 5)
        4.06674

    Reference:
        Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
        recommendations", RecSys 2019.
    """
    scale = config.temperature if temperature is None else temperature
    queries = queries.astype(jnp.float32) / scale
    candidates = candidates.astype(jnp.float32)
    bias = jnp.zeros_like(columns.entries)
    if columns.probability is not None:
        probability = columns.probability
        if config.logq_clip is not None:
            probability = jnp.clip(probability, *config.logq_clip)
        bias = -jnp.log(probability)
    if _every_column_competes(config, masked):
        total = _with_every_column(queries, candidates, bias, pairs, columns, config)
        return total if config.reduction == "sum" else weighted_mean(total, pairs.weight)
    high, low = _rounded(queries, config), _rounded(candidates, config)
    positive = _scores(high[pairs.query], low[pairs.candidate]) + bias[pairs.candidate]
    real = pairs.weight > 0
    if config.hard_negatives is None:
        partition = _all_columns(
            queries, candidates, bias, positive, pairs, columns, config, known, masked
        )
    else:
        partition = _hard_columns(
            queries, candidates, bias, positive, pairs, columns, config, known, masked
        )
    target = positive
    if config.label_smoothing:
        entries = columns.entries / jnp.sum(columns.entries)
        if queries.ndim == 3:
            raise ModelError(
                "label smoothing spreads over sums of scores, which a maximum is not",
                got=f"{queries.shape[1]} vectors a query",
                fix="Set loss.label_smoothing = 0.",
            )
        even = queries @ (entries @ candidates) + entries @ bias
        share = config.label_smoothing
        target = (1 - share) * positive + share * even[pairs.query]
    total = partition - jnp.sum(jnp.where(real, pairs.weight * target, 0.0))
    return total if config.reduction == "sum" else weighted_mean(total, pairs.weight)


def _dtype(config: Softmax) -> jnp.dtype:
    return jnp.dtype(config.precision)


def _scores(queries: Float[Array, "p *v d"], candidates: Float[Array, "p d"]) -> Float[Array, " p"]:
    """The score of each pair: the product, or the highest of several."""
    if queries.ndim == 2:
        return jnp.sum(queries * candidates, axis=1)
    return jnp.max(jnp.sum(queries * candidates[:, None], axis=2), axis=1)


def _rounded(vectors: Float[Array, "*n d"], config: Softmax) -> Float[Array, "*n d"]:
    """Vectors as the products see them, so that a positive scores the same in either place."""
    return vectors.astype(_dtype(config)).astype(jnp.float32)


def _removed(pairs: Pairs, config: Softmax, known: Cells | None) -> Cells | None:
    """The known positives of the batch's queries, which do not compete."""
    match config.mask_known_positives:
        case "batch":
            return Cells(pairs.query, pairs.candidate)
        case "all":
            return known
        case "none":
            return None


def _join(*cells: Cells | None) -> Cells | None:
    given = [one for one in cells if one is not None]
    if not given:
        return None
    return Cells(*(jnp.concatenate(parts) for parts in zip(*given, strict=True)))


def _every_column_competes(config: Softmax, masked: Cells | None) -> bool:
    """Whether the pairs of a query differ in nothing but their positive."""
    return (
        config.hard_negatives is None
        and not config.remove_accidental_hits
        and config.mask_known_positives == "none"
        and not config.label_smoothing
        and masked is None
    )


def _with_every_column(queries, candidates, bias, pairs, columns, config) -> Float[Array, ""]:
    """The summed cross-entropies: the positives' scores are among those of the partition."""
    multiplicity, highest = _multiplicity(columns, bias)
    terms = PairTerms(pairs.query, pairs.weight, candidate=pairs.candidate)
    total = log_partition_sum(
        queries, candidates, multiplicity, terms, None, config.chunk_size, _dtype(config)
    )
    apart = jnp.sum(pairs.weight * (highest - bias[pairs.candidate]))
    return cast(Array, total) + apart


def _multiplicity(
    columns: Columns, bias: Float[Array, " c"]
) -> tuple[Float[Array, " c"], Float[Array, ""]]:
    """`n exp(b - max b)` of each column and the highest bias, so that nothing overflows."""
    highest = jnp.max(bias)
    return columns.entries * jnp.exp(bias - highest), highest


def _all_columns(
    queries, candidates, bias, positive, pairs, columns, config, known, masked
) -> Float[Array, ""]:
    """The summed log partition functions over all columns that compete."""
    removed = _removed(pairs, config, known)
    own, cells = None, _join(removed, masked)
    if removed is not None:
        # Of the query's positives the pair competes with its own alone, which stands once. Those of
        # the batch need not be among the known ones that were given.
        cells = _join(cells, Cells(pairs.query, pairs.candidate))
        own = positive
    elif config.remove_accidental_hits:
        # Its other positives compete as often as they stand; they are few, so they are taken out of
        # the query's sum and come back, the pair's own once.
        cells = _join(cells, Cells(pairs.query, pairs.candidate))
        entries = positive + jnp.log(columns.entries[pairs.candidate])
        competes = (pairs.weight > 0) & ~_marked(pairs, masked, queries, candidates)
        entries = jnp.where(competes, entries, -jnp.inf)
        own = _logaddexp(positive, log_sum_of_others(entries, pairs.query))
    elif masked is not None:
        # A masked positive stays for its own pair.
        own = jnp.where(_marked(pairs, masked, queries, candidates), positive, -jnp.inf)
    multiplicity, highest = _multiplicity(columns, bias)
    terms = PairTerms(pairs.query, pairs.weight, own if own is None else own - highest)
    partition = log_partition_sum(
        queries, candidates, multiplicity, terms, cells, config.chunk_size, _dtype(config)
    )
    return cast(Array, partition) + highest * jnp.sum(pairs.weight)


def _hard_columns(
    queries, candidates, bias, positive, pairs, columns, config, known, masked
) -> Float[Array, ""]:
    """The summed log partition functions over each pair's own and its hardest negatives."""
    removed = _removed(pairs, config, known)
    chosen, entries = mine(
        jax.lax.stop_gradient(queries),
        jax.lax.stop_gradient(candidates),
        bias=bias,
        candidate_count=columns.entries,
        pair_query=pairs.query,
        pair_candidate=pairs.candidate,
        cells=_join(removed, masked),
        number=config.hard_negatives,
        own_copies=not config.remove_accidental_hits and removed is None,
        chunk_size=config.chunk_size,
    )
    scores = jnp.einsum("p...d,pkd->pk...", queries[pairs.query], candidates[chosen])
    scores = (jnp.max(scores, axis=2) if queries.ndim == 3 else scores) + bias[chosen]
    log_entries = jnp.where(entries > 0, jnp.log(jnp.maximum(entries, 1e-30)), -jnp.inf)
    together = jnp.concatenate([positive[:, None], scores + log_entries], axis=1)
    whole = jax.nn.logsumexp(together, axis=1)
    return jnp.sum(jnp.where(pairs.weight > 0, pairs.weight * whole, 0.0))


def _marked(pairs: Pairs, cells: Cells | None, queries, candidates) -> Bool[Array, " p"]:
    """Which pairs are among cells, found by sorting: no `Q x C` table is made."""
    if cells is None:
        return jnp.zeros(len(pairs.query), bool)
    width = len(candidates)
    if (len(queries) + 1) * width >= 2**31:
        raise ModelError(
            "a score mask reaches over too many scores",
            got=f"{len(queries)} queries x {width} columns",
            expected="fewer than 2**31",
            fix="Use a smaller batch.",
        )
    keys = jnp.sort(cells.query * width + cells.candidate)
    wanted = pairs.query * width + pairs.candidate
    place = jnp.minimum(jnp.searchsorted(keys, wanted), len(keys) - 1)
    return keys[place] == wanted


def _logaddexp(a: Float[Array, " p"], b: Float[Array, " p"]) -> Float[Array, " p"]:
    """The first is finite, so that the derivative is."""
    return a + jax.nn.softplus(b - a)
