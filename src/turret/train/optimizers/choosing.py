"""The optimizers that a recipe names."""

import optax

from turret.errors import RecipeError
from turret.recipe.training import Train
from turret.train.optimizers.adagrad import Adagrad, RowwiseAdagrad
from turret.train.optimizers.adam import Adam
from turret.train.optimizers.base import TableOptimizer
from turret.train.optimizers.decay import DecoupledDecay
from turret.train.optimizers.dense import DenseOptimizer, GivenOptimizer, NamedOptimizer
from turret.train.optimizers.sgd import SGD

__all__ = ["dense_optimizer", "table_optimizer"]

_ADAMW_DECAY = 0.01


def table_optimizer(train: Train) -> TableOptimizer:
    """The optimizer of embedding tables that a recipe names.

    Example:
        >>> table_optimizer(Train(optimizer="rowwise_adagrad", epsilon=1e-8))
        RowwiseAdagrad(initial_accumulator=0.1, epsilon=1e-08)
    """
    match train.optimizer:
        case "sgd":
            optimizer: TableOptimizer = SGD()
        case "adagrad":
            optimizer = Adagrad(train.initial_accumulator, train.epsilon)
        case "rowwise_adagrad":
            optimizer = RowwiseAdagrad(train.initial_accumulator, train.epsilon)
        case "adam" | "adamw":
            optimizer = Adam(train.b1, train.b2, train.epsilon)
    decay = _weight_decay(train)
    return DecoupledDecay(optimizer, decay) if decay else optimizer


def dense_optimizer(
    train: Train, given: optax.GradientTransformation | None = None
) -> DenseOptimizer:
    """The optimizer of dense parameters.

    Args:
        train: Names one of optax's, or leaves it to be that of the tables' name.
        given: An optax transformation that is used instead.

    Returns:
        The optimizer.

    Raises:
        RecipeError: When two are asked for, or optax has none of that name or with such options.

    Example:
        >>> dense_optimizer(Train(optimizer="adagrad", dense_optimizer="lion")).name
        'lion'
    """
    if given is not None:
        if train.dense_optimizer is not None:
            raise RecipeError(
                "train.dense_optimizer names one optimizer, and another one was given",
                got=train.dense_optimizer,
                fix="Leave one of the two out.",
            )
        return GivenOptimizer(given)
    if train.dense_optimizer is not None:
        return NamedOptimizer.of(train.dense_optimizer, train.dense_optimizer_options)
    options: dict[str, object] = {}
    match train.optimizer:
        case "sgd":
            name = "sgd"
        case "adagrad" | "rowwise_adagrad":
            name = "adagrad"
            options = {"initial_accumulator_value": train.initial_accumulator, "eps": train.epsilon}
        case "adam" | "adamw":
            name = "adam"
            options = {"b1": train.b1, "b2": train.b2, "eps": train.epsilon}
    return NamedOptimizer.of(name, options, weight_decay=_weight_decay(train))


def _weight_decay(train: Train) -> float:
    if train.weight_decay is None:
        return _ADAMW_DECAY if train.optimizer == "adamw" else 0.0
    return train.weight_decay
