"""Classes of one's own, by import path."""

import importlib

import equinox as eqx

from turret.errors import ModelError

__all__ = ["custom_class"]


def custom_class(path: str) -> type[eqx.Module]:
    """Import a class.

    Importing runs the code of its module: call this for paths that the user has named alone.

    Args:
        path: "package.module:Class".

    Returns:
        The class.

    Raises:
        ModelError: When it cannot be imported, or is no class of Equinox modules.

    Example:
        >>> custom_class("equinox.nn:MLP").__name__
        'MLP'
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ModelError(
            f"body 'custom': {module!r} cannot be imported: {error}",
            fix="Install the package, or put its folder on PYTHONPATH.",
        ) from error
    if found is None:
        fix = "Correct the name, or define the class at the top of the module."
        raise ModelError(f"body 'custom': {module!r} has no {name!r}", fix=fix)
    if not (isinstance(found, type) and issubclass(found, eqx.Module)):
        expected = "a class derived from equinox.Module"
        raise ModelError(f"body 'custom': {path}", got=found, expected=expected)
    return found
