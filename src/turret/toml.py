"""Recipes as TOML: reading, writing, changing single values, and the ones that are shipped."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import tomli_w

from turret.errors import RecipeError, nearest
from turret.recipe.recipe import Recipe
from turret.strict import convert

__all__ = ["builtin", "builtin_names", "dumps", "load", "loads", "override", "replaced", "value_of"]


def loads(text: str | bytes, *, where: str = "recipe") -> Recipe:
    """Read a recipe from TOML text.

    Args:
        text: the TOML, as text or as UTF-8 bytes.
        where: what to call the text in messages.

    Returns:
        The recipe.

    Raises:
        RecipeError: the text is no TOML, or a key or value in it cannot be.
    """
    try:
        plain = tomllib.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{where} is not TOML: {error}", fix="Mend that place.") from error
    return convert(plain, Recipe, where=where)


def load(path: str | Path) -> Recipe:
    """Read a recipe from a TOML file.

    Args:
        path: the file.

    Returns:
        The recipe.

    Raises:
        RecipeError: the file cannot be read, is no TOML, or a key or value in it cannot be.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        fix = f"Name a recipe file, or one of: {', '.join(builtin_names())}."
        raise RecipeError(f"Recipe {str(path)!r} cannot be read: {reason}", fix=fix) from error
    return loads(text, where=str(path))


def dumps(recipe: Recipe) -> str:
    """Write a recipe as TOML text that reads back equal.

    Args:
        recipe: the recipe.

    Returns:
        The text; keys that are None are left out.

    Example:
        >>> loads(dumps(builtin("tutorial"))) == builtin("tutorial")
        True
    """
    return tomli_w.dumps(_plain(recipe))


def override(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """Return a recipe with some values changed, as `--set` does.

    Args:
        recipe: the recipe to start from.
        changes: value by dotted key; each is read as TOML, and as a plain word when it is none.

    Returns:
        The changed recipe.

    Raises:
        RecipeError: a key is unknown or a value impossible.

    Example:
        >>> override(builtin("tutorial"), {"train.epochs": "5", "index.kind": "scann"}).train.epochs
        5
    """
    values = {key: value_of(text) for key, text in changes.items()}
    return replaced(recipe, values, where="--set")


def replaced(recipe: Recipe, values: Mapping[str, object], *, where: str) -> Recipe:
    """Return a recipe with some values changed.

    Args:
        recipe: the recipe to start from.
        values: value by dotted key, as TOML would hold it; a number counts places of a list from 0.
        where: what the values come from; each message starts with it.

    Returns:
        The changed recipe.

    Raises:
        RecipeError: a key is unknown or a value impossible.

    Example:
        >>> replaced(builtin("tutorial"), {"loss.temperature": 0.5}, where="here").loss.temperature
        0.5
    """
    plain = _plain(recipe)
    for key, value in values.items():
        *path, last = key.split(".")
        section: Any = plain
        for part in path:
            section = _step(section, part, f"{where} {key}")
        if isinstance(section, list):
            items = cast("list[object]", section)
            items[_position(items, last, f"{where} {key}")] = value
        else:
            section[last] = value
    return convert(plain, Recipe, where=where)


def _plain(recipe: Recipe) -> dict[str, Any]:
    return cast("dict[str, Any]", _without_none(msgspec.to_builtins(recipe)))


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {key: _without_none(inner) for key, inner in items if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_none(inner) for inner in cast("list[object]", value)]
    return value


def _step(section: Any, part: str, what: str) -> Any:
    """Return the section one part of a dotted key further down, made when it is not there."""
    if isinstance(section, list):
        items = cast("list[object]", section)
        return items[_position(items, part, what)]
    inner = section.setdefault(part, {})
    if not isinstance(inner, dict | list):
        raise RecipeError(f"{what}: {part} holds a value, not further keys", got=inner)
    return cast("object", inner)


def _position(items: list[object], part: str, what: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        expected = f"a position from 0 to {len(items) - 1}"
        raise RecipeError(what, got=part, expected=expected)
    return int(part)


def value_of(text: str) -> object:
    """Read one value as TOML, and as a plain word when it is none.

    Args:
        text: what stands behind the equals sign.

    Returns:
        The value.

    Example:
        >>> value_of("5"), value_of("scann")
        (5, 'scann')
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def builtin(name: str) -> Recipe:
    """Return a recipe that Turret ships.

    Args:
        name: its name, such as `tutorial`.

    Returns:
        The recipe.

    Raises:
        RecipeError: no recipe of that name is shipped.
    """
    paths = {path.stem: path for path in _shipped()}
    if name not in paths:
        raise RecipeError(f"No recipe is named {name!r}", fix=nearest(name, paths))
    return load(paths[name])


def builtin_names() -> tuple[str, ...]:
    """Return the names of the recipes that Turret ships, in order.

    Example:
        >>> builtin_names()
        ('default', 'movielens', 'tutorial')
    """
    return tuple(sorted(path.stem for path in _shipped()))


def _shipped() -> Iterator[Path]:
    """Yield the recipe files: beside this module, or in a checkout at the root."""
    package = Path(__file__).parent
    for folder in (package / "recipes", package.parent.parent / "recipes"):
        if folder.is_dir():
            yield from folder.glob("*.toml")
            return
