"""iALS, by the library `implicit`."""

import importlib
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from turret.data.dataset import Dataset
from turret.errors import MissingPartError
from turret.evaluation.baselines.met import met_matrix
from turret.recipe.baselines import IALS

__all__ = ["Factors", "fit_ials"]


class Factors:
    """Scores that are inner products of the queries' and the candidates' vectors.

    Args:
        queries: a vector for each query, `[queries, d]`.
        candidates: a vector for each candidate, `[candidates, d]`.
    """

    def __init__(
        self,
        queries: Float32[np.ndarray, "queries d"],
        candidates: Float32[np.ndarray, "candidates d"],
    ) -> None:
        """Keep both."""
        self._queries = queries
        self._candidates = candidates

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        return len(self._candidates)

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """The inner products; see `Baseline.scores`."""
        return self._queries[query_row] @ self._candidates.T


def fit_ials(train: Dataset, config: IALS) -> Factors:
    r"""Implicit alternating least squares: a candidate that was met counts `1 + alpha` times.

    Minimises `sum_ui c_ui (x_ui - q_u . c_i)^2 + regularization (|q|^2 + |c|^2)` with
    `c_ui = 1 + alpha` where u met i, else 1.

    Args:
        train: the training part.
        config: factors, regularisation, alpha, iterations, seed.

    Returns:
        The fitted baseline.

    Raises:
        MissingPartError: if `implicit` is not installed.

    Reference:
        Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """
    try:
        als: Any = importlib.import_module("implicit.als")
        threads: Any = importlib.import_module("threadpoolctl")
    except ImportError as error:
        raise MissingPartError("implicit", extra="baselines") from error
    met = met_matrix(train).astype(np.float32)
    # Its own threads are slowed down by those of the linear algebra library.
    with threads.threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = als.AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.regularization,
            alpha=config.alpha,
            iterations=config.iterations,
            random_state=config.seed,
            use_gpu=False,
        )
        model.fit(met * np.float32(1.0), show_progress=False)
    return Factors(
        np.asarray(model.user_factors, np.float32), np.asarray(model.item_factors, np.float32)
    )
