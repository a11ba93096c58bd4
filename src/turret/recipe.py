"""The recipe: the frozen configuration of one training, the same from TOML and from Python.

Only plain data and what makes it impossible live here. `turret.toml` reads and writes recipes;
`docs/recipe.md` lists every key.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from turret.errors import RecipeError
from turret.recipe_checks import (
    require,
    require_agreement,
    require_positive,
    require_seed,
    require_width,
)
from turret.recipe_loss import Loss, Softmax
from turret.recipe_schedule import Schedule
from turret.recipe_stopping import Checkpointing, EarlyStopping, WarmStart

__all__ = [
    "Categorical",
    "Data",
    "Evaluation",
    "Feature",
    "Index",
    "Recipe",
    "Split",
    "Tower",
    "Train",
    "TwoTower",
]


class _Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    column: str


class Categorical(_Column, frozen=True, kw_only=True, tag_field="kind", tag="categorical"):
    """A feature with one embedding row for each distinct value of a column.

    Args:
        column: the column of the query table or the candidate table that is encoded.
        embedding_dim: numbers in one embedding row; None takes the model's.
        table: the name of an embedding table that several features share; None makes one of its
            own.
        min_count: values seen less often in the training data share the out-of-vocabulary row.
        max_size: keep only that many of the most frequent values; None keeps all.
        learning_rate: the table's rate is the training's times this; at 0 it stays as it starts.

    Example:
        >>> Categorical("user_id").column
        'user_id'
    """

    embedding_dim: int | None = None
    table: str | None = None
    min_count: int = 1
    max_size: int | None = None
    learning_rate: float = 1.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        place = f"feature {self.column!r}"
        require(self.column != "", "feature column", self.column, "the name of a column")
        dim, size = self.embedding_dim, self.max_size
        require(dim is None or dim >= 1, f"{place}: embedding_dim", dim, "at least 1")
        require(self.min_count >= 1, f"{place}: min_count", self.min_count, "at least 1")
        require(size is None or size >= 1, f"{place}: max_size", size, "at least 1")
        rate = self.learning_rate
        require(0 <= rate < math.inf, f"{place}: learning_rate", rate, "at least 0 and finite")


Feature = Categorical


class _Features(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    features: Sequence[Feature]


class Tower(_Features, frozen=True, kw_only=True):
    """One side of the model: features, then a body of dense layers.

    Args:
        features: what the tower reads, at least one; kept as a tuple.
        hidden: widths of the hidden layers between the features and the vector; empty means none.
        activation: what follows each hidden layer.

    Example:
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
        columns = [feature.column for feature in self.features]
        require(len(set(columns)) == len(columns), "tower features", columns, "each column once")
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
        lookups: list[tuple[str, str, dict[str, object]]] = []
        for name, tower in (("query", self.query), ("candidate", self.candidate)):
            for feature in tower.features:
                dim = feature.embedding_dim or self.embedding_dim
                if not tower.hidden:
                    require_width(feature.column, dim, expected=self.embedding_dim)
                keys: dict[str, object] = {**msgspec.structs.asdict(feature), "embedding_dim": dim}
                lookups.append((feature.table or f"{name}/{feature.column}", feature.column, keys))
        require_agreement(lookups)


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where interactions come from and what their columns mean: the section `[data]`.

    Args:
        source: a data set known by name, such as `movielens-100k` or `synthetic`.
        files: a file, a folder, a glob, or several, of CSV, Parquet or JSON lines; instead of
            `source`. Paths are relative to the current folder.
        query_id: the column that says who asked.
        candidate_id: the column that says what was chosen.
        timestamp: the column that says when.
        timestamp_unit: the unit of that column when it holds numbers, counted from 1970 UTC.
        weight: the column that says how much an interaction counts.
        positive: a condition, such as `user_rating >= 4`; other interactions are left out.
        queries: a file with one row for each query, by `query_id`.
        candidates: a file with one row for each candidate, by `candidate_id`.
    """

    query_id: str
    candidate_id: str
    source: str | None = None
    files: str | tuple[str, ...] | None = None
    timestamp: str | None = None
    timestamp_unit: Literal["s", "ms", "us", "ns"] = "s"
    weight: str | None = None
    positive: str | None = None
    queries: str | None = None
    candidates: str | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        if (self.source is None) == (self.files is None):
            got = "neither" if self.source is None else "both"
            raise RecipeError(
                "data.source, data.files",
                got=got,
                expected="exactly one of the two",
                fix='Write source = "movielens-100k" or files = "events/*.parquet".',
            )
        require(self.files not in ("", ()), "data.files", self.files, "at least one path")
        same = self.query_id == self.candidate_id
        require(not same, "data.candidate_id", self.candidate_id, "another column than query_id")


class Split(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which interactions are trained on and which are held back: the section `[split]`.

    Args:
        kind: by chance, by time, or each query's last interaction.
        test_fraction: the share of interactions held back for the test.
        validation_fraction: the share of all interactions held back beside the test part, to
            choose settings by.
        seed: decides what chance decides.
        cut: for `temporal`, the moment the test begins, instead of the fraction: an ISO date, or
            seconds since 1970 UTC.
        validation_cut: likewise for the validation part.
    """

    kind: Literal["random", "temporal", "leave_last_out"] = "random"
    test_fraction: float = 0.2
    validation_fraction: float = 0.0
    seed: int = 42
    cut: str | float | None = None
    validation_cut: str | float | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        test, validation = self.test_fraction, self.validation_fraction
        require(0 <= test < 1, "split.test_fraction", test, "at least 0 and below 1")
        held = test > 0 or self.kind == "leave_last_out" or self.cut is not None
        require(held, "split.test_fraction", test, "above 0: a model is judged on held-back data")
        require(
            0 <= validation < 1, "split.validation_fraction", validation, "at least 0 and below 1"
        )
        total = test + validation
        require(total < 1, "split.test_fraction + split.validation_fraction", total, "below 1")
        require_seed("split.seed", self.seed)
        for key in ("cut", "validation_cut"):
            cut = getattr(self, key)
            temporal = cut is None or self.kind == "temporal"
            require(temporal, f"split.{key}", cut, 'no cut unless split.kind is "temporal"')


class _Options(dict[str, bool | int | float | str]):
    """Keyword arguments that are a value, so that what holds them has a hash."""

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  # a dict's is None
        return hash(frozenset(self.items()))


class Train(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the parameters are found: the section `[train]`.

    Args:
        epochs: passes over the training interactions.
        batch_size: pairs, or queries, of one step; see `batch_unit`.
        optimizer: the rule by which a step changes embedding rows, and, unless `dense_optimizer`
            names another one, dense parameters.
        learning_rate: the size of its steps.
        schedule: how that changes over the training.
        dense_optimizer: the name of an optimizer of optax, for dense parameters.
        dense_optimizer_options: its keyword arguments, but for the learning rate.
        dense_learning_rate: of dense parameters; None takes `learning_rate`.
        seed: decides order and initial values.
        reshuffle: draw a new order each epoch; false repeats the batches of the first.
        batch_unit: what `batch_size` counts; None means queries when every candidate competes,
            else pairs.
        initial_scale: embedding rows start uniform between minus this and this.
        initial_accumulator: where Adagrad's sum of squared gradients starts.
        b1: decay of Adam's first moment.
        b2: decay of Adam's second moment.
        epsilon: keeps the optimizer's denominators above zero.
        weight_decay: a step takes the learning rate times this share off what it changes; of a
            named `dense_optimizer` its own options say. None is 0.01 for "adamw", else 0.
        regularization: factor of the squared length of the embedding rows a batch touches.
        clip_norm: a gradient that is longer, over all rows touched and dense parameters together,
            is shortened to this length; None leaves it alone.
        averaging: the decay of a moving average of the parameters, which is then what is measured
            and kept; None keeps the last parameters.
        early_stopping: when to stop before the last epoch; None never does.
        validation_queries: measure on that many queries of the validation part, drawn once; None
            takes all.
        checkpoint: when the training is saved.
        warm_start: what passes from one training to the next.
    """

    epochs: int = 3
    batch_size: int = 8192
    optimizer: Literal["sgd", "adagrad", "rowwise_adagrad", "adam", "adamw"] = "adam"
    learning_rate: float = 0.01
    schedule: Schedule = Schedule()
    dense_optimizer: str | None = None
    dense_optimizer_options: dict[str, bool | int | float | str] = {}
    dense_learning_rate: float | None = None
    seed: int = 42
    reshuffle: bool = True
    batch_unit: Literal["pairs", "queries"] | None = None
    initial_scale: float = 0.05
    initial_accumulator: float = 0.1
    b1: float = 0.9
    b2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float | None = None
    regularization: float = 0.0
    clip_norm: float | None = None
    averaging: float | None = None
    early_stopping: EarlyStopping | None = None
    validation_queries: int | None = None
    checkpoint: Checkpointing = Checkpointing()
    warm_start: WarmStart = WarmStart()

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require(self.epochs >= 1, "train.epochs", self.epochs, "at least 1")
        require(self.batch_size >= 1, "train.batch_size", self.batch_size, "at least 1")
        require_seed("train.seed", self.seed)
        queries = self.validation_queries
        require(queries is None or queries >= 1, "train.validation_queries", queries, "at least 1")
        for key in ("learning_rate", "dense_learning_rate", "clip_norm"):
            value = getattr(self, key)
            if value is not None:
                require_positive(f"train.{key}", value)
        for key in ("b1", "b2"):
            value = getattr(self, key)
            require(0 <= value < 1, f"train.{key}", value, "at least 0 and below 1")
        average = self.averaging
        between = average is None or 0 < average < 1
        require(between, "train.averaging", average, "between 0 and 1")
        options = _Options(self.dense_optimizer_options)
        msgspec.structs.force_setattr(self, "dense_optimizer_options", options)
        named = self.dense_optimizer is not None or not options
        require(named, "train.dense_optimizer_options", options, "train.dense_optimizer with them")
        keys = ("initial_scale", "initial_accumulator", "epsilon", "regularization", "weight_decay")
        for key in keys:
            value = getattr(self, key) or 0.0
            require(0 <= value < math.inf, f"train.{key}", value, "at least 0 and finite")


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a training is judged: the section `[evaluation]`.

    Args:
        ks: depths at which each metric is given; kept as a tuple.
        batch_size: pairs in one batch of the test loss.
        bootstrap: resamples behind each interval; 0 gives no intervals.
    """

    ks: Sequence[int] = (1, 5, 10, 20, 50, 100)
    batch_size: int = 4096
    bootstrap: int = 1000

    def __post_init__(self) -> None:
        """Keep tuples and refuse impossible values."""
        msgspec.structs.force_setattr(self, "ks", tuple(self.ks))
        ks = list(self.ks)
        require(len(ks) > 0, "evaluation.ks", ks, "at least one depth")
        require(min(ks) >= 1, "evaluation.ks", ks, "depths of at least 1")
        require(len(set(ks)) == len(ks), "evaluation.ks", ks, "each depth once")
        require(self.batch_size >= 1, "evaluation.batch_size", self.batch_size, "at least 1")
        require(self.bootstrap >= 0, "evaluation.bootstrap", self.bootstrap, "at least 0")


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the nearest candidates are found: the section `[index]`.

    Args:
        kind: exact search, or approximate search with ScaNN or FAISS.
    """

    kind: Literal["exact", "scann", "faiss"] = "exact"


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides one training.

    Args:
        data: where interactions come from.
        model: the two towers.
        split: what is held back.
        loss: what is made small.
        train: how the parameters are found.
        evaluation: how the result is judged.
        index: how candidates are found.
    """

    data: Data
    split: Split = Split()
    model: TwoTower
    loss: Loss = Softmax()
    train: Train = Train()
    evaluation: Evaluation = Evaluation()
    index: Index = Index()

    def __post_init__(self) -> None:
        """Refuse sections that do not fit together."""
        held_back = self.split.validation_fraction > 0 or self.split.validation_cut is not None
        if self.train.early_stopping is not None and not held_back:
            raise RecipeError(
                "train.early_stopping has no validation part to measure on",
                fix="Set split.validation_fraction above 0, or leave early stopping out.",
            )
