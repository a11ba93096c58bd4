"""Features on the device: an encoded column and its embedding table to one vector a row."""

from collections.abc import Mapping

from jaxtyping import Array, Float, Int32

from turret.data.encoders import table_name
from turret.recipe.features import Categorical
from turret.recipe.towers import Tower

__all__ = ["embed", "embedding_dims"]


def embedding_dims(tower: Tower, default: int) -> tuple[int, ...]:
    """The width of each feature's embedding; `default` where the feature does not say."""
    return tuple(feature.embedding_dim or default for feature in tower.features)


def embed(
    name: str,
    feature: Categorical,
    *,
    tables: Mapping[str, Float[Array, "rows dim"]],
    encoded: Int32[Array, " n"],
) -> Float[Array, "n dim"]:
    """Look up the embedding of each encoded value.

    Args:
        name: The tower, "query" or "candidate".
        feature: Which feature is embedded.
        tables: Whole tables, or the sub-tables to which `encoded` was re-indexed; it makes no
            difference here.
        encoded: Rows of the feature's table.

    Returns:
        One vector a row.
    """
    table = tables[table_name(name, feature)]
    return table.at[encoded].get(mode="promise_in_bounds")
