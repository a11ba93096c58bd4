"""Code that a bundle names but does not hold: imported for those alone who say so."""

from collections.abc import Collection

from turret.errors import BundleError
from turret.recipe.towers import TwoTower

__all__ = ["require_trusted"]


def require_trusted(config: TwoTower, allowed: Collection[str]) -> None:
    """Refuse towers made by classes that the user has not named.

    Args:
        config: the two towers.
        allowed: import paths of the classes that may be imported.

    Raises:
        BundleError: if another one is needed.

    Example:
        >>> from turret.recipe.bodies.custom import Custom
        >>> from turret.recipe.features.categorical import Categorical
        >>> from turret.recipe.towers import Tower
        >>> own = Tower([Categorical("user")], body=[Custom("my_towers:Gated")])
        >>> config = TwoTower(query=own, candidate=Tower([Categorical("film")]))
        >>> require_trusted(config, ["my_towers:Gated"])
    """
    needed = [path for path in config.custom_classes if path not in allowed]
    if needed:
        options = " ".join(f"--allow-custom {path}" for path in needed)
        raise BundleError(
            "the bundle's towers need code that is not in it",
            got=needed,
            expected="classes that you allow to be imported and run",
            fix=f"If you trust the bundle and that code: allow_custom={needed}, or {options}.",
        )
