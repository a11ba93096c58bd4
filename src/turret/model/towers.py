"""Towers: from (tables, dense parameters, encoded features) to vectors, as pure functions.

A tower embeds each of its features. Without a body the embeddings are added up; a body makes one
vector of them. A tower cannot tell a whole table from a sub-table of the rows that a batch touches,
so the same function trains and serves.
"""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from turret.data.encoders.tower import TowerEncoder
from turret.model.bodies.body import Body
from turret.model.bodies.row import TowerRow
from turret.model.features.embedding import embed, embedding_dims, initial
from turret.model.layers.l2 import l2_normalize
from turret.model.tables import initial_table
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.towers import Tower, TwoTower

__all__ = [
    "Dense",
    "Parameters",
    "Tables",
    "TowerDense",
    "candidate_vectors",
    "initialize",
    "query_vectors",
]


class TowerDense(NamedTuple):
    """The dense parameters of a tower.

    Attributes:
        features: For each feature's key its dense parameters; None where a feature has none.
        body: The body's; None for a tower without one.
    """

    features: dict[str, eqx.Module | None]
    body: Body | None


Tables = dict[str, Float[Array, "_ _"]]
Dense = dict[str, TowerDense]


class Parameters(NamedTuple):
    """All parameters of a two-tower model.

    Attributes:
        tables: Embedding tables by name; row 0 of each is the out-of-vocabulary row.
        dense: For "query" and "candidate" the dense parameters of the tower.
    """

    tables: Tables
    dense: Dense


def initialize(
    key: PRNGKeyArray,
    config: TwoTower,
    *,
    encoders: tuple[TowerEncoder, TowerEncoder],
    scale: float = 0.05,
) -> Parameters:
    """Draw the initial parameters.

    Tables are uniform in `[-scale, scale]`, but for row 0, the out-of-vocabulary row, which is
    zero: until it is trained a value of which nothing is known adds nothing.

    Args:
        key: Source of randomness.
        config: The two towers.
        encoders: The query tower's fitted encoder and the candidate tower's: they say how many rows
            each table has, and how many numbers each feature.
        scale: Half-width of the tables' initial distribution.

    Returns:
        The parameters, float32.
    """
    num_rows = {**encoders[0].num_rows, **encoders[1].num_rows}
    dims = _table_dims(config, encoders)
    table_key, query_key, candidate_key = jax.random.split(key, 3)
    tables = {}
    for name, one in zip(sorted(dims), jax.random.split(table_key, len(dims)), strict=True):
        tables[name] = initial_table(one, (num_rows[name], dims[name]), scale=scale)
    dense: Dense = {
        "query": _dense(query_key, config.query, encoders[0], config.embedding_dim),
        "candidate": _dense(candidate_key, config.candidate, encoders[1], config.embedding_dim),
    }
    return Parameters(tables, dense)


def query_vectors(
    config: TwoTower,
    *,
    tables: Mapping[str, Float[Array, "_ _"]],
    dense: Mapping[str, TowerDense],
    encoded: Mapping[str, Shaped[Array, "n ..."]],
    key: PRNGKeyArray | None = None,
    linear: bool = True,
) -> Float[Array, "n d"]:
    """Vectors of encoded queries.

    Args:
        config: The two towers.
        tables: Whole tables, or the sub-tables to which the rows in `encoded` were re-indexed.
        dense: The dense parameters of both towers.
        encoded: The queries' features by `FEATURE/PART`.
        key: Decides what chance decides in a training step, such as what dropout leaves out; None
            everywhere else.
        linear: Whether features of kind `linear` follow; a training step leaves them out.

    Returns:
        Shape `[n, config.width]`, or `[n, config.embedding_dim]`.
    """
    x = _inner("query", config, tables=tables, dense=dense, encoded=encoded, key=key)
    return _with_linear("query", config, x, tables, encoded) if linear else x


def candidate_vectors(
    config: TwoTower,
    *,
    tables: Mapping[str, Float[Array, "_ _"]],
    dense: Mapping[str, TowerDense],
    encoded: Mapping[str, Shaped[Array, "n ..."]],
    key: PRNGKeyArray | None = None,
    linear: bool = True,
) -> Float[Array, "n d"]:
    """Vectors of encoded candidates; see `query_vectors`."""
    x = _inner("candidate", config, tables=tables, dense=dense, encoded=encoded, key=key)
    return _with_linear("candidate", config, x, tables, encoded) if linear else x


def _rows(
    name: str,
    tower: Tower,
    *,
    tables: Mapping[str, Float[Array, "_ _"]],
    dense: TowerDense,
    encoded: Mapping[str, Shaped[Array, "n ..."]],
) -> TowerRow:
    vectors = {
        f.key: embed(name, f, tables=tables, dense=dense.features[f.key], encoded=encoded)
        for f in tower.inner
    }
    own = {f.key: tables[table_name(name, f)] for f in tower.inner if looks_up(f)}
    parts = {part: encoded[part] for part in encoded if part.rpartition("/")[0] in vectors}
    return TowerRow(vectors, parts, own)


def _inner(
    name: str,
    config: TwoTower,
    *,
    tables: Mapping[str, Float[Array, "_ _"]],
    dense: Mapping[str, TowerDense],
    encoded: Mapping[str, Shaped[Array, "n ..."]],
    key: PRNGKeyArray | None,
) -> Float[Array, "n d"]:
    """What a tower makes of its features but for those of kind `linear`."""
    own, body = dense[name], dense[name].body
    rows = _rows(name, _tower(name, config), tables=tables, dense=own, encoded=encoded)
    if body is None:
        first, *others = rows.vectors.values()
        x = sum(others, first)
    else:
        x = body(rows, key=key)
    return l2_normalize(x) if config.normalize else x


def _with_linear(
    name: str,
    config: TwoTower,
    x: Float[Array, "n _"],
    tables: Mapping[str, Float[Array, "_ _"]],
    encoded: Mapping[str, Shaped[Array, "n ..."]],
) -> Float[Array, "n d"]:
    """Those vectors, and behind them what the linear model says."""
    feature = _tower(name, config).linear
    if feature is None:
        return x
    return jnp.concatenate(
        [x, embed(name, feature, tables=tables, dense=None, encoded=encoded)], axis=1
    )


def _tower(name: str, config: TwoTower) -> Tower:
    return config.query if name == "query" else config.candidate


def _dense(
    key: PRNGKeyArray, tower: Tower, encoder: TowerEncoder, embedding_dim: int
) -> TowerDense:
    dims = embedding_dims(tower, embedding_dim)
    features = {
        name: initial(jax.random.fold_in(key, place), encoder.encoders[name], dim=dim)
        for place, (name, dim) in enumerate(dims.items())
    }
    body = None
    if tower.body:
        own = jax.random.fold_in(key, len(dims))
        widths = {feature.key: dims[feature.key] for feature in tower.inner}
        body = Body(own, tower.body, widths=widths, embedding_dim=embedding_dim)
    return TowerDense(features, body)


def _table_dims(config: TwoTower, encoders: tuple[TowerEncoder, TowerEncoder]) -> dict[str, int]:
    dims: dict[str, int] = {}
    for tower, encoder in zip((config.query, config.candidate), encoders, strict=True):
        widths = embedding_dims(tower, config.embedding_dim)
        dims |= {table: widths[key] for key, table in encoder.tables.items()}
    return dims
