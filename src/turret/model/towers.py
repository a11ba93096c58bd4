"""Towers: from (tables, dense parameters, encoded features) to vectors, as pure functions.

A tower embeds each of its features. Without hidden layers the embeddings are added up; with hidden
layers they stand side by side and an MLP brings them to `embedding_dim`. A tower cannot tell a
whole table from a sub-table of the rows that a batch touches, so the same function trains and
serves.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, PRNGKeyArray

from turret.data.encoders import table_name
from turret.model.features import embed, embedding_dims
from turret.model.layers import MLP, l2_normalize
from turret.recipe.towers import Tower, TwoTower

__all__ = ["Dense", "Parameters", "Tables", "candidate_vectors", "initialize", "query_vectors"]

Tables = dict[str, Float[Array, "rows dim"]]
Dense = dict[str, MLP | None]


class Parameters(NamedTuple):
    """All parameters of a two-tower model.

    Attributes:
        tables: Embedding tables by name; row 0 of each is the out-of-vocabulary row.
        dense: For "query" and "candidate" the body's parameters; None for a tower without hidden
            layers.
    """

    tables: Tables
    dense: Dense


def initialize(
    key: PRNGKeyArray,
    config: TwoTower,
    *,
    num_rows: Mapping[str, int],
    scale: float = 0.05,
) -> Parameters:
    """Draw the initial parameters.

    Tables are uniform in `[-scale, scale]`, but for row 0, the out-of-vocabulary row, which is
    zero: until it is trained a value of which nothing is known adds nothing.

    Args:
        key: Source of randomness.
        config: The two towers.
        num_rows: Rows of each table, row 0 included.
        scale: Half-width of the tables' initial distribution.

    Returns:
        The parameters, float32.
    """
    dims = _table_dims(config)
    table_key, query_key, candidate_key = jax.random.split(key, 3)
    tables = {}
    for name, one in zip(sorted(dims), jax.random.split(table_key, len(dims)), strict=True):
        shape = (num_rows[name], dims[name])
        values = jax.random.uniform(one, shape, minval=-scale, maxval=scale)
        tables[name] = values.at[0].set(0.0)
    dense: Dense = {
        "query": _body(query_key, config.query, config.embedding_dim),
        "candidate": _body(candidate_key, config.candidate, config.embedding_dim),
    }
    return Parameters(tables, dense)


def query_vectors(
    config: TwoTower,
    *,
    tables: Mapping[str, Float[Array, "rows dim"]],
    dense: Mapping[str, MLP | None],
    encoded: Mapping[str, Int32[Array, " n"]],
) -> Float[Array, "n d"]:
    """Vectors of encoded queries, shape `[n, embedding_dim]`."""
    return _vectors("query", config.query, config.normalize, tables, dense["query"], encoded)


def candidate_vectors(
    config: TwoTower,
    *,
    tables: Mapping[str, Float[Array, "rows dim"]],
    dense: Mapping[str, MLP | None],
    encoded: Mapping[str, Int32[Array, " n"]],
) -> Float[Array, "n d"]:
    """Vectors of encoded candidates, shape `[n, embedding_dim]`."""
    tower = config.candidate
    return _vectors("candidate", tower, config.normalize, tables, dense["candidate"], encoded)


def _vectors(name, tower, normalize, tables, body, encoded):
    parts = [embed(name, f, tables=tables, encoded=encoded[f.column]) for f in tower.features]
    x = sum(parts[1:], parts[0]) if body is None else body(jnp.concatenate(parts, axis=-1))
    return l2_normalize(x) if normalize else x


def _body(key: PRNGKeyArray, tower: Tower, embedding_dim: int) -> MLP | None:
    dims = embedding_dims(tower, embedding_dim)
    if tower.hidden:
        widths = (sum(dims), *tower.hidden, embedding_dim)
        return MLP(key, widths, activation=tower.activation)
    return None


def _table_dims(config: TwoTower) -> dict[str, int]:
    dims: dict[str, int] = {}
    for name, tower in (("query", config.query), ("candidate", config.candidate)):
        for feature, dim in zip(
            tower.features, embedding_dims(tower, config.embedding_dim), strict=True
        ):
            table = table_name(name, feature)
            dims[table] = dim
    return dims
