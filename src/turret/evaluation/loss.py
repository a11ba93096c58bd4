"""The loss on held-back pairs, in batches as in training."""

from functools import partial
from typing import TypedDict

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
from jaxtyping import Array, Float

from turret.data.batch import Batch
from turret.data.batches import Batches
from turret.data.dataset import Dataset
from turret.model.objective import batch_loss
from turret.model.tables import gather
from turret.model.towers import Parameters
from turret.model.trained import TrainedModel
from turret.recipe import TwoTower
from turret.recipe_loss import Loss

__all__ = ["TestLoss", "test_loss"]


class TestLoss(TypedDict):
    """The loss on the test part.

    Attributes:
        test: Mean over the pairs, each weighted as the data says.
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
    sums, weight = [], 0.0
    for step in range(batches.steps_per_epoch):
        events = np.arange(step * batch_size, min(number, (step + 1) * batch_size))
        batch = batches.of(events)
        sums.append(float(_loss(trained.config, summed, trained.parameters, batch)))
        weight += float(batch.pair_weight.sum())
    return TestLoss(test=sum(sums) / weight, last_batch=sums[-1])


@partial(jax.jit, static_argnums=(0, 1))
def _loss(config: TwoTower, loss: Loss, parameters: Parameters, batch: Batch) -> Float[Array, ""]:
    table_rows = jax.tree.map(jnp.asarray, batch.table_rows)
    tables = {name: gather(table, table_rows[name]) for name, table in parameters.tables.items()}
    return batch_loss(Parameters(tables, parameters.dense), batch, config=config, loss=loss)
