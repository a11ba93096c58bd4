"""Products of vectors, two at a time."""

import jax.numpy as jnp
import numpy as np
import pytest
from gradients import check

from turret.model.layers.dot import dot_interaction

A, B, C = [0.1, -4.3, 0.2, 1.1, 0.3], [2.0, 3.2, -1.0, 0.0, 1.0], [0.0, 1.0, -3.0, -2.2, -0.2]


def test_known_answers():
    vectors = jnp.array([[A, B, C]])
    np.testing.assert_allclose(dot_interaction(vectors), [[-13.46, -7.38, 6.0]], rtol=1e-6)
    np.testing.assert_allclose(
        dot_interaction(vectors, self_interaction=True),
        [[19.84, -13.46, 16.24, -7.38, 6.0, 14.88]],
        rtol=1e-6,
    )


@pytest.mark.parametrize("own", [False, True])
def test_it_is_its_formula(own: bool):
    vectors = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    want = [
        [
            sum(float(x) * float(y) for x, y in zip(row[i], row[j], strict=True))
            for i in range(4)
            for j in range(i + own)
        ]
        for row in vectors
    ]
    got = dot_interaction(jnp.asarray(vectors), self_interaction=own)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    check(lambda x: dot_interaction(x, self_interaction=own), vectors)


def test_one_vector_has_no_product():
    assert dot_interaction(jnp.ones((2, 1, 3))).shape == (2, 0)
