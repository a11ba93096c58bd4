import jax
import jax.numpy as jnp
import numpy as np
import pytest

from turret.model.tables import initial_table

KEY = jax.random.key(5)


def test_a_small_table_is_one_draw():
    want = jax.random.uniform(KEY, (100, 8), minval=-0.05, maxval=0.05).at[0].set(0.0)
    np.testing.assert_array_equal(initial_table(KEY, (100, 8), scale=0.05), want)
    np.testing.assert_array_equal(initial_table(KEY, (1, 8), scale=0.05), np.zeros((1, 8)))


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    return np.asarray(initial_table(KEY, (150_000, 4), scale=0.5))


def test_a_large_one_is_uniform_and_no_block_is_another(large):
    assert (large[0] == 0).all()
    body = large[1:]
    assert np.abs(body).max() <= 0.5
    counts, _ = np.histogram(body, bins=16, range=(-0.5, 0.5))
    # Each a binomial count: within five standard deviations.
    share = body.size / 16
    assert (np.abs(counts - share) < 5 * np.sqrt(share)).all()
    # Values are 23 bits; rows of four of them repeat where a block is drawn twice.
    assert len(np.unique(body, axis=0)) == len(body)


def test_it_takes_little_more_memory_than_its_result():
    shape = (1_000_000, 8)
    used = initial_table.lower(KEY, shape, scale=jnp.float32(0.1)).compile().memory_analysis()
    assert used is not None
    assert used.output_size_in_bytes == 4 * 8 * 1_000_000
    assert used.temp_size_in_bytes < used.output_size_in_bytes / 2
