"""A feature of any kind."""

from turret.recipe.features.bag import Bag
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.cross import Cross
from turret.recipe.features.history import History
from turret.recipe.features.linear import Linear
from turret.recipe.features.number import Number
from turret.recipe.features.text import Text
from turret.recipe.features.timestamp import Timestamp
from turret.recipe.features.vector import Vector

__all__ = ["Feature"]

Feature = Categorical | Bag | Number | Timestamp | Text | Vector | History | Cross | Linear
