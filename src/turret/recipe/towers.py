"""The section `[model]` of a recipe: two towers."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from turret.recipe.checks import (
    require,
    require_agreement,
    require_width,
)
from turret.recipe.features.base import table_name
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History

__all__ = ["Tower", "TwoTower"]


class _Features(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    features: Sequence[Feature]


class Tower(_Features, frozen=True, kw_only=True):
    """One side of the model: features, then a body of dense layers.

    Args:
        features: what the tower reads, at least one; kept as a tuple.
        hidden: widths of the hidden layers between the features and the vector; empty means none.
        activation: what follows each hidden layer.

    Example:
        >>> from turret.recipe.features.categorical import Categorical
        >>> Tower([Categorical("user_id")]).hidden
        ()
    """

    hidden: Sequence[int] = ()
    activation: Literal["relu", "gelu", "tanh"] = "relu"

    def __post_init__(self) -> None:
        """Keep tuples and refuse impossible values."""
        msgspec.structs.force_setattr(self, "features", tuple(self.features))
        msgspec.structs.force_setattr(self, "hidden", tuple(self.hidden))
        require(len(self.features) > 0, "tower features", [], "at least one feature")
        keys = [feature.key for feature in self.features]
        fix = "each name once; features on one column need a `name` each"
        require(len(set(keys)) == len(keys), "tower features", keys, fix)
        narrowest = min(self.hidden, default=1)
        require(narrowest >= 1, "tower hidden", list(self.hidden), "widths of at least 1")


class TwoTower(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two towers whose vectors meet in an inner product: the section `[model]`.

    Args:
        query: the tower of what asks.
        candidate: the tower of what is retrieved.
        embedding_dim: numbers in the vector of each tower.
        normalize: scale both vectors to length 1, so that a score is a cosine.

    Example:
        >>> from turret.recipe.features.categorical import Categorical
        >>> users, films = Tower([Categorical("user_id")]), Tower([Categorical("movie_title")])
        >>> TwoTower(query=users, candidate=films).embedding_dim
        32
    """

    query: Tower
    candidate: Tower
    embedding_dim: int = 32
    normalize: bool = False

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require(self.embedding_dim >= 1, "model.embedding_dim", self.embedding_dim, "at least 1")
        self._check_histories()
        lookups: list[tuple[str, str, dict[str, object]]] = []
        for name, tower in (("query", self.query), ("candidate", self.candidate)):
            for feature in tower.features:
                dim = feature.embedding_dim or self.embedding_dim
                if not tower.hidden:
                    require_width(feature.key, dim, expected=self.embedding_dim)
                if feature.has_table:
                    keys = {key: getattr(feature, key) for key in feature.rule}
                    keys |= {"embedding_dim": dim, "learning_rate": feature.learning_rate}
                    lookups.append((table_name(name, feature), feature.key, keys))
        require_agreement(lookups)

    @property
    def history(self) -> History | None:
        """The history feature of the query tower, if it has one."""
        return next((f for f in self.query.features if isinstance(f, History)), None)

    def _check_histories(self) -> None:
        """Refuse histories other than one of the query tower: a training hides pairs from that."""
        found = [f for f in self.query.features if isinstance(f, History)]
        keys = [f.key for f in found]
        require(len(found) <= 1, "model.query: history features", keys, "at most one")
        keys = [f.key for f in self.candidate.features if isinstance(f, History)]
        require(not keys, "model.candidate: history features", keys, "none: queries have them")
        for feature in found:
            dim, heads = feature.embedding_dim or self.embedding_dim, feature.heads
            expected = f"a divisor of the embedding's width, {dim}"
            require(dim % heads == 0, f"feature {feature.key!r}: heads", heads, expected)
