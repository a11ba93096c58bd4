"""What the sections of a recipe check their values with."""

import math

from turret.errors import RecipeError

__all__ = ["require", "require_positive"]


def require(holds: bool, key: str, got: object, expected: str) -> None:
    """Refuse a value of a recipe unless something holds.

    Args:
        holds: what must hold.
        key: the key's path in the recipe.
        got: the value.
        expected: what values are possible, in words.

    Raises:
        RecipeError: if it does not hold.
    """
    if not holds:
        raise RecipeError(key, got=got, expected=expected, fix="Change that value.")


def require_positive(key: str, value: float) -> None:
    """Refuse a number that is not above 0 and finite.

    Args:
        key: the key's path in the recipe.
        value: the number.

    Raises:
        RecipeError: if it is 0, negative, infinite or NaN.
    """
    require(0 < value < math.inf, key, value, "above 0 and finite")
