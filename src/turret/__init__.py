"""Turret trains two-tower retrieval models and answers with their top-k.

Names are imported when first used, so that importing this package costs nothing.

Example:
    >>> import turret
    >>> turret.builtin("tutorial").model.embedding_dim
    32
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turret.errors import (
        BundleError,
        CandidateIndexError,
        DataError,
        EvaluationError,
        MissingPartError,
        ModelError,
        QueryError,
        RecipeError,
        SplitError,
        TrainingError,
        TurretError,
    )
    from turret.recipe import (
        Categorical,
        Recipe,
        Softmax,
        Tower,
        TwoTower,
    )
    from turret.toml import builtin

    __version__: str

__all__ = [
    "BundleError",
    "CandidateIndexError",
    "Categorical",
    "DataError",
    "EvaluationError",
    "MissingPartError",
    "ModelError",
    "QueryError",
    "Recipe",
    "RecipeError",
    "Softmax",
    "SplitError",
    "Tower",
    "TrainingError",
    "TurretError",
    "TwoTower",
    "__version__",
    "builtin",
]

_HOME = {
    "turret.errors": (
        "BundleError",
        "CandidateIndexError",
        "DataError",
        "EvaluationError",
        "MissingPartError",
        "ModelError",
        "QueryError",
        "RecipeError",
        "SplitError",
        "TrainingError",
        "TurretError",
    ),
    "turret.recipe": ("Categorical", "Recipe", "Softmax", "Tower", "TwoTower"),
    "turret.toml": ("builtin",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the module that defines a public name, at its first use."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("turret")
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'turret' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
