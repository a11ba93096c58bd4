"""What the sections of a recipe check their values with."""

import math
import re
from collections.abc import Iterable, Mapping

from turret.errors import RecipeError, nearest

__all__ = [
    "METRICS",
    "require",
    "require_agreement",
    "require_metric",
    "require_positive",
    "require_seed",
    "require_width",
]

METRICS = ("top_k_accuracy", "hit_rate", "recall", "precision", "ndcg", "mrr", "map")
"""The names of ranking metrics, as `turret.evaluation.metrics` defines them."""


def require(holds: bool, key: str, got: object, expected: str) -> None:
    """Refuse a value of a recipe unless something holds.

    Args:
        holds: what must hold.
        key: the key's path in the recipe.
        got: the value.
        expected: what values are possible, in words.

    Raises:
        RecipeError: if it does not hold.
    """
    if not holds:
        raise RecipeError(key, got=got, expected=expected, fix="Change that value.")


def require_positive(key: str, value: float) -> None:
    """Refuse a number that is not above 0 and finite.

    Args:
        key: the key's path in the recipe.
        value: the number.

    Raises:
        RecipeError: if it is 0, negative, infinite or NaN.
    """
    require(0 < value < math.inf, key, value, "above 0 and finite")


def require_seed(key: str, value: int) -> None:
    """Refuse a seed that a generator of random numbers cannot take.

    Args:
        key: the key's path in the recipe.
        value: the seed.

    Raises:
        RecipeError: if it is negative or has more than 63 bits.
    """
    require(0 <= value < 2**63, key, value, "at least 0 and below 2**63")


def require_metric(key: str, value: str) -> None:
    """Refuse what is no ranking metric at a depth.

    Args:
        key: the key's path in the recipe.
        value: the name of a figure, such as `ndcg@20`.

    Raises:
        RecipeError: if there is no such metric, or no depth of at least 1.
    """
    named = re.fullmatch(r"[a-z_]+@[1-9][0-9]*", value) is not None
    require(named, key, value, "a metric at a depth, such as 'ndcg@20'")
    name = value.partition("@")[0]
    if name not in METRICS:
        raise RecipeError(f"{key}: there is no such metric", got=value, fix=nearest(name, METRICS))


def require_width(key: str, got: int, *, expected: int) -> None:
    """Refuse the width of a feature's embedding where it cannot be added to the others.

    Args:
        key: what the feature is called.
        got: its `embedding_dim`.
        expected: the model's.

    Raises:
        RecipeError: if they differ.
    """
    if got != expected:
        raise RecipeError(
            f"feature {key!r}: embedding_dim in a tower without a body",
            got=got,
            expected=f"{expected}, as the model's: the embeddings are added up",
            fix="Give the tower a body, or leave the feature's embedding_dim out.",
        )


def require_agreement(lookups: Iterable[tuple[str, str, Mapping[str, object]]]) -> None:
    """Refuse features that look up one embedding table but would make it differently.

    Args:
        lookups: for each feature its table, what it is called, and the keys that make the table.

    Raises:
        RecipeError: if two features of one table differ in a key.
    """
    makers: dict[str, tuple[str, Mapping[str, object]]] = {}
    for table, feature, keys in lookups:
        first, others = makers.setdefault(table, (feature, keys))
        if keys.keys() != others.keys():
            raise RecipeError(
                f"the features {first!r} and {feature!r} share the table {table!r}, but are of "
                "kinds that do not go together",
                fix="Give each a table of its own.",
            )
        for key, value in keys.items():
            if value != others[key]:
                raise RecipeError(
                    f"the features {first!r} and {feature!r} share the table {table!r}, but differ "
                    f"in {key}",
                    got=f"{others[key]} and {value}",
                    fix=f"Give both the same {key}, or each a table of its own.",
                )
