"""Batches of which no pair counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from turret.model.losses.pairwise import bpr_loss, warp_loss
from turret.model.losses.softmax import Columns, Pairs, softmax_loss
from turret.recipe.loss import BPR, WARP, Softmax

PAIRS = Pairs(jnp.array([0, 1]), jnp.array([2, 0]), jnp.zeros(2))
SAMPLED = {"negatives": jnp.array([[1], [2]]), "negative_weight": jnp.ones((2, 1))}


def softmax(queries, candidates, **options) -> jax.Array:
    columns, config = Columns(jnp.ones(3)), Softmax(**options)
    return softmax_loss(queries, candidates, pairs=PAIRS, columns=columns, config=config)


LOSSES = {
    "softmax": softmax,
    "softmax, hits removed": lambda q, c: softmax(q, c, remove_accidental_hits=True),
    "softmax, hard negatives": lambda q, c: softmax(q, c, hard_negatives=1),
    "bpr": lambda q, c: bpr_loss(q, c, pairs=PAIRS, config=BPR(), **SAMPLED),
    "warp": lambda q, c: warp_loss(
        q, c, pairs=PAIRS, config=WARP(), catalogue_size=jnp.array(3.0), **SAMPLED
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_weight_is_worth_nothing_and_moves_nothing(name):
    rng = np.random.default_rng(0)
    queries, candidates = (jnp.asarray(rng.normal(size=(n, 4)), jnp.float32) for n in (2, 3))
    value, gradients = jax.value_and_grad(LOSSES[name], argnums=(0, 1))(queries, candidates)
    assert float(value) == 0.0
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))
