"""The loss on held-back pairs, in batches as in training."""

import math
from functools import partial
from typing import TypedDict

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
from jaxtyping import Array, Float, Int64

from turret.data.batch import Batch
from turret.data.batches import Batches
from turret.data.dataset import Dataset
from turret.model.objective import batch_loss
from turret.model.tables import gather
from turret.model.towers import Parameters
from turret.model.trained import TrainedModel
from turret.recipe.loss import Loss, Softmax
from turret.recipe.towers import TwoTower

__all__ = ["TestLoss", "test_loss"]

_TOGETHER = 1 << 16
"""Pairs that are taken together where it does not matter which."""


class TestLoss(TypedDict):
    """The loss on the test part.

    Attributes:
        test: Mean over the pairs, each weighted as the data says; NaN where all weights are 0.
        last_batch: Sum over the pairs of the last batch, which is what the progress bar of the
            reference tutorial shows.
    """

    test: float
    last_batch: float


def test_loss(
    trained: TrainedModel, test: Dataset, *, loss: Loss, batch_size: int = 4096
) -> TestLoss:
    """Measure the training loss on other pairs, in their order, batch after batch.

    Args:
        trained: The model.
        test: The pairs; a query or candidate that training did not meet is scored by its
            out-of-vocabulary row.
        loss: The loss of the training.
        batch_size: Pairs in a batch. An in-batch loss depends on it; one over all candidates does
            not, and takes the whole candidate table as columns.

    Returns:
        The mean over all pairs and the sum over the last batch.

    Raises:
        DataError: When there is no pair.
    """
    batches = Batches(
        test,
        trained.query_encoder,
        trained.candidate_encoder,
        batch_size=batch_size,
        loss=loss,
        catalogue=np.arange(test.num_candidates, dtype=np.int32),
    )
    number = len(test.interactions)
    summed = msgspec.structs.replace(loss, reduction="sum")
    last = np.arange((batches.steps_per_epoch - 1) * batch_size, number)

    def loss_of(events: Int64[np.ndarray, " p"]) -> float:
        return float(_loss(trained.config, summed, trained.parameters, batches.of(events)))

    if _pairs_apart(loss):
        # Whatever the batch, a pair's loss is the same: with its pairs together a query is scored
        # once, and not once a batch.
        order = np.argsort(test.interactions.query_row, kind="stable")
        size = max(batch_size, _TOGETHER)
        total = sum(loss_of(order[start : start + size]) for start in range(0, number, size))
        last_batch = loss_of(last)
    else:
        last_batch = loss_of(last)
        before = range(0, int(last[0]), batch_size)
        total = sum(loss_of(np.arange(start, start + batch_size)) for start in before) + last_batch
    weights = test.interactions.weight
    weight = number if weights is None else float(weights.sum(dtype=np.float64))
    return TestLoss(test=total / weight if weight > 0 else math.nan, last_batch=last_batch)


def _pairs_apart(loss: Loss) -> bool:
    """Whether the loss of a pair does not depend on which others are in its batch."""
    return (
        isinstance(loss, Softmax)
        and loss.candidates == "all"
        and loss.mask_known_positives != "batch"
    )


@partial(jax.jit, static_argnums=(0, 1))
def _loss(config: TwoTower, loss: Loss, parameters: Parameters, batch: Batch) -> Float[Array, ""]:
    table_rows = jax.tree.map(jnp.asarray, batch.table_rows)
    tables = {name: gather(table, table_rows[name]) for name, table in parameters.tables.items()}
    return batch_loss(Parameters(tables, parameters.dense), batch, config=config, loss=loss)
