"""From the encoded parts of a feature to one vector a row."""

from collections.abc import Mapping

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from turret.data.encoders.base import Encoder
from turret.data.encoders.history import HistoryEncoder
from turret.model.features.lookup import lookup, pooled_lookup, product_lookup
from turret.model.features.projection import Projection
from turret.model.features.sequences import AttentionPooling, Transformer
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.towers import Tower

__all__ = ["CANDIDATES", "embed", "embedding_dims", "initial"]

CANDIDATES = "candidate tower"
"""Stands among the tables for the vectors of candidates, where a history looks those up."""


def embedding_dims(tower: Tower, default: int) -> dict[str, int]:
    """The width of each feature's vector by its key; `default` where the feature does not say."""
    return {feature.key: feature.embedding_dim or default for feature in tower.features}


def initial(key: PRNGKeyArray, encoder: Encoder, *, dim: int) -> eqx.Module | None:
    """Draw the dense parameters of a feature.

    Args:
        key: Source of randomness.
        encoder: The feature's fitted encoder.
        dim: Width of the feature's vector.

    Returns:
        The parameters; None for a feature that has none beside its table.
    """
    if isinstance(encoder, HistoryEncoder):
        return _initial_pooling(key, encoder.feature, dim=dim)
    if encoder.num_values == 0:
        return None
    return Projection(key, num_values=encoder.num_values, dim=dim)


def embed(
    name: str,
    feature: Feature,
    *,
    tables: Mapping[str, Float[Array, "_ _"]],
    dense: eqx.Module | None,
    encoded: Mapping[str, Shaped[Array, "n ..."]],
) -> Float[Array, "n dim"]:
    """The vectors of a feature: what it looks up, and its projected numbers, added up.

    Args:
        name: The tower, "query" or "candidate".
        feature: Which feature is embedded.
        tables: Whole tables, or the sub-tables to which the rows in `encoded` were re-indexed.
        dense: The feature's dense parameters, as `initial` makes them.
        encoded: The tower's encoded rows by `FEATURE/PART`.

    Returns:
        One vector a row.
    """
    if isinstance(feature, History):
        table = tables[table_name(name, feature) if feature.has_table else CANDIDATES]
        return _pooled_history(feature, table, dense, encoded)
    vectors = []
    if looks_up(feature):
        table, rows = tables[table_name(name, feature)], encoded[f"{feature.key}/rows"]
        if rows.ndim == 1:
            vectors.append(lookup(table, rows))
        else:
            vectors.append(pooled_lookup(table, rows, encoded.get(f"{feature.key}/weights")))
    if isinstance(dense, Projection):
        vectors.append(dense(encoded[f"{feature.key}/values"]))
    return sum(vectors[1:], vectors[0])


def _initial_pooling(key: PRNGKeyArray, history: History, *, dim: int) -> eqx.Module | None:
    if history.pooling == "attention":
        return AttentionPooling(dim=dim, length=history.length)
    if history.pooling == "transformer":
        layers, heads = history.layers, history.heads
        return Transformer(key, dim=dim, length=history.length, layers=layers, heads=heads)
    return None


def _pooled_history(
    history: History,
    table: Float[Array, "rows dim"],
    dense: eqx.Module | None,
    encoded: Mapping[str, Shaped[Array, "n ..."]],
) -> Float[Array, "n dim"]:
    rows = encoded[f"{history.key}/rows"]
    if isinstance(dense, AttentionPooling | Transformer):
        return dense(lookup(table, rows), rows >= 0)
    return product_lookup(table, rows, encoded[f"{history.key}/weights"])
