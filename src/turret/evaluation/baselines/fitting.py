"""Fitting a baseline by its settings."""

import time

from turret.data.dataset import Dataset
from turret.evaluation.baselines.base import Baseline
from turret.evaluation.baselines.factors import fit_ials
from turret.evaluation.baselines.linear import fit_ease, fit_item_knn, fit_rp3beta
from turret.evaluation.baselines.popularity import Popularity, RandomOrder
from turret.evaluation.baselines.repeats import Repeats
from turret.model.meetings import met_matrix
from turret.recipe import baselines as recipe

__all__ = ["fit_baseline"]


def fit_baseline(
    config: recipe.Baseline, train: Dataset, *, seen: Dataset | None = None
) -> tuple[Baseline, float]:
    """Fits a baseline and takes the time.

    Args:
        config: which baseline, and its settings.
        train: the events to learn from.
        seen: the events by which queries are known when they are asked for, over the same tables;
            None: those learnt from. Others are those of held-out queries.

    Returns:
        The baseline, and the seconds its fit took.

    Raises:
        EvaluationError: if the data are too large for it, or lack what it needs.
        MissingPartError: if it needs a library that is not installed.
    """
    start = time.perf_counter()
    fitted = _fit(config, train, train if seen is None else seen)
    return fitted, time.perf_counter() - start


def _fit(config: recipe.Baseline, train: Dataset, seen: Dataset) -> Baseline:
    match config:
        case recipe.Popularity():
            return Popularity.fit(train, days=config.days)
        case recipe.Repeats():
            return Repeats.fit(train, half_life=config.half_life, seen=seen)
        case recipe.Random():
            return RandomOrder(train.num_candidates, seed=config.seed)
        case recipe.ItemKNN():
            return fit_item_knn(train, config).asked_by(
                met_matrix(seen, half_life=config.half_life)
            )
        case recipe.RP3Beta():
            return fit_rp3beta(train, config).asked_by(met_matrix(seen, half_life=config.half_life))
        case recipe.EASE():
            return fit_ease(train, config).asked_by(met_matrix(seen, half_life=config.half_life))
        case recipe.IALS():
            return fit_ials(train, config, seen=seen)
