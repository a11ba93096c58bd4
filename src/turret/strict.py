"""Strict decoding: plain values from a file into frozen structs, with errors a person can act on.

msgspec does the decoding. This module adds what its messages lack: the full path of a key in the
words of the file, and the nearest name that would have been right.
"""

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec
import msgspec.inspect

from turret.errors import RecipeError, nearest

__all__ = ["convert"]

T = TypeVar("T")

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_ARTICLE = re.compile(r"^Expected (?P<expected>.*?)(?:, got (?P<got>.*))?$", re.DOTALL)


def convert(value: object, kind: type[T], *, where: str) -> T:
    """Turn the plain values of a TOML file into a struct, refusing what the struct does not know.

    Args:
        value: what the TOML reader returned.
        kind: the msgspec struct wanted.
        where: the file or call the values come from; each message starts with it.

    Returns:
        The struct.

    Raises:
        RecipeError: a key is unknown or missing, or a value is of the wrong type or impossible.
            It names the key by its full path, such as `train.epochs`.

    Example:
        >>> class Point(msgspec.Struct, forbid_unknown_fields=True):
        ...     x: int
        >>> convert({"x": 1}, Point, where="here")
        Point(x=1)
        >>> convert({"x": 1, "xx": 2}, Point, where="here")
        Traceback (most recent call last):
        turret.errors.RecipeError: here: unknown key xx. Did you mean 'x'?
    """
    plain = _dates_as_text(value)
    _check(plain, msgspec.inspect.type_info(kind), path="", where=where)
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise _translated(str(error), plain, where=where) from error
    except RecipeError as error:
        raise RecipeError(
            f"{where}: {error.what}", got=error.got, expected=error.expected, fix=error.fix
        ) from error


def _dates_as_text(value: object) -> object:
    """Return the value with each date as ISO text: TOML has dates, a recipe has text."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return {key: _dates_as_text(inner) for key, inner in mapping.items()}
    if isinstance(value, list | tuple):
        return [_dates_as_text(inner) for inner in cast("list[object]", value)]
    return value


def _check(value: object, info: msgspec.inspect.Type, *, path: str, where: str) -> None:
    """Walk values and types side by side and refuse unknown or missing keys and unknown choices."""
    if isinstance(info, msgspec.inspect.UnionType):
        fitting = [kind for kind in info.types if _fits(value, kind)]
        if isinstance(value, Mapping) and not fitting:
            _refuse_tag(cast("Mapping[str, object]", value), info.types, path=path, where=where)
        for kind in fitting:
            _check(cast("object", value), kind, path=path, where=where)
    elif isinstance(info, msgspec.inspect.LiteralType):
        choices = [str(choice) for choice in info.values]
        if isinstance(value, str) and value not in choices:
            raise RecipeError(
                f"{where}: {path}",
                got=value,
                expected=" or ".join(repr(choice) for choice in choices),
                fix=nearest(value, choices),
            )
    elif isinstance(info, msgspec.inspect.StructType) and isinstance(value, Mapping):
        _check_keys(cast("Mapping[str, object]", value), info, path=path, where=where)
    elif isinstance(info, msgspec.inspect.DictType) and isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, object]", value).items():
            _check(inner, info.value_type, path=f'{path}."{key}"', where=where)
    elif isinstance(
        info, msgspec.inspect.CollectionType | msgspec.inspect.VarTupleType
    ) and isinstance(value, list):
        for position, inner in enumerate(cast("list[object]", value)):
            _check(inner, info.item_type, path=f"{path}[{position}]", where=where)


def _fits(value: object, info: msgspec.inspect.Type) -> bool:
    """Tell whether a member of a union is the one meant, as far as the value shows it."""
    if isinstance(info, msgspec.inspect.StructType):
        if not isinstance(value, Mapping):
            return False
        mapping = cast("Mapping[str, object]", value)
        return info.tag_field is None or mapping.get(info.tag_field) == info.tag
    if isinstance(info, msgspec.inspect.CollectionType | msgspec.inspect.VarTupleType):
        return isinstance(value, list)
    return isinstance(info, msgspec.inspect.LiteralType) and isinstance(value, str)


def _refuse_tag(
    value: Mapping[str, object],
    kinds: Iterable[msgspec.inspect.Type],
    *,
    path: str,
    where: str,
) -> None:
    """Refuse a table whose tag names none of the tagged structs of a union."""
    structs = [kind for kind in kinds if isinstance(kind, msgspec.inspect.StructType)]
    tags = [str(kind.tag) for kind in structs if kind.tag is not None]
    if not tags:
        return
    tag_field = str(structs[0].tag_field)
    got = value.get(tag_field)
    fix = nearest(got, tags) if isinstance(got, str) else f"Add {tag_field} = {tags[0]!r}."
    expected = " or ".join(repr(tag) for tag in sorted(tags))
    what = f"{where}: {_join(path, tag_field)}" + ("" if got is not None else " is missing")
    raise RecipeError(what, got=got, expected=expected, fix=fix)


def _check_keys(
    value: Mapping[str, object], info: msgspec.inspect.StructType, *, path: str, where: str
) -> None:
    fields = {field.encode_name: field for field in info.fields}
    known = set(fields)
    if info.tag_field is not None:
        known.add(info.tag_field)
        if value.get(info.tag_field, info.tag) != info.tag:
            _refuse_tag(value, [info], path=path, where=where)
    for key, inner in value.items():
        if key not in known:
            raise RecipeError(f"{where}: unknown key {_join(path, key)}", fix=nearest(key, known))
        if key in fields:
            _check(inner, fields[key].type, path=_join(path, key), where=where)
    missing = [name for name, field in fields.items() if field.required and name not in value]
    if missing:
        names = " and ".join(_join(path, name) for name in missing)
        verb, them = ("is", "it; it has") if len(missing) == 1 else ("are", "them; they have")
        raise RecipeError(f"{where}: {names} {verb} missing", fix=f"Add {them} no default.")


def _translated(message: str, plain: object, *, where: str) -> RecipeError:
    """Return msgspec's complaint about one value in our words."""
    place = _PLACE.match(message)
    what, path = (place["what"], place["path"] or "") if place else (message, "")
    key = path.removeprefix(".")
    types = _ARTICLE.match(what)
    if types is None:
        return RecipeError(f"{where}: {key or 'the recipe'}: {what}")
    got = _lookup(plain, key)
    return RecipeError(
        f"{where}: {key or 'the recipe'}",
        got=got,
        expected=types["expected"].replace("`", "").removesuffix(" | null"),
    )


def _lookup(value: object, key: str) -> object:
    """Return the value at a path such as `features[0].column`, or None when it leads nowhere."""
    found: Any = value
    for part in re.findall(r"[^.\[\]]+", key):
        if isinstance(found, dict):
            found = cast("dict[str, object]", found).get(part)
        elif isinstance(found, list) and part.isdigit():
            found = cast("list[object]", found)[int(part)]
        else:
            return None
    return found


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
