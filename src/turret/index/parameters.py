"""Settings of an index by name: the ones that suit it, and those given in their place."""

import math
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from turret.errors import CandidateIndexError
from turret.index.base import Parameter

__all__ = ["whole_number", "with_overrides"]

Parameters = TypeVar("Parameters", bound=msgspec.Struct)


def with_overrides(suited: Parameters, overrides: Mapping[str, Parameter]) -> Parameters:
    """Replaces some settings by others.

    Args:
        suited: all settings, as a frozen struct of numbers with their ranges.
        overrides: other values, by name.

    Returns:
        A struct of the same type.

    Raises:
        CandidateIndexError: if there is no setting of that name, or a value is of the wrong type or
            out of range.
    """
    names = suited.__struct_fields__
    for name in overrides:
        if name not in names:
            raise CandidateIndexError(
                "there is no such index parameter",
                got=name,
                expected=f"one of {', '.join(names)}",
            )
    values = {**msgspec.structs.asdict(suited), **overrides}
    try:
        return msgspec.convert(values, type(suited))
    except msgspec.ValidationError as error:
        raise CandidateIndexError(
            f"an index parameter cannot be used: {error}", got=dict(overrides)
        ) from error


def whole_number(given: Mapping[str, Parameter] | None, name: str, suited: int) -> int:
    """Takes a setting on which others depend out of those that are given.

    Args:
        given: settings by name; None: none.
        name: the setting.
        suited: what it is where it is not given.

    Returns:
        The number, rounded up. Text, which `with_overrides` refuses, counts as not given.

    Example:
        >>> whole_number({"leaves": 20}, "leaves", 0)
        20
    """
    value = suited if given is None else given.get(name, suited)
    return suited if isinstance(value, str) else math.ceil(value)
