"""Arguments and options that several commands share, and how their text is read."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from turret.errors import QueryError, RecipeError

if TYPE_CHECKING:
    from turret.recipe.recipe import Recipe

__all__ = ["Bundle", "Depth", "Json", "changes", "query_values", "recipe_of"]

Bundle = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A directory that a training wrote.")
]
Depth = Annotated[int, typer.Option("-k", min=1, help="How many answers for each input.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]


def changes(settings: Iterable[str]) -> dict[str, str]:
    """Read `--set key.path=value` options.

    Args:
        settings: the texts given.

    Returns:
        Value by key, both as text.

    Raises:
        RecipeError: a text has no `=`.

    Example:
        >>> changes(["train.epochs=5"])
        {'train.epochs': '5'}
    """
    found: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise RecipeError("--set", got=setting, expected="key.path=value")
        found[key.strip()] = value.strip()
    return found


def query_values(text: str) -> dict[str, str]:
    """Read one `--query`: `column=value`, several divided by commas, or a JSON object.

    Args:
        text: the text given.

    Returns:
        Value by column. A comma belongs to the value unless `column=` follows it.

    Raises:
        QueryError: the text is neither, names a column twice, or a value is no text or number.

    Example:
        >>> query_values("user_id=42,country=NL")
        {'user_id': '42', 'country': 'NL'}
        >>> query_values('{"user_id": 42}')
        {'user_id': '42'}
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    found: dict[str, str] = {}
    for part in re.split(r",(?=[^,=]+=)", text):
        column, equals, value = part.partition("=")
        if not equals or not column.strip():
            raise QueryError("--query", got=text, expected="column=value, such as user_id=42")
        if column.strip() in found:
            raise QueryError(f"--query names {column.strip()} twice", got=text)
        found[column.strip()] = value
    return found


def _from_json(text: str) -> dict[str, str]:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise QueryError(f"--query is not JSON: {error}", got=text) from error
    assert isinstance(value, Mapping)  # it starts with a brace
    values = cast("Mapping[str, object]", value)
    for column, inner in values.items():
        if not isinstance(inner, str | int | float) or isinstance(inner, bool):
            raise QueryError(f"--query {column}", got=inner, expected="text or a number")
        if isinstance(inner, float) and not math.isfinite(inner):
            raise QueryError(f"--query {column}", got=inner, expected="a finite number")
    # A whole number is one id, however it is written.
    return {
        column: str(int(inner) if isinstance(inner, float) and inner.is_integer() else inner)
        for column, inner in values.items()
    }


def recipe_of(name: str) -> "Recipe":
    """Return the recipe of a file, or the shipped one of that name.

    Args:
        name: a path, or a name such as `tutorial`.

    Returns:
        The recipe.

    Raises:
        RecipeError: there is neither, or the file cannot be used.
    """
    from turret import toml

    if name in toml.builtin_names() and not Path(name).exists():
        return toml.builtin(name)
    return toml.load(name)
