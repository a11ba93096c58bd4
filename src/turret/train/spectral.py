"""A start from who met what: rows of ids from a truncated singular value decomposition."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32
from scipy import sparse

from turret.data.dataset import Dataset
from turret.data.encoders.tower import TowerEncoder
from turret.errors import RecipeError
from turret.recipe.decomposition import Decomposition
from turret.recipe.features.linear import Linear
from turret.train.sketch import decomposed
from turret.train.state import TrainState

__all__ = ["from_decomposition", "singular_vectors"]


def from_decomposition(
    state: TrainState,
    dataset: Dataset,
    *,
    query_encoder: TowerEncoder,
    candidate_encoder: TowerEncoder,
    decomposition: Decomposition,
    scale: float,
    seed: int,
) -> TrainState:
    """Begin with the singular vectors of who met what as the embedding rows of the ids.

    They are scaled to a mean square of `scale` squared. Other tables stay as they are, and so do
    the numbers of a row for which the data have no singular vector.

    Args:
        state: The state before the first step.
        dataset: The training part.
        query_encoder: Says which row stands for which query.
        candidate_encoder: Likewise of candidates.
        decomposition: Of which matrix, and how long the vectors of popular candidates are.
        scale: Root mean square of the rows' numbers.
        seed: Source of the sketch.

    Returns:
        The state with these rows.

    Raises:
        RecipeError: When a tower has no feature that gives each id a row of its own.
    """
    names = (
        _table_of_ids(query_encoder, dataset.query_id),
        _table_of_ids(candidate_encoder, dataset.candidate_id),
    )
    tables = dict(state.parameters.tables)
    dim = min(tables[name].shape[1] for name in names)
    vectors = singular_vectors(dataset, dim=dim, seed=seed, decomposition=decomposition)
    sides = zip(
        names,
        vectors,
        (query_encoder, candidate_encoder),
        (dataset.query_ids, dataset.candidate_ids),
        strict=True,
    )
    for name, own, encoder, ids in sides:
        rows = encoder.vocabularies[name].rows(ids)
        known = rows > 0
        size = max(float(np.sqrt(np.mean(np.square(own[known])))), 1e-12)
        value = jnp.asarray(own[known] * np.float32(scale / size))
        tables[name] = tables[name].at[rows[known], : own.shape[1]].set(value)
    return eqx.tree_at(lambda one: one.parameters.tables, state, tables)


def singular_vectors(
    dataset: Dataset, *, dim: int, seed: int, decomposition: Decomposition | None = None
) -> tuple[Float32[np.ndarray, "queries d"], Float32[np.ndarray, "candidates d"]]:
    r"""Truncates the decomposition of who met what, divided by powers of both degrees.

    `R_qc = n_q^-a n_c^-b` where q met c, else 0, with `n` the number of candidates a query met and
    of queries that met a candidate; `R ~ U S V^T`, and the vectors are the rows of `U S^(1/2)` and
    `N^p V S^(1/2)`, whose inner products are nearest to `R`, times `n_c^p`. A query's scores are
    sums over the candidates it met, smoothed by leaving out the small singular values; a power
    `p` somewhat below `b` brings the popularity back that the division took off.

    Args:
        dataset: The interactions; a pair that occurs several times counts once.
        dim: How many singular vectors to take; fewer where the data have no more.
        seed: Source of the sketch that they are found by.
        decomposition: The powers `a`, `b` and `p`; None means 1/2, 1/2 and 0.

    Returns:
        The vectors of queries and of candidates.

    Example:
        >>> events = {"user": ["a", "a", "b"], "item": ["x", "y", "z"]}
        >>> data = Dataset.from_frames(events, query_id="user", candidate_id="item")
        >>> query, candidate = singular_vectors(data, dim=2, seed=0)
        >>> print(np.abs(query @ candidate.T).round(3))
        [[0.707 0.707 0.   ]
         [0.    0.    1.   ]]
    """
    powers = decomposition or Decomposition()
    indptr, candidate_row = dataset.pairs_by_query()
    shape = (dataset.num_queries, dataset.num_candidates)
    counts = np.diff(indptr), np.bincount(candidate_row, minlength=shape[1])
    degrees = [np.maximum(count, 1).astype(np.float32) for count in counts]
    of_query = np.repeat(degrees[0] ** -powers.query_power, counts[0])
    values = of_query * degrees[1][candidate_row] ** -powers.candidate_power
    matrix = sparse.csr_array((values, candidate_row, indptr), shape=shape)
    left, values, right = decomposed(matrix, kept=min(dim, *shape), seed=seed)
    root = np.sqrt(values)
    candidate = right * root * degrees[1][:, None] ** powers.popularity
    return np.asarray(left * root, np.float32), np.asarray(candidate, np.float32)


def _table_of_ids(encoder: TowerEncoder, column: str) -> str:
    """The table in which each id of a tower has a row."""
    for feature in encoder.features:
        name = encoder.tables.get(feature.key)
        if isinstance(feature, Linear):
            continue
        if feature.reads == (column,) and name in encoder.vocabularies:
            return name
    raise RecipeError(
        f'train.initial = "decomposition" needs a row for each id of the {encoder.name} tower',
        got=[feature.key for feature in encoder.features],
        expected=f"a categorical feature on {column!r}",
        fix='Add it, or leave train.initial at "uniform".',
    )
