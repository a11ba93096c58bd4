"""A truncated singular value decomposition, by a sketch."""

from typing import cast

import numpy as np
from jaxtyping import Float32
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

__all__ = ["decomposed"]

_MORE = 16
"""Columns of the sketch beyond those that are kept."""
_ROUNDS = 3


def decomposed(
    matrix: sparse.csr_array | LinearOperator, *, kept: int, seed: int
) -> tuple[Float32[np.ndarray, "n d"], Float32[np.ndarray, " d"], Float32[np.ndarray, "m d"]]:
    """The largest singular values with their vectors, left and right.

    Args:
        matrix: `[n, m]`, or what multiplies as it does.
        kept: How many, at most the smaller of n and m.
        seed: Source of the sketch.

    Returns:
        `U`, `S` and `V`, whose `U S V^T` is nearest to the matrix but for what a sketch misses.

    Reference:
        Halko, Martinsson and Tropp (2011), Finding Structure with Randomness,
        https://doi.org/10.1137/090771806.
    """
    n, m = cast("tuple[int, int]", matrix.shape)
    sparsely = isinstance(matrix, sparse.csr_array)
    flipped = sparse.csr_array(matrix.T) if sparsely else matrix.T
    width = min(kept + _MORE, n, m)
    sketch = np.random.default_rng(seed).standard_normal((m, width)).astype(np.float32)
    for _ in range(_ROUNDS):
        sketch = flipped @ np.linalg.qr(matrix @ sketch)[0]
    basis = np.linalg.qr(matrix @ sketch)[0]
    # The product is long and thin: its small triangle is decomposed instead.
    other, triangle = np.linalg.qr(flipped @ basis)
    left, values, right = np.linalg.svd(triangle.T)
    return (basis @ left)[:, :kept], values[:kept], (other @ right.T)[:, :kept]
