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

__all__ = [
    "AllowCustom",
    "Bundle",
    "Collection",
    "Depth",
    "Json",
    "SearchIn",
    "changes",
    "query_values",
    "recipe_of",
    "require_search",
]

AllowCustom = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-custom",
        metavar="CLASS",
        help="Import and run this class, package.module:Class, that the bundle names for a tower. "
        "Repeat it for further ones.",
    ),
]
Bundle = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A directory that a training wrote.")
]
Collection = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The name in the vector database. [default: BUNDLE's name]"),
]
Depth = Annotated[int, typer.Option("-k", min=1, help="How many answers for each input.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
SearchIn = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--search-in",
        metavar="qdrant|pgvector URL",
        help="Search in this vector database, to which the bundle was pushed.",
    ),
]


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


def query_values(text: str) -> dict[str, str | list[str]]:
    """Read one `--query`: `column=value`, several divided by commas, or a JSON object.

    Args:
        text: the text given.

    Returns:
        Value by column. A comma belongs to the value unless `column=` follows it. In a JSON object
        a value may be a list, such as a history.

    Raises:
        QueryError: the text is neither, names a column twice, or a value is no text or number, nor
            a list of them.

    Example:
        >>> query_values("user_id=42,country=NL")
        {'user_id': '42', 'country': 'NL'}
        >>> query_values('{"user_id": 42}')
        {'user_id': '42'}
        >>> query_values('{"history": ["Up", "Alien"]}')
        {'history': ['Up', 'Alien']}
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    found: dict[str, str | list[str]] = {}
    for part in re.split(r",(?=[^,=]+=)", text):
        column, equals, value = part.partition("=")
        if not equals or not column.strip():
            raise QueryError("--query", got=text, expected="column=value, such as user_id=42")
        if column.strip() in found:
            raise QueryError(f"--query names {column.strip()} twice", got=text)
        found[column.strip()] = value
    return found


def _from_json(text: str) -> dict[str, str | list[str]]:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise QueryError(f"--query is not JSON: {error}", got=text) from error
    assert isinstance(value, Mapping)  # it starts with a brace
    found: dict[str, str | list[str]] = {}
    for column, inner in cast("Mapping[str, object]", value).items():
        if isinstance(inner, list):
            found[column] = [_text(one, column=column) for one in cast("list[object]", inner)]
        else:
            found[column] = _text(inner, column=column)
    return found


def _text(value: object, *, column: str) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise QueryError(
            f"--query {column}", got=value, expected="text or a number, or a list of them"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise QueryError(f"--query {column}", got=value, expected="a finite number")
    # A whole number is one id, however it is written.
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


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


def require_search(search_in: tuple[str, str] | None, collection: str | None) -> None:
    """Refuse the name of a collection where none is searched.

    Args:
        search_in: what `--search-in` says.
        collection: what `--collection` says.

    Raises:
        QueryError: there is a collection, and no database.
    """
    if collection is not None and search_in is None:
        raise QueryError(
            "--collection names what --search-in searches", fix="Give both, or neither."
        )
