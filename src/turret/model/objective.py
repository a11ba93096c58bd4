"""The objective: the loss of a batch as a function of the parameters."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from turret.data.batches import Batch
from turret.model.losses import softmax_loss
from turret.model.towers import Parameters, candidate_vectors, query_vectors
from turret.recipe import Softmax, TwoTower

__all__ = ["batch_loss"]


def batch_loss(
    parameters: Parameters, batch: Batch, *, config: TwoTower, loss: Softmax
) -> Float[Array, ""]:
    """The loss of a batch.

    Args:
        parameters: Dense parameters and, for each table, the sub-table to which the batch's
            features are re-indexed.
        batch: The batch.
        config: The two towers.
        loss: The loss.

    Returns:
        A scalar, reduced as `loss` says.
    """
    tables, dense = parameters
    arrays = jax.tree.map(jnp.asarray, batch)
    return softmax_loss(
        query_vectors(config, tables=tables, dense=dense, encoded=arrays.query),
        candidate_vectors(config, tables=tables, dense=dense, encoded=arrays.candidate),
        pair_query=arrays.pair_query,
        pair_candidate=arrays.pair_candidate,
        pair_weight=arrays.pair_weight,
        candidate_count=arrays.candidate_count,
        config=loss,
    )
