"""iALS, by the library `implicit`."""

import importlib
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, Int64

from turret.data.dataset import Dataset
from turret.errors import EvaluationError, MissingPartError
from turret.model.meetings import met_matrix
from turret.recipe.baselines import IALS

__all__ = ["Factors", "fit_ials"]


@dataclass(frozen=True, eq=False)
class Factors:
    """Scores that are inner products of the queries' and the candidates' vectors.

    Attributes:
        queries: A vector for each query.
        candidates: A vector for each candidate.
    """

    queries: Float32[np.ndarray, "queries d"]
    candidates: Float32[np.ndarray, "candidates d"]

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        return len(self.candidates)

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """The inner products; see `Baseline.scores`."""
        return self.queries[query_row] @ self.candidates.T


def fit_ials(train: Dataset, config: IALS, *, seen: Dataset) -> Factors:
    r"""Implicit alternating least squares: a candidate that was met weighs alpha, another one 1.

    Minimises `sum_ui w_ui (x_ui - q_u . c_i)^2 + regularization (sum_u |q_u|^2 + sum_i |c_i|^2)`
    with `w_ui = alpha` and `x_ui = 1` where u met i, else 1 and 0. With a half-life, what was met
    long ago weighs less: alpha times its entry of `met_matrix`.

    Args:
        train: the training part.
        config: factors, regularisation, alpha, iterations, seed.
        seen: what queries are known by when they are asked for: one of which it has more than
            `train` gets the vector that fits that best while the candidates' stand.

    Returns:
        The fitted baseline.

    Raises:
        MissingPartError: if `implicit` is not installed.
        EvaluationError: if its vectors do not stay finite.

    Reference:
        Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """
    try:
        als: Any = importlib.import_module("implicit.als")
        fitting: Any = importlib.import_module("implicit.recommender_base")
        threads: Any = importlib.import_module("threadpoolctl")
    except ImportError as error:
        raise MissingPartError("implicit", extra="baselines") from error
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
        try:
            model.fit(met_matrix(train, half_life=config.half_life), show_progress=False)
        except fitting.ModelFitError as error:
            raise EvaluationError(
                f"the vectors of iALS are not finite ({error})",
                got=f"regularization {config.regularization}, alpha {config.alpha}",
                fix="Raise its regularization, or lower its alpha.",
            ) from error
        queries = np.asarray(model.user_factors, np.float32).copy()
        held_out = np.flatnonzero(_events(train) != _events(seen))
        if len(held_out):
            met = met_matrix(seen, half_life=config.half_life)
            queries[held_out] = model.recalculate_user(held_out, met[held_out])
    return Factors(queries, np.asarray(model.item_factors, np.float32))


def _events(dataset: Dataset) -> Int64[np.ndarray, " queries"]:
    """How many events each query has."""
    return np.bincount(dataset.interactions.query_row, minlength=dataset.num_queries)
