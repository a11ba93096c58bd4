"""A body of any kind."""

from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.custom import Custom
from turret.recipe.bodies.dot import DotInteraction
from turret.recipe.bodies.mlp import MLP

__all__ = ["Body"]

Body = MLP | CrossNetwork | DotInteraction | Custom
