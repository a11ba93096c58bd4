"""The section `[model]` of a recipe: two towers."""

from collections.abc import Sequence

import msgspec

from turret.recipe.bodies.body import Body
from turret.recipe.bodies.custom import Custom
from turret.recipe.bodies.dot import DotInteraction
from turret.recipe.checks import require, require_agreement, require_width
from turret.recipe.features.base import looks_up, table_name
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.features.linear import Linear

__all__ = ["Tower", "TwoTower"]


class _Features(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    features: Sequence[Feature]


class Tower(_Features, frozen=True, kw_only=True):
    """One side of the model: features, then bodies that make one vector of theirs.

    Without a body the features' vectors are added up. Else each body reads what the one before it
    gives, the first one the features' vectors side by side; and a linear layer brings what the last
    one gives to the model's `embedding_dim`, unless that is a custom one, which does so itself.

    Args:
        features: what the tower reads, at least one; kept as a tuple.
        body: what follows them, one after the other; kept as a tuple.

    Example:
        >>> from turret.recipe.bodies.mlp import MLP
        >>> from turret.recipe.features.categorical import Categorical
        >>> Tower([Categorical("user_id")], body=[MLP([64])]).body[0].hidden
        (64,)
    """

    body: Sequence[Body] = ()

    def __post_init__(self) -> None:
        """Keep tuples and refuse impossible values."""
        msgspec.structs.force_setattr(self, "features", tuple(self.features))
        msgspec.structs.force_setattr(self, "body", tuple(self.body))
        require(len(self.features) > 0, "tower features", [], "at least one feature")
        keys = [feature.key for feature in self.features]
        fix = "each name once; features on one column need a `name` each"
        require(len(set(keys)) == len(keys), "tower features", keys, fix)
        late = [body for body in self.body[1:] if body.reads_features]
        require(not late, "tower body", late[:1], "what reads the features one by one to be first")
        whole = any(isinstance(body, Custom) and body.input == "row" for body in self.body)
        alone = not whole or len(self.body) == 1
        require(alone, "tower body", list(self.body), "a whole tower, input = 'row', to be alone")
        require(len(self.inner) > 0, "tower features", keys, "one beside that of kind linear")
        single = len(self.inner) >= len(self.features) - 1
        require(single, "tower features", keys, "at most one of kind linear")

    @property
    def inner(self) -> tuple[Feature, ...]:
        """The features that the tower makes its vector of: all but that of kind `linear`."""
        return tuple(f for f in self.features if not isinstance(f, Linear))

    @property
    def linear(self) -> Linear | None:
        """The feature whose numbers stand behind those, if there is one."""
        return next((f for f in self.features if isinstance(f, Linear)), None)

    @property
    def draws(self) -> bool:
        """Whether chance has a part in a training step."""
        return any(body.draws for body in self.body)


class TwoTower(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two towers whose vectors meet in an inner product: the section `[model]`.

    Args:
        query: the tower of what asks.
        candidate: the tower of what is retrieved.
        embedding_dim: numbers in the vector of each tower.
        normalize: scale what each tower makes to length 1, so that a score is a cosine, to which
            features of kind `linear` add theirs.

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
        self._check_linear()
        lookups: list[tuple[str, str, dict[str, object]]] = []
        for name, tower in (("query", self.query), ("candidate", self.candidate)):
            for feature in tower.features:
                dim = self._dim_of(feature)
                if not tower.body and not isinstance(feature, Linear):
                    require_width(feature.key, dim, expected=self.embedding_dim)
                if looks_up(feature):
                    keys = {key: getattr(feature, key) for key in feature.rule}
                    keys |= {"embedding_dim": dim, "learning_rate": feature.learning_rate}
                    lookups.append((table_name(name, feature), feature.key, keys))
            if tower.body and isinstance(tower.body[0], DotInteraction):
                widths = {f.key: self._dim_of(f) for f in tower.inner}
                _require_products(tower.body[0], widths)
        require_agreement(lookups)

    @property
    def width(self) -> int:
        """Numbers in a vector: `embedding_dim`, and behind those the ones of kind `linear`."""
        linear = self.query.linear
        return self.embedding_dim + self._dim_of(linear) if linear else self.embedding_dim

    @property
    def history(self) -> History | None:
        """The history feature of the query tower, if it has one."""
        return next((f for f in self.query.features if isinstance(f, History)), None)

    @property
    def draws(self) -> bool:
        """Whether chance has a part in a training step."""
        return self.query.draws or self.candidate.draws

    @property
    def custom_classes(self) -> tuple[str, ...]:
        """Import paths of the classes that the towers name, each once."""
        bodies = (*self.query.body, *self.candidate.body)
        return tuple(dict.fromkeys(body.path for body in bodies if isinstance(body, Custom)))

    def _dim_of(self, feature: Feature) -> int:
        return feature.embedding_dim or self.embedding_dim

    def _check_linear(self) -> None:
        """Refuse features of kind `linear` that do not fit each other."""
        found = [tower.linear for tower in (self.query, self.candidate)]
        dims = [self._dim_of(one) for one in found if one]
        expected = "in both towers, with the same embedding_dim, or in neither"
        fits = not dims or (len(dims) == 2 and dims[0] == dims[1])
        require(fits, "features of kind linear", dims, expected)

    def _check_histories(self) -> None:
        """Refuse histories other than one of the query tower: a training hides pairs from that."""
        found = [f for f in self.query.features if isinstance(f, History)]
        keys = [f.key for f in found]
        require(len(found) <= 1, "model.query: history features", keys, "at most one")
        keys = [f.key for f in self.candidate.features if isinstance(f, History)]
        require(not keys, "model.candidate: history features", keys, "none: queries have them")
        for feature in found:
            dim, heads = self._dim_of(feature), feature.heads
            expected = f"a divisor of the embedding's width, {dim}"
            require(dim % heads == 0, f"feature {feature.key!r}: heads", heads, expected)


def _require_products(body: DotInteraction, widths: dict[str, int]) -> None:
    """Refuse features whose vectors have no products."""
    equal = len(set(widths.values())) == 1
    require(equal, "body 'dot': the features' embedding_dim", widths, "the same for all")
    enough = len(widths) > 1 or body.self_interaction
    require(enough, "body 'dot': the features", list(widths), "two or more")
