import jax
import jax.numpy as jnp
import numpy as np

from turret.model.layers import MLP, l2_normalize


def test_l2_normalize_and_its_gradient():
    x = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(l2_normalize(x), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    jacobian = jax.vmap(jax.jacobian(l2_normalize))(x)
    # d(x/|x|)/dx = (I - u u^T) / |x|, and the identity at zero.
    np.testing.assert_allclose(jacobian[0], [[0.128, -0.096], [-0.096, 0.072]], rtol=1e-5)
    np.testing.assert_allclose(jacobian[1], np.eye(2))


def test_mlp_is_its_formula():
    mlp = MLP(jax.random.key(0), (3, 5, 2), activation="relu")
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    hidden = np.maximum(x @ np.asarray(mlp.weights[0]) + np.asarray(mlp.biases[0]), 0)
    want = hidden @ np.asarray(mlp.weights[1]) + np.asarray(mlp.biases[1])
    np.testing.assert_allclose(mlp(jnp.asarray(x)), want, rtol=1e-5, atol=1e-6)
    assert [b.tolist() for b in mlp.biases] == [[0.0] * 5, [0.0] * 2]
    limit = np.sqrt(6 / (3 + 5))
    assert np.abs(np.asarray(mlp.weights[0])).max() <= limit
