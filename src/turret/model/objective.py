"""The objective: the loss of a batch as a function of the parameters."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from turret.data.batch import Batch
from turret.model.features.embedding import CANDIDATES
from turret.model.losses.pairwise import bpr_loss, warp_loss
from turret.model.losses.partition import Cells
from turret.model.losses.softmax import Columns, Pairs, softmax_loss
from turret.model.towers import Parameters, candidate_vectors, query_vectors
from turret.recipe.loss import BPR, Loss, Softmax
from turret.recipe.towers import TwoTower

__all__ = ["batch_loss"]


def batch_loss(
    parameters: Parameters,
    batch: Batch,
    *,
    config: TwoTower,
    loss: Loss,
    temperature: Float[Array, ""] | None = None,
    probability: Float[Array, " c"] | None = None,
    key: PRNGKeyArray | None = None,
) -> Float[Array, ""]:
    """The loss of a batch.

    Args:
        parameters: Dense parameters and, for each table, the sub-table to which the batch's
            features are re-indexed.
        batch: The batch.
        config: The two towers.
        loss: The loss.
        temperature: Instead of the recipe's, when it is learned.
        probability: Probability of each column, when the training estimates it as it goes; the
            batch's unless given.
        key: Decides what chance decides in a training step; None everywhere else.

    Returns:
        A scalar, reduced as `loss` says.
    """
    tables, dense = parameters
    arrays = jax.tree.map(jnp.asarray, batch)
    query_key, candidate_key = (None, None) if key is None else jax.random.split(key)
    candidates = candidate_vectors(
        config,
        tables=tables,
        dense=dense,
        encoded=arrays.candidate,
        key=candidate_key,
        linear=False,
    )
    seen = tables | {CANDIDATES: candidates}
    queries = query_vectors(
        config, tables=seen, dense=dense, encoded=arrays.query, key=query_key, linear=False
    )
    candidates = candidates[: len(arrays.candidate_count)]
    pairs = Pairs(arrays.pair_query, arrays.pair_candidate, arrays.pair_weight)
    if isinstance(loss, Softmax):
        if probability is None:
            probability = arrays.candidate_probability
        known = None
        if arrays.known_query is not None:
            known = Cells(arrays.known_query, arrays.known_candidate)
        return softmax_loss(
            queries,
            candidates,
            pairs=pairs,
            columns=Columns(arrays.candidate_count, probability),
            config=loss,
            known=known,
            temperature=temperature,
        )
    sampled = {"negatives": arrays.negatives, "negative_weight": arrays.negative_weight}
    if isinstance(loss, BPR):
        return bpr_loss(queries, candidates, pairs=pairs, config=loss, **sampled)
    size = arrays.catalogue_size
    return warp_loss(queries, candidates, pairs=pairs, config=loss, catalogue_size=size, **sampled)
