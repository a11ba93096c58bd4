"""Validation: what early stopping and the choice of the best epoch measure a model with."""

from collections.abc import Callable

import numpy as np

from turret.data.dataset import Dataset
from turret.data.parts import Split
from turret.evaluation.evaluate import evaluate
from turret.evaluation.metrics.figures import parse_label
from turret.model.trained import TrainedModel
from turret.recipe.recipe import Recipe

__all__ = ["some_queries", "validation_of"]


def validation_of(
    recipe: Recipe, parts: Split
) -> Callable[[TrainedModel], dict[str, float]] | None:
    """Return what early stopping measures a model with.

    Args:
        recipe: its `train.early_stopping` names the metric, `train.validation_queries` how many
            queries are measured on.
        parts: the validation part is measured on.

    Returns:
        A function of the model that gives the metrics of that depth by name; None without early
        stopping.

    Raises:
        EvaluationError: there is no such metric.
    """
    stopping, validation = recipe.train.early_stopping, parts.validation
    if stopping is None or validation is None:
        return None
    _, depth = parse_label(stopping.metric)
    assert depth is not None  # the recipe refuses a metric without one
    queries, seed = recipe.train.validation_queries, recipe.train.seed
    measured = validation if queries is None else some_queries(validation, queries, seed=seed)

    def measure(trained: TrainedModel) -> dict[str, float]:
        report = evaluate(
            trained,
            (parts.seen, measured),
            ks=(depth,),
            bootstrap=0,
            baselines=(),
            train_queries=0,
            slices=False,
            lists=False,
        )
        views = report.model
        return views.seen_excluded if stopping.seen == "excluded" else views.seen_included

    return measure


def some_queries(dataset: Dataset, number: int, *, seed: int) -> Dataset:
    """Keep the interactions of some queries, drawn at random.

    Args:
        dataset: a data set.
        number: how many of the queries that have an interaction; all where there are no more.
        seed: decides which.

    Returns:
        The same tables with all interactions of these queries, in their order.

    Example:
        >>> events = {"user": [1, 2, 2, 3], "item": [1, 1, 2, 3]}
        >>> dataset = Dataset.from_frames(events, query_id="user", candidate_id="item")
        >>> some_queries(dataset, 1, seed=0).interactions.query_row.tolist()
        [2]
    """
    rows = dataset.interactions.query_row
    present = np.unique(rows)
    if number >= len(present):
        return dataset
    chosen = np.zeros(dataset.num_queries, dtype=np.bool_)
    chosen[np.random.default_rng(seed).choice(present, size=number, replace=False)] = True
    return dataset.with_interactions(dataset.interactions.take(np.flatnonzero(chosen[rows])))
