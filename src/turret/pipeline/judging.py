"""Judging a model as its recipe says."""

from turret.data.dataset import Dataset
from turret.data.splits import Split
from turret.evaluation.evaluate import evaluate
from turret.evaluation.report import Report
from turret.index.base import Index
from turret.model.trained import TrainedModel
from turret.recipe.recipe import Recipe

__all__ = ["judge"]


def judge(
    trained: TrainedModel,
    parts: Split | tuple[Dataset, Dataset],
    recipe: Recipe,
    *,
    index: Index,
    train_queries: int = 10_000,
) -> Report:
    """Evaluate a model with the settings of a recipe, as it would answer: with its index.

    Args:
        trained: the model.
        parts: the parts of the data, or training and test data over the same tables.
        recipe: its sections `[evaluation]` and `[loss]` count.
        index: answers in place of the full ranking where it is not exact.
        train_queries: how many queries to take the figures on training pairs of.

    Returns:
        The report.
    """
    config = recipe.evaluation
    return evaluate(
        trained,
        parts,
        ks=config.ks,
        loss=recipe.loss,
        batch_size=config.batch_size,
        bootstrap=config.bootstrap,
        baselines=config.baselines,
        train_queries=train_queries,
        slices=config.slices,
        lists=config.lists,
        index=None if index.is_exact else index,
    )
