"""Optimizers of dense parameters: any of optax's, by name or as an object."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import FunctionType
from typing import Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from turret.errors import RecipeError, nearest

__all__ = ["DenseOptimizer", "GivenOptimizer", "NamedOptimizer", "optax_names"]

_MASKS = ("mask", "weight_decay_mask")
Factory = Callable[..., optax.GradientTransformation]


@runtime_checkable
class DenseOptimizer(Protocol):
    """Makes an optax transformation; hashable by value, so that equal ones share a step."""

    def transformation(
        self, learning_rate: Float[Array, ""]
    ) -> optax.GradientTransformationExtraArgs:
        """The transformation at a learning rate, which may be traced."""
        ...


@dataclass(frozen=True)
class GivenOptimizer:
    """An optax transformation made by the caller, with its own learning rate or schedule.

    Two are equal when they hold the same object: build it once to share a compiled step.

    Attributes:
        given: The transformation.
    """

    given: optax.GradientTransformation

    def transformation(
        self, learning_rate: Float[Array, ""]
    ) -> optax.GradientTransformationExtraArgs:
        """The given transformation, whatever the learning rate."""
        return optax.with_extra_args_support(self.given)


@dataclass(frozen=True)
class NamedOptimizer:
    """One of optax's optimizers: `optax.NAME(learning_rate, **options)`.

    Weight decay, this one's or optax's, passes scalars over: a learned temperature is no weight.

    Attributes:
        name: Its name in optax, such as "adamw".
        options: Its other keyword arguments, sorted by name.
        weight_decay: `x <- x - lr weight_decay x_before` beside it; for optimizers that have no
            such option.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer = NamedOptimizer.of("sgd", {"momentum": 0.9})
        >>> optax_sgd = optimizer.transformation(jnp.array(0.5))
        >>> gradient = {"w": jnp.array(4.0)}
        >>> float(optax_sgd.update(gradient, optax_sgd.init(gradient), gradient)[0]["w"])
        -2.0
    """

    name: str
    options: tuple[tuple[str, object], ...] = ()
    weight_decay: float = 0.0

    @classmethod
    def of(
        cls, name: str, options: Mapping[str, object], *, weight_decay: float = 0.0
    ) -> "NamedOptimizer":
        """Name an optimizer, refusing what optax does not know.

        Args:
            name: Its name in optax.
            options: Its keyword arguments, without the learning rate.
            weight_decay: Beside it.

        Returns:
            The optimizer.

        Raises:
            RecipeError: When optax has no such optimizer, when that has no such option, or when it
                refuses the options' values.
        """
        if name not in _factories():
            raise RecipeError(
                "train.dense_optimizer",
                got=name,
                expected="the name of one of optax's optimizers",
                fix=nearest(name, _factories()),
            )
        parameters = list(inspect.signature(_factories()[name]).parameters)[1:]
        known = [option for option in parameters if option not in _MASKS]
        _refuse_unknown(name, options, known)
        optimizer = cls(name, tuple(sorted(options.items())), weight_decay)
        _try_out(optimizer)
        return optimizer

    def transformation(
        self, learning_rate: Float[Array, ""]
    ) -> optax.GradientTransformationExtraArgs:
        """The transformation at a learning rate."""
        factory = _factories()[self.name]
        masks = {
            key: _is_no_scalar for key in _MASKS if key in inspect.signature(factory).parameters
        }
        made = factory(learning_rate, **masks, **dict(self.options))
        if self.weight_decay:
            amount = cast(float, -learning_rate * self.weight_decay)
            made = optax.chain(made, optax.add_decayed_weights(amount, mask=_is_no_scalar))
        return optax.with_extra_args_support(made)


def optax_names() -> tuple[str, ...]:
    """Names of optax's optimizers that a recipe can ask for.

    Example:
        >>> [name for name in optax_names() if name.startswith("adam")]
        ['adam', 'adamax', 'adamaxw', 'adamw']
    """
    return tuple(_factories())


def _is_no_scalar(parameters: optax.Params) -> object:
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) > 0, parameters)


@cache
def _factories() -> dict[str, Factory]:
    """What optax makes optimizers with: public functions that take a learning rate first."""
    found: dict[str, Factory] = {}
    for name, value in sorted(vars(optax).items()):
        function = isinstance(value, FunctionType | partial)
        if function and not name.startswith(("_", "scale_by_")):
            first = next(iter(inspect.signature(value).parameters), None)
            if first == "learning_rate":
                found[name] = value
    return found


def _refuse_unknown(name: str, options: Iterable[str], known: list[str]) -> None:
    for option in options:
        if option == "learning_rate":
            raise RecipeError(
                "train.dense_optimizer_options holds the learning rate",
                fix="Write it as train.dense_learning_rate.",
            )
        if option not in known:
            raise RecipeError(
                f"train.dense_optimizer_options: optax.{name} has no option {option!r}",
                fix=nearest(option, known) if known else "Leave the options out.",
            )


def _try_out(optimizer: NamedOptimizer) -> None:
    """Take an abstract step, so that options of an impossible type or value are refused early."""

    def step(parameters: optax.Params) -> object:
        made = optimizer.transformation(jnp.array(0.1))
        value = jnp.array(0.0)
        return made.update(
            parameters,
            made.init(parameters),
            parameters,
            value=value,
            grad=parameters,
            value_fn=lambda _: value,
        )

    try:
        jax.eval_shape(step, {"w": jnp.zeros((2, 2))})
    except Exception as error:
        raise RecipeError(
            f"train.dense_optimizer_options: optax.{optimizer.name} refuses them: {error}",
            got=dict(optimizer.options),
        ) from error
