"""The space that settings are looked for in: what a recipe says, or what fits it."""

from collections.abc import Iterator, Mapping

import msgspec

from turret import toml
from turret.errors import RecipeError
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.loss import WARP, Softmax
from turret.recipe.recipe import Recipe
from turret.recipe.tuning import Range

__all__ = ["default_space", "space_of", "with_values"]


def space_of(recipe: Recipe) -> dict[str, Range]:
    """Return what a recipe says of where to look, or else the default.

    Args:
        recipe: its `tune.space` counts.

    Returns:
        The values that each key may take.

    Raises:
        RecipeError: a key is not one of the recipe, or a value in its place is impossible. Each
            value is tried with all other keys as they stand in the recipe.
    """
    if recipe.tune is None or not recipe.tune.space:
        return default_space(recipe)
    for key, one in recipe.tune.space.items():
        for value in one.examples:
            with_values(recipe, {key: value})
    return dict(recipe.tune.space)


def with_values(recipe: Recipe, values: Mapping[str, object]) -> Recipe:
    """Return the recipe of a trial, without the section `[tune]`.

    Args:
        recipe: what is tuned.
        values: value by key.

    Returns:
        A recipe that can be trained.

    Raises:
        RecipeError: a key is unknown or a value impossible.
    """
    plain = msgspec.structs.replace(recipe, tune=None)
    return toml.replaced(plain, values, where="tune.space")


def default_space(recipe: Recipe) -> dict[str, Range]:
    """Return a space around the values of a recipe.

    Learning rate, width and batch size always; the temperature or margin of the loss, negatives,
    regularisation or weight decay, and each drop-out that is used.

    Args:
        recipe: what is tuned.

    Returns:
        The values that each key may take; what the recipe refuses is left out.

    Example:
        >>> default_space(toml.builtin("movielens"))["loss.temperature"].high
        0.9
    """
    return {key: one for key, one in _around(recipe) if _fits(recipe, key, one)}


def _around(recipe: Recipe) -> Iterator[tuple[str, Range]]:
    train, loss, model = recipe.train, recipe.loss, recipe.model
    yield "train.learning_rate", _times(train.learning_rate, 10)
    yield "train.batch_size", _doubled(train.batch_size)
    yield "model.embedding_dim", _doubled(model.embedding_dim)
    if isinstance(loss, Softmax):
        yield "loss.temperature", _times(loss.temperature, 3)
    else:
        yield "loss.negatives", _doubled(loss.negatives)
    if isinstance(loss, WARP):
        yield "loss.margin", _times(loss.margin, 3)
    if train.optimizer == "adamw":
        yield "train.weight_decay", _times(train.weight_decay or 0.01, 10)
    elif train.regularization > 0:
        yield "train.regularization", _times(train.regularization, 10)
    else:
        # Of a summed loss a pair has the weight of a whole batch in a mean.
        scale = train.batch_size if loss.reduction == "sum" else 1
        yield "train.regularization", Range(low=1e-8 * scale, high=1e-4 * scale, log=True)
    for name, tower in (("query", model.query), ("candidate", model.candidate)):
        for part, members in (("features", tower.features), ("body", tower.body)):
            for place, one in enumerate(members):
                if isinstance(one, Categorical | History | MLP) and one.dropout > 0:
                    yield f"model.{name}.{part}.{place}.dropout", Range(low=0.0, high=0.8)


def _times(value: float, factor: int) -> Range:
    return Range(low=_rounded(value / factor), high=_rounded(value * factor), log=True)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _doubled(value: int) -> Range:
    return Range(choices=sorted({max(1, value // 2), value, 2 * value}))


def _fits(recipe: Recipe, key: str, one: Range) -> bool:
    try:
        for value in one.examples:
            with_values(recipe, {key: value})
    except RecipeError:
        return False
    return True
