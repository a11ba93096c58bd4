"""Conditions and lists of rows in the words of Qdrant.

A condition of Qdrant is true or false, where SQL has a third, unknown: what is not known to be true
must not become true by a negation. So negations are carried down to the columns, and there a null
is ruled out.
"""

import numpy as np
from jaxtyping import Int64
from qdrant_client import models

from turret.index.stores.base import Restriction
from turret.index.stores.conditions import (
    All,
    AnyOf,
    Compared,
    Condition,
    Contains,
    Missing,
    Not,
    OneOf,
    Value,
)

__all__ = ["filter_of"]

_BOUND = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def filter_of(
    restriction: Restriction, *, without: Int64[np.ndarray, " m"] | None
) -> models.Filter | None:
    """Writes which points a query may be answered with.

    Args:
        restriction: what holds for all queries.
        without: rows that are excluded for this one.

    Returns:
        The filter; None where nothing is restricted.
    """
    must: list[models.Condition] = []
    if restriction.where is not None:
        must.append(_written(restriction.where, wanted=True))
    if restriction.only is not None:
        must.append(models.HasIdCondition(has_id=restriction.only.tolist()))
    must_not: list[models.Condition] = []
    if without is not None and without.shape[0] > 0:
        must_not.append(models.HasIdCondition(has_id=without.tolist()))
    if not must and not must_not:
        return None
    return models.Filter(must=must or None, must_not=must_not or None)


def _written(condition: Condition, *, wanted: bool) -> models.Condition:
    """A condition that is true, or known to be false where it is not wanted."""
    match condition:
        case Not(part):
            return _written(part, wanted=not wanted)
        case All(parts) | AnyOf(parts):
            inner = [_written(part, wanted=wanted) for part in parts]
            if isinstance(condition, All) == wanted:
                return models.Filter(must=inner)
            return models.Filter(should=inner)
        case Missing(column):
            null = models.IsNullCondition(is_null=models.PayloadField(key=column))
            return null if wanted else models.Filter(must_not=[null])
        case _:
            leaf = _leaf(condition)
            if wanted:
                return leaf
            null = models.IsNullCondition(is_null=models.PayloadField(key=condition.column))
            return models.Filter(must_not=[leaf, null])


def _leaf(condition: Compared | OneOf | Contains) -> models.Condition:
    key = condition.column
    if isinstance(condition, OneOf):
        return models.Filter(should=[_equal(key, value) for value in condition.values])
    if isinstance(condition, Contains) or condition.operator == "=":
        return _equal(key, condition.value)
    assert not isinstance(condition.value, str)  # `translated` was told not to compare texts
    bound = {_BOUND[condition.operator]: condition.value}
    return models.FieldCondition(key=key, range=models.Range(**bound))


def _equal(key: str, value: Value) -> models.Condition:
    if isinstance(value, float):
        return models.FieldCondition(key=key, range=models.Range(gte=value, lte=value))
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))
