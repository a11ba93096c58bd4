"""The section `[train]` of a recipe: how the parameters are found."""

import math
from typing import Literal

import msgspec

from turret.recipe.checks import (
    require,
    require_positive,
    require_seed,
)
from turret.recipe.decomposition import Decomposition
from turret.recipe.linear import LinearPart
from turret.recipe.loss import Loss
from turret.recipe.options import Options
from turret.recipe.schedule import Schedule
from turret.recipe.stopping import Checkpointing, EarlyStopping, WarmStart

__all__ = ["BatchUnit", "Train", "batch_unit"]

BatchUnit = Literal["pairs", "queries", "moments"]


class Train(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the parameters are found: the section `[train]`.

    Args:
        epochs: passes over the training interactions.
        batch_size: pairs, queries or moments of one step; see `batch_unit`.
        optimizer: the rule by which a step changes embedding rows, and, unless `dense_optimizer`
            names another one, dense parameters.
        learning_rate: the size of its steps.
        schedule: how that changes over the training.
        dense_optimizer: the name of an optimizer of optax, for dense parameters.
        dense_optimizer_options: its keyword arguments, but for the learning rate.
        dense_learning_rate: of dense parameters; None takes `learning_rate`.
        seed: decides order and initial values.
        reshuffle: draw a new order each epoch; false repeats the batches of the first.
        batch_unit: what `batch_size` counts: "pairs"; "queries", each with all of its pairs; or
            "moments", queries at one time, each with its pairs of that time, which saw the same
            past. None means queries when every candidate competes, else pairs.
        query_balance: a pair counts by this power of 1 / how many training interactions its query
            has: at 0 all pairs alike, at 1 all queries.
        initial: how embedding rows start: drawn uniformly, or, those of query and candidate ids,
            from a truncated singular value decomposition of who met what.
        decomposition: of which matrix.
        linear: how features of kind `linear` are found.
        initial_scale: they start uniform between minus this and this; the root mean square of what
            a decomposition gives.
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
    batch_unit: BatchUnit | None = None
    query_balance: float = 0.0
    initial: Literal["uniform", "decomposition"] = "uniform"
    decomposition: Decomposition = Decomposition()
    linear: LinearPart = LinearPart()
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
        balance, average = self.query_balance, self.averaging
        require(0 <= balance <= 1, "train.query_balance", balance, "from 0 to 1")
        between = average is None or 0 < average < 1
        require(between, "train.averaging", average, "between 0 and 1")
        options = Options(self.dense_optimizer_options)
        msgspec.structs.force_setattr(self, "dense_optimizer_options", options)
        named = self.dense_optimizer is not None or not options
        require(named, "train.dense_optimizer_options", options, "train.dense_optimizer with them")
        keys = ("initial_scale", "initial_accumulator", "epsilon", "regularization", "weight_decay")
        for key in keys:
            value = getattr(self, key) or 0.0
            require(0 <= value < math.inf, f"train.{key}", value, "at least 0 and finite")


def batch_unit(train: Train, loss: Loss) -> BatchUnit:
    """What `train.batch_size` counts.

    Example:
        >>> from turret.recipe.loss import Softmax
        >>> batch_unit(Train(), Softmax(candidates="all"))
        'queries'
    """
    return train.batch_unit or ("queries" if loss.candidates == "all" else "pairs")
