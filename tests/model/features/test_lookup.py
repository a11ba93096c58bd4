"""Looking rows up, one by one, pooled, and as a product."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from turret.model.features.lookup import lookup, pooled_lookup, product_lookup


@pytest.mark.parametrize("size", [3, 9, 40])  # a product, just one, and looked up
def test_a_product_is_the_sum_over_entries(size: int) -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(size, 3)).astype(np.float32)
    rows = rng.integers(-1, size, (5, 3)).astype(np.int32)
    rows[2] = -1
    weights = rng.random((5, 3)).astype(np.float32)
    want = np.zeros((5, 3))
    slope = np.zeros((size, 3))
    for n in range(5):
        for place in range(3):
            if rows[n, place] >= 0:
                want[n] += weights[n, place] * table[rows[n, place]]
                slope[rows[n, place]] += weights[n, place] * (n + 1)
    for pool in (product_lookup, pooled_lookup):

        def total(table: jax.Array, pool=pool) -> jax.Array:
            pooled = pool(table, jnp.asarray(rows), jnp.asarray(weights))
            return jnp.sum(pooled * jnp.arange(1.0, 6.0)[:, None])

        found = pool(jnp.asarray(table), jnp.asarray(rows), jnp.asarray(weights))
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(jax.grad(total)(jnp.asarray(table)), slope, rtol=1e-5)
    assert (lookup(jnp.asarray(table), jnp.asarray(rows[0, :1])) == table[rows[0, :1]]).all()
