"""JSON that somebody else may have written: strict, and whatever is wrong with it is one error."""

import json
from collections.abc import Callable
from typing import TypeVar, cast

import msgspec

__all__ = ["decoded"]

T = TypeVar("T")


def decoded(text: bytes, kind: Callable[..., T]) -> T:
    """Decodes JSON.

    Args:
        text: UTF-8.
        kind: the type that it must have, as `msgspec` takes one.

    Returns:
        The value.

    Raises:
        msgspec.MsgspecError: if it is no JSON, is not what it must be, is nested too deeply, or an
            object has a key twice, of which readers would take one or the other.

    Example:
        >>> decoded(b'{"a": 1}', dict[str, int])
        {'a': 1}
        >>> decoded(b'{"a": 1, "a": 2}', dict[str, int])
        Traceback (most recent call last):
        msgspec.DecodeError: An object has the key 'a' twice
    """
    try:
        value = msgspec.json.decode(text, type=cast("type[T]", kind))
        json.loads(text, object_pairs_hook=_distinct, parse_int=str)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("It is not UTF-8") from error
    except RecursionError as error:
        raise msgspec.DecodeError("It is nested too deeply") from error
    return value


def _distinct(pairs: list[tuple[str, object]]) -> None:
    """Keep nothing of an object; refuse one with a key twice."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise msgspec.DecodeError(f"An object has the key {key[:100]!r} twice")
        seen.add(key)
