"""Towers of an exported model: from rows to vectors, as `turret.model.towers` does it."""

from functools import reduce
from operator import add, or_
from typing import TypeVar

from turret.export.features.embedding import embedded
from turret.export.graph import Value
from turret.export.layers import cross, dot, l2_normalize, linear, mlp
from turret.export.rows import Rows
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.custom import Custom
from turret.recipe.bodies.dot import DotInteraction
from turret.recipe.bodies.mlp import MLP
from turret.recipe.towers import TwoTower

__all__ = ["tower"]

V = TypeVar("V", bound=Value)


def tower(rows: Rows[V], config: TwoTower) -> tuple[V, V]:
    """Embed rows.

    Args:
        rows: the rows.
        config: both towers; the rows say which is theirs.

    Returns:
        Vectors, float32 `[n, config.width]`; and whether training says something about at least
        one feature of each row, `[n]`.
    """
    graph, side = rows.graph, rows.side
    inner, linear = side.tower.inner, side.tower.linear
    pairs = [embedded(rows, feature) for feature in inner]
    vectors = [vector for vector, _ in pairs]
    known = reduce(or_, [known for _, known in pairs])
    if side.tower.body:
        x = _body(rows, vectors, dim=inner[0].embedding_dim or config.embedding_dim)
    else:
        x = reduce(add, vectors)
    if config.normalize:
        x = l2_normalize(graph, x)
    if linear is not None:
        x = graph.concat([x, embedded(rows, linear)[0]], axis=1)
    return x, known


def _body(rows: Rows[V], vectors: list[V], *, dim: int) -> V:
    """Bodies one after the other, and the linear layer behind them; the first vector has `dim`."""
    graph, arrays, path = rows.graph, rows.side.arrays, f"dense/{rows.side.name}/body"
    x = graph.concat(vectors, axis=1)
    for place, config in enumerate(rows.side.tower.body):
        own = f"{path}/layers/{place}"
        match config:
            case MLP():
                x = mlp(graph, x, config, arrays=arrays, path=own)
            case CrossNetwork():
                x = cross(graph, x, config, arrays=arrays, path=own)
            case DotInteraction():
                x = dot(graph, vectors, config, width=dim)
            case Custom():
                raise AssertionError("refused when the bundle was opened")
    return linear(graph, x, arrays, f"{path}/head")
