"""EASE: the linear model of candidates on one another that has a closed form."""

import numpy as np
from jaxtyping import Float32
from scipy import linalg, sparse

__all__ = ["ease_weights"]


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
    gram = (met.T @ met).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    # Inverted in place: the upper triangle of the Cholesky factor, then of the inverse.
    factorize, invert = linalg.get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = factorize(gram.T, overwrite_a=True)
    inverse, failed_too = invert(factor, overwrite_c=True)
    if failed or failed_too:
        return None
    inverse = np.triu(inverse)
    inverse += np.triu(inverse, 1).T
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)
