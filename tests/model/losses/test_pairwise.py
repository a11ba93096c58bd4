"""Pairwise losses against loops over pairs and negatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from turret.model.losses.pairwise import bpr_loss, warp_loss
from turret.model.losses.positives import log_sum_of_others
from turret.model.losses.softmax import Pairs
from turret.recipe.loss import BPR, WARP

RNG = np.random.default_rng(0)
Q, C = (RNG.normal(size=(n, 4)).astype(np.float32) for n in (6, 9))
QUERY, CANDIDATE = RNG.integers(0, 6, 20), RNG.integers(0, 9, 20)
WEIGHT = RNG.uniform(0.5, 2, 20).astype(np.float32)
NEGATIVES = RNG.integers(0, 9, (20, 5))
THERE = (RNG.random((20, 5)) < 0.8).astype(np.float32)
THERE[3] = 0
PAIRS = Pairs(jnp.asarray(QUERY, jnp.int32), jnp.asarray(CANDIDATE, jnp.int32), jnp.asarray(WEIGHT))
SAMPLED = {
    "negatives": jnp.asarray(NEGATIVES, jnp.int32),
    "negative_weight": jnp.asarray(THERE),
}


def naive(queries, candidates, each) -> float:
    total = 0.0
    for p in range(20):
        positive = queries[QUERY[p]] @ candidates[CANDIDATE[p]]
        real = NEGATIVES[p][THERE[p] > 0]
        if len(real):
            total += WEIGHT[p] * each(positive, candidates[real] @ queries[QUERY[p]])
    return total


def naive_bpr(queries, candidates) -> float:
    each = lambda positive, negative: np.mean(np.log1p(np.exp(negative - positive)))  # noqa: E731
    return naive(queries, candidates, each)


def naive_warp(queries, candidates) -> float:
    def each(positive, negative):
        violation = np.maximum(0.5 - positive + negative, 0)
        number = (violation > 0).sum()
        if number == 0:
            return 0.0
        return np.log1p(number / len(negative) * 99) * violation.sum() / number

    return naive(queries, candidates, each)


def slope(function, queries, candidates) -> np.ndarray:
    """The gradient by queries in central differences."""
    queries, out = queries.astype(np.float64), np.zeros(queries.shape)
    for index in np.ndindex(*queries.shape):
        step = np.zeros(queries.shape)
        step[index] = 1e-6
        out[index] = function(queries + step, candidates) - function(queries - step, candidates)
    return out / 2e-6


@pytest.mark.parametrize("kind", ["bpr", "warp"])
def test_equals_a_loop(kind):
    def loss(q, c, reduction):
        if kind == "bpr":
            return bpr_loss(q, c, pairs=PAIRS, config=BPR(reduction=reduction), **SAMPLED)
        config = WARP(reduction=reduction, margin=0.5)
        size = jnp.float32(100)
        return warp_loss(q, c, pairs=PAIRS, config=config, catalogue_size=size, **SAMPLED)

    function = naive_bpr if kind == "bpr" else naive_warp
    q, c = jnp.asarray(Q), jnp.asarray(C)
    want = function(Q.astype(np.float64), C.astype(np.float64))
    np.testing.assert_allclose(loss(q, c, "sum"), want, rtol=1e-5)
    np.testing.assert_allclose(loss(q, c, "mean"), want / WEIGHT.sum(), rtol=1e-5)
    gradient = jax.jit(jax.grad(loss), static_argnums=2)(q, c, "sum")
    np.testing.assert_allclose(
        gradient, slope(function, Q, C.astype(np.float64)), rtol=1e-4, atol=1e-4
    )


def test_others_of_a_group_against_a_loop():
    values = np.array([0.3, -50.0, 80.0, 80.0, 2.0, -np.inf, 1.0, 1.0], np.float32)
    group = np.array([0, 0, 0, 0, 1, 2, 2, 3], np.int32)
    want = []
    for i in range(8):
        rest = [values[j] for j in range(8) if j != i and group[j] == group[i]]
        want.append(np.logaddexp.reduce(np.array(rest, np.float64)) if rest else -np.inf)
    got = log_sum_of_others(jnp.asarray(values), jnp.asarray(group))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    finite = jax.grad(lambda v: jnp.sum(jnp.exp(log_sum_of_others(v, jnp.asarray(group)) - 80)))
    assert np.isfinite(finite(jnp.asarray(values))).all()
