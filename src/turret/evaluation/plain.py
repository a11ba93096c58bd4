"""Between figures, of which some are NaN, and JSON, which has no NaN."""

import math
from typing import cast

__all__ = ["nan_for_none", "none_for_nan"]


def none_for_nan(value: object) -> object:
    """Puts None where a number is NaN, however deep.

    Example:
        >>> none_for_nan({"a": [float("nan"), 1.0]})
        {'a': [None, 1.0]}
    """
    if isinstance(value, dict):
        return {k: none_for_nan(v) for k, v in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [none_for_nan(v) for v in cast("list[object]", value)]
    return None if isinstance(value, float) and math.isnan(value) else value


def nan_for_none(value: object) -> object:
    """Puts NaN where an entry is None, however deep.

    Example:
        >>> nan_for_none({"a": [None, 1.0]})
        {'a': [nan, 1.0]}
    """
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value).items()
        return {k: math.nan if v is None else nan_for_none(v) for k, v in entries}
    if isinstance(value, list):
        entries = cast("list[object]", value)
        return [math.nan if v is None else nan_for_none(v) for v in entries]
    return value
