"""A feature of any kind."""

from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History

__all__ = ["Feature"]

Feature = Categorical | History
