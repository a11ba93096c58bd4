"""Clipping by the global norm."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from turret.train.clipping import clip


def test_the_norm_is_over_all_leaves_together():
    rng = np.random.default_rng(0)
    gradient = {"tables": rng.normal(size=(5, 3)), "dense": [rng.normal(size=4), None]}
    gradient["tables"], gradient["dense"][0] = map(
        lambda x: jnp.asarray(x, jnp.float32), (gradient["tables"], gradient["dense"][0])
    )
    flat = np.concatenate([np.ravel(gradient["tables"]), gradient["dense"][0]]).astype(np.float64)
    norm = np.sqrt((flat**2).sum())
    for max_norm in (0.01, 0.5 * norm):
        clipped = clip(gradient, jnp.float32(max_norm))
        got = np.concatenate([np.ravel(clipped["tables"]), clipped["dense"][0]])
        np.testing.assert_allclose(got, flat * max_norm / norm, rtol=1e-6)
        want: Any
        want, _ = optax.clip_by_global_norm(max_norm).update(gradient, optax.EmptyState())
        np.testing.assert_allclose(clipped["tables"], want["tables"], rtol=1e-6)


@pytest.mark.parametrize("max_norm", [5.0, 6.0, np.inf])
def test_a_gradient_that_is_short_enough_stays_as_it_is(max_norm: float):
    gradient = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([[-4.0]])}
    clipped = clip(gradient, jnp.float32(max_norm))
    np.testing.assert_array_equal(clipped["a"], gradient["a"])
    np.testing.assert_array_equal(clipped["b"], gradient["b"])


def test_no_gradient_stays_none():
    np.testing.assert_array_equal(clip({"a": jnp.zeros(3)}, jnp.float32(1.0))["a"], np.zeros(3))
