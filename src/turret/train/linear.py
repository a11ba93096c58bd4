"""The linear model beside the towers: EASE, truncated, as rows of the features of kind `linear`."""

from typing import cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from turret.data.dataset import Dataset
from turret.data.encoders.tower import TowerEncoder
from turret.errors import RecipeError
from turret.model.ease import ease_weights
from turret.model.meetings import met_matrix
from turret.recipe.linear import LinearPart
from turret.recipe.towers import TwoTower
from turret.train.sketch import decomposed
from turret.train.state import TrainState

__all__ = ["linear_vectors", "with_linear"]


def with_linear(
    state: TrainState,
    dataset: Dataset,
    config: TwoTower,
    *,
    encoders: tuple[TowerEncoder, TowerEncoder],
    linear: LinearPart,
    seed: int,
) -> TrainState:
    """Fill the rows of the features of kind `linear`; all else stays as it is.

    Args:
        state: The state before the first step.
        dataset: The training part.
        config: The two towers.
        encoders: The query tower's and the candidate tower's: they say which row is whose.
        linear: How the linear model is found.
        seed: Source of the sketch that truncates it.

    Returns:
        The state with these rows; the same where the towers have no such feature.

    Raises:
        RecipeError: When a feature reads another column than that of the ids, or the data are too
            large for the linear model or its regularization too small.
    """
    features = [one for one in (config.query.linear, config.candidate.linear) if one is not None]
    if not features:
        return state
    tables = dict(state.parameters.tables)
    ids = (dataset.query_ids, dataset.candidate_ids)
    columns = (dataset.query_id, dataset.candidate_id)
    for feature, column in zip(features, columns, strict=True):
        if feature.column != column:
            raise RecipeError(
                f"feature {feature.key!r}: column", got=feature.column, expected=f"{column!r}"
            )
    names = [one.tables[own.key] for one, own in zip(encoders, features, strict=True)]
    dim = tables[names[0]].shape[1]
    vectors = linear_vectors(dataset, dim=dim, linear=linear, seed=seed)
    for name, own, encoder, known in zip(names, vectors, encoders, ids, strict=True):
        rows = encoder.vocabularies[name].rows(known)
        table = np.zeros(tables[name].shape, np.float32)
        table[rows[rows > 0], : own.shape[1]] = own[rows > 0]
        tables[name] = jnp.asarray(table)
    return eqx.tree_at(lambda one: one.parameters.tables, state, tables)


def linear_vectors(
    dataset: Dataset, *, dim: int, linear: LinearPart, seed: int
) -> tuple[Float32[np.ndarray, "queries d"], Float32[np.ndarray, "candidates d"]]:
    """Vectors whose inner products are nearest to EASE's scores, times their weight.

    Args:
        dataset: The interactions; a pair that occurs several times counts once.
        dim: Numbers in a vector; fewer where the data have no more.
        linear: Regularization, half-life, weight, and the most candidates there may be.
        seed: Source of the sketch.

    Returns:
        The vectors of queries and of candidates.

    Raises:
        RecipeError: When there are too many candidates, or the regularization is too small.
        DataError: When there is a half-life, but no times.
    """
    if dataset.num_candidates > linear.max_candidates:
        raise RecipeError(
            "there are too many candidates for a feature of kind linear",
            got=dataset.num_candidates,
            expected=f"at most {linear.max_candidates:,}",
            fix="Raise train.linear.max_candidates if there are memory and time, or leave it out.",
        )
    met = met_matrix(dataset, half_life=linear.half_life)
    weights = ease_weights(met, linear.regularization)
    if weights is None:
        raise RecipeError(
            "train.linear.regularization",
            got=linear.regularization,
            expected="more: the matrix cannot be inverted",
        )
    scores = cast("LinearOperator", aslinearoperator(met) @ aslinearoperator(weights))
    kept = min(dim, dataset.num_queries, dataset.num_candidates)
    left, values, right = decomposed(scores, kept=kept, seed=seed)
    root = np.sqrt(np.float32(linear.weight) * values)
    return np.asarray(left * root, np.float32), np.asarray(right * root, np.float32)
