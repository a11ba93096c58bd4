"""What features of every kind have in common."""

import math
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeGuard

import msgspec

from turret.errors import RecipeError
from turret.recipe.checks import require

__all__ = [
    "Described",
    "Tabled",
    "TabledColumn",
    "Vocabularied",
    "looks_up",
    "refuse_keys_of_a_table",
    "require_described",
    "require_tabled",
    "require_vocabularied",
    "table_name",
]


class _Meta(msgspec.StructMeta, ABCMeta):
    """Of structs that may have abstract methods."""


class Described(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, metaclass=_Meta
):
    """A feature of any kind.

    Args:
        name: what the feature is called in its tower, once there; None takes the column's name.
        embedding_dim: numbers in the feature's vector; None takes the model's.
    """

    name: str | None = None
    embedding_dim: int | None = None

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """The columns that the feature is made of; each kind says which."""

    @property
    def key(self) -> str:
        """What the feature is called in its tower."""
        return self.name or " x ".join(self.reads)


class Tabled(Described, frozen=True, kw_only=True):
    """A feature that looks rows of an embedding table up, which others may share.

    Args:
        table: the name of an embedding table that several features share; None makes one of its
            own.
        learning_rate: the table's rate is the training's times this; at 0 it stays as it starts.
    """

    table: str | None = None
    learning_rate: float = 1.0

    @property
    def has_table(self) -> bool:
        """Whether the feature looks rows of an embedding table up."""
        return True

    @property
    def rule(self) -> tuple[str, ...]:
        """Keys that say how the table is made: features that share it agree in them."""
        return ()


class TabledColumn(Tabled, frozen=True):
    """A feature of one column that looks rows of an embedding table up.

    Args:
        column: the column of the query table or the candidate table that is encoded.
    """

    column: str

    @property
    def key(self) -> str:
        """What the feature is called in its tower."""
        return self.name or self.column

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the feature is made of."""
        return (self.column,)


class Vocabularied(TabledColumn, frozen=True, kw_only=True):
    """A feature whose embedding rows stand for ids that training met.

    Args:
        min_count: values seen less often in the training data share the out-of-vocabulary row.
        max_size: keep only that many of the most frequent values; None keeps all.
    """

    min_count: int = 1
    max_size: int | None = None

    @property
    def rule(self) -> tuple[str, ...]:
        """Keys that say how the table is made: features that share it agree in them."""
        return ("min_count", "max_size")


def looks_up(feature: Described) -> TypeGuard[Tabled]:
    """Whether a feature looks rows of an embedding table up."""
    return isinstance(feature, Tabled) and feature.has_table


def table_name(tower: str, feature: Tabled) -> str:
    """The embedding table that a feature looks up: its own unless the recipe names a shared one.

    Example:
        >>> from turret.recipe.features.categorical import Categorical
        >>> table_name("query", Categorical("user_id"))
        'query/user_id'
    """
    return feature.table or f"{tower}/{feature.key}"


def refuse_keys_of_a_table(
    feature: Tabled, *, why: str, further: Mapping[str, object] = MappingProxyType({})
) -> None:
    """Refuse keys that say how a table is, of a feature that looks none up.

    Args:
        feature: the feature.
        why: the key and value that leave it without a table, and what would give it one.
        further: such keys beside `table` and `learning_rate`, with their defaults.

    Raises:
        RecipeError: if one is given.
    """
    for key, default in {"table": None, "learning_rate": 1.0, **further}.items():
        if getattr(feature, key) != default:
            raise RecipeError(
                f"feature {feature.key!r}: {key}, but it has no table",
                got=getattr(feature, key),
                expected="none",
                fix=f"Leave {key} out; {why}.",
            )


def require_described(feature: Described) -> None:
    """Refuse impossible values of the keys that every feature has.

    Raises:
        RecipeError: if one is impossible.
    """
    for column in feature.reads:
        require(column != "", "feature column", column, "the name of a column")
    place = f"feature {feature.key!r}"
    require(feature.name != "", f"{place}: name", feature.name, "a name, or none")
    dim = feature.embedding_dim
    require(dim is None or dim >= 1, f"{place}: embedding_dim", dim, "at least 1")


def require_tabled(feature: Tabled) -> None:
    """Refuse impossible values of the keys that every feature with a table has.

    Raises:
        RecipeError: if one is impossible.
    """
    require_described(feature)
    place, rate = f"feature {feature.key!r}", feature.learning_rate
    require(0 <= rate < math.inf, f"{place}: learning_rate", rate, "at least 0 and finite")


def require_vocabularied(feature: Vocabularied) -> None:
    """Refuse impossible values of the keys that every feature with a vocabulary has.

    Raises:
        RecipeError: if one is impossible.
    """
    require_tabled(feature)
    place, size = f"feature {feature.key!r}", feature.max_size
    require(feature.min_count >= 1, f"{place}: min_count", feature.min_count, "at least 1")
    require(size is None or size >= 1, f"{place}: max_size", size, "at least 1")
