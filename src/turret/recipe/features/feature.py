"""A feature of any kind."""

from turret.recipe.features.categorical import Categorical

__all__ = ["Feature"]

Feature = Categorical
