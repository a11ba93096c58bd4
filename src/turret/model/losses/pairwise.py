"""Pairwise losses: each pair's score against those of sampled negatives."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from turret.model.losses.reduction import weighted_mean
from turret.model.losses.softmax import Pairs
from turret.recipe.loss import BPR, WARP

__all__ = ["bpr_loss", "warp_loss"]


def bpr_loss(
    queries: Float[Array, "q d"],
    candidates: Float[Array, "c d"],
    *,
    pairs: Pairs,
    negatives: Int32[Array, "p n"],
    negative_weight: Float[Array, "p n"],
    config: BPR,
) -> Float[Array, ""]:
    r"""Bayesian personalised ranking over sampled negatives.

        loss = sum_p w_p mean_n softplus( s[q(p), n] - s[q(p), c(p)] )

    Args:
        queries: Vectors of the distinct queries.
        candidates: Vectors of the columns.
        pairs: The pairs.
        negatives: For each pair the columns of its negatives.
        negative_weight: 1 for a negative, 0 for none; a pair without one counts nothing.
        config: The reduction: the sum over pairs, or their mean, which divides by the sum of the
            weights.

    Returns:
        A scalar.

    Reference:
        Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.
    """
    above = _differences(queries, candidates, pairs, negatives)
    number = jnp.maximum(jnp.sum(negative_weight, axis=1), 1.0)
    each = jnp.sum(negative_weight * jax.nn.softplus(-above), axis=1) / number
    return _reduced(each, pairs, config.reduction)


def warp_loss(
    queries: Float[Array, "q d"],
    candidates: Float[Array, "c d"],
    *,
    pairs: Pairs,
    negatives: Int32[Array, "p n"],
    negative_weight: Float[Array, "p n"],
    catalogue_size: Float[Array, ""],
    config: WARP,
) -> Float[Array, ""]:
    r"""A hinge loss weighted by the estimated rank of each positive.

    Of N sampled negatives those that come within the margin violate the order, and their share
    estimates the positive's rank among all M candidates:

        v_n = max(0, margin - s[q(p), c(p)] + s[q(p), n]),   V = #{ n : v_n > 0 },
        loss = sum_p w_p log(1 + V / N (M - 1)) * (sum_n v_n) / V

    The original draws negatives one after another until one violates; with a fixed sample the
    estimate has a smaller variance and no loop. The rank is a weight: no gradient goes through it.

    Args:
        queries: Vectors of the distinct queries.
        candidates: Vectors of the columns.
        pairs: The pairs.
        negatives: For each pair the columns of its negatives.
        negative_weight: 1 for a negative, 0 for none.
        catalogue_size: M, how many candidates negatives are sampled from.
        config: Margin and reduction.

    Returns:
        A scalar.

    Reference:
        Weston, Bengio and Usunier, "WSABIE: scaling up to large vocabulary image annotation",
        IJCAI 2011.
    """
    above = _differences(queries, candidates, pairs, negatives)
    violation = negative_weight * jnp.maximum(config.margin - above, 0.0)
    violations = jnp.sum(violation > 0, axis=1)
    number = jnp.maximum(jnp.sum(negative_weight, axis=1), 1.0)
    weight = jnp.log1p(violations / number * (catalogue_size - 1))
    each = weight * jnp.sum(violation, axis=1) / jnp.maximum(violations, 1)
    return _reduced(each, pairs, config.reduction)


def _differences(queries, candidates, pairs: Pairs, negatives) -> Float[Array, "p n"]:
    """How far each positive stands above each of its negatives."""
    asked = queries.astype(jnp.float32)[pairs.query]
    vectors = candidates.astype(jnp.float32)
    positive = jnp.sum(asked * vectors[pairs.candidate], axis=1, keepdims=True)
    return positive - jnp.einsum("pd,pnd->pn", asked, vectors[negatives])


def _reduced(each: Float[Array, " p"], pairs: Pairs, reduction: str) -> Float[Array, ""]:
    total = jnp.sum(pairs.weight * each)
    return total if reduction == "sum" else weighted_mean(total, pairs.weight)
