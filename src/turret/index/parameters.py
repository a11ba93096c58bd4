"""Settings of an index by name: the ones that suit it, and those given in their place."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from turret.errors import CandidateIndexError

__all__ = ["with_overrides"]

Parameters = TypeVar("Parameters", bound=msgspec.Struct)


def with_overrides(suited: Parameters, overrides: Mapping[str, int | float]) -> Parameters:
    """Replaces some settings by others.

    Args:
        suited: all settings, as a frozen struct of numbers.
        overrides: other values, by name.

    Returns:
        A struct of the same type.

    Raises:
        CandidateIndexError: if there is no setting of that name, or a value has the wrong type or
            is negative.
    """
    names = suited.__struct_fields__
    for name, value in overrides.items():
        if name not in names:
            raise CandidateIndexError(
                "there is no such index parameter",
                got=name,
                expected=f"one of {', '.join(names)}",
            )
        if value < 0:
            raise CandidateIndexError(
                f"the index parameter {name}", got=value, expected="a number of at least 0"
            )
    values = {**msgspec.structs.asdict(suited), **overrides}
    try:
        return msgspec.convert(values, type(suited))
    except msgspec.ValidationError as error:
        raise CandidateIndexError(f"an index parameter cannot be used: {error}") from error
