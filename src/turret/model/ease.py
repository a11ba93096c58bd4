"""EASE: the linear model of candidates on one another that has a closed form."""

from typing import cast

import numpy as np
from jaxtyping import Float32, Float64
from scipy import linalg, sparse

__all__ = ["ease_weights"]

_ROWS = 512
"""Rows of a square matrix that are computed at a time: two such matrices are held, no more."""


def ease_weights(
    met: sparse.csr_array, regularization: float
) -> Float32[np.ndarray, "candidates candidates"] | None:
    r"""The least-squares weights of candidates on one another, with a diagonal of zero.

    With `P = (X^T X + lambda I)^-1`, `W_ij = -P_ij / P_jj`, and 0 where i = j; `X W` are the
    scores.

    Args:
        met: who met what, `X`, `[queries, candidates]`.
        regularization: lambda.

    Returns:
        `W`; None where lambda is too small for the matrix to be inverted.

    Reference:
        Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.

    Example:
        >>> met = sparse.csr_array(np.array([[1, 1], [1, 0]], np.float32))
        >>> ease_weights(met, 1.0).tolist()
        [[0.0, 0.3333333432674408], [0.5, 0.0]]
    """
    gram = _gram(met)
    gram[np.diag_indices_from(gram)] += regularization
    # Inverted in place: the upper triangle of the Cholesky factor, then of the inverse.
    factorize, invert = linalg.get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = factorize(gram.T, overwrite_a=True)
    inverse, failed_too = invert(factor, overwrite_c=True)
    if failed or failed_too:
        return None
    return _weights(inverse)


def _gram(met: sparse.csr_array) -> Float64[np.ndarray, "candidates candidates"]:
    """The products of each two columns, some columns at a time."""
    columns = sparse.csr_array(met.T)
    n, _ = cast("tuple[int, int]", columns.shape)
    gram = np.empty((n, n))
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        gram[part] = (columns[part] @ met).toarray()
    return gram


def _weights(
    inverse: Float64[np.ndarray, "candidates candidates"],
) -> Float32[np.ndarray, "candidates candidates"]:
    """The weights, from the upper triangle of the inverse; no further matrix is held."""
    n, diagonal = len(inverse), np.diag(inverse)
    weights = np.empty((n, n), np.float32)
    for start in range(0, n, _ROWS):
        rows = slice(start, min(start + _ROWS, n))
        upper = np.triu(inverse[rows, rows])
        weights[rows, :start] = -inverse[:start, rows].T / diagonal[:start]
        weights[rows, rows] = -(upper + np.triu(upper, 1).T) / diagonal[rows]
        weights[rows, rows.stop :] = -inverse[rows, rows.stop :] / diagonal[rows.stop :]
    np.fill_diagonal(weights, 0.0)
    return weights
