"""Vectors scaled to length 1."""

import jax
import jax.numpy as jnp
import numpy as np

from turret.model.layers.l2 import l2_normalize


def test_l2_normalize_and_its_gradient():
    x = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(l2_normalize(x), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    jacobian = jax.vmap(jax.jacobian(l2_normalize))(x)
    # d(x/|x|)/dx = (I - u u^T) / |x|, and the identity at zero.
    np.testing.assert_allclose(jacobian[0], [[0.128, -0.096], [-0.096, 0.072]], rtol=1e-5)
    np.testing.assert_allclose(jacobian[1], np.eye(2))
