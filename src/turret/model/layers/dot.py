"""The dot interaction of DLRM."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["dot_interaction"]


def dot_interaction(
    vectors: Float[Array, "n f d"], *, self_interaction: bool = False
) -> Float[Array, "n p"]:
    """The inner products of each row's vectors, two at a time.

    The pairs are `(1, 0), (2, 0), (2, 1), (3, 0), ...`: the lower triangle of the matrix of
    products, row after row, with its diagonal where a vector meets itself too.

    Args:
        vectors: `f` vectors a row.
        self_interaction: Each vector's product with itself too.

    Returns:
        `f (f - 1) / 2` products a row, or `f (f + 1) / 2`.

    Example:
        >>> dot_interaction(jnp.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])).tolist()
        [[11.0, 17.0, 39.0]]

    Reference:
        Naumov et al., "Deep learning recommendation model for personalization and recommendation
        systems", 2019.
    """
    first, second = np.tril_indices(vectors.shape[1], 0 if self_interaction else -1)
    products = jnp.einsum("nfd,ngd->nfg", vectors, vectors)
    return products[:, first, second]
