"""What a model is made of, part by part: widths, rows, parameters, bytes."""

from typing import NamedTuple

import jax
import msgspec

from turret.data.encoders.tower import TowerEncoder
from turret.model.bodies.body import Body
from turret.model.features.embedding import embedding_dims
from turret.model.towers import Parameters
from turret.recipe.towers import Tower, TwoTower

__all__ = ["ModelPart", "model_parts"]


class ModelPart(NamedTuple):
    """A feature of a tower, or one of the layers that follow the features.

    Attributes:
        tower: "query" or "candidate".
        name: The feature's key; "body" for a body, "head" for the linear layer behind the last.
        kind: Of the feature, or of the body.
        width: Numbers in the vector that it makes.
        rows: Of the embedding table that it looks up; None where it looks none up.
        parameters: How many it has. Those of a table that features share count with the first.
        bytes: What they take.
    """

    tower: str
    name: str
    kind: str
    width: int
    rows: int | None
    parameters: int
    bytes: int


def model_parts(
    config: TwoTower, encoders: tuple[TowerEncoder, TowerEncoder], parameters: Parameters
) -> tuple[ModelPart, ...]:
    """List the parts of a model, first the query tower's.

    Args:
        config: The two towers.
        encoders: The query tower's encoder and the candidate tower's.
        parameters: All parameters.

    Returns:
        Each tower's features in their order, then its bodies if it has any.
    """
    parts: list[ModelPart] = []
    shown: set[str] = set()
    for tower, encoder in zip((config.query, config.candidate), encoders, strict=True):
        name, dense = encoder.name, parameters.dense[encoder.name]
        widths, tables = embedding_dims(tower, config.embedding_dim), encoder.tables
        for feature in tower.features:
            table = tables.get(feature.key)
            own: list[object] = [dense.features[feature.key]]
            if table is not None and table not in shown:
                own.append(parameters.tables[table])
                shown.add(table)
            rows = None if table is None else len(parameters.tables[table])
            width, kind = widths[feature.key], str(msgspec.to_builtins(feature)["kind"])
            parts.append(ModelPart(name, feature.key, kind, width, rows, *_size(own)))
        if dense.body is not None:
            parts += _body_parts(name, tower, dense.body)
    return tuple(parts)


def _body_parts(name: str, tower: Tower, body: Body) -> list[ModelPart]:
    kinds = [str(msgspec.to_builtins(one)["kind"]) for one in tower.body]
    parts = [
        ModelPart(name, "body", kind, width, None, *_size(layer))
        for kind, width, layer in zip(kinds, body.sizes, body.layers, strict=True)
    ]
    if body.head is not None:
        width = body.head.bias.shape[0]
        parts.append(ModelPart(name, "head", "linear", width, None, *_size(body.head)))
    return parts


def _size(tree: object) -> tuple[int, int]:
    """Numbers and bytes in all arrays of a tree."""
    leaves = jax.tree.leaves(tree)
    arrays = [leaf for leaf in leaves if hasattr(leaf, "nbytes")]
    return sum(int(one.size) for one in arrays), sum(int(one.nbytes) for one in arrays)
