"""Schedules: the learning rate as a function of the step, computed inside of the step.

The numbers of a schedule are arrays of the training state. Another learning rate, warm-up or length
is another value of the same compiled step.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from turret.errors import RecipeError
from turret.recipe.training import Train

__all__ = ["Rates", "schedule_factor"]


class Rates(NamedTuple):
    """The numbers of a training that a step reads, as scalars on the device.

    Attributes:
        learning_rate: Of the tables, before the schedule's factor.
        dense_learning_rate: Of the dense parameters, likewise.
        warmup: Steps until the full rate.
        end: The step at which a decay is over.
        final: What a decay leaves of the rate.
        clip_norm: The largest norm of the gradient; infinite without clipping.
    """

    learning_rate: Float[Array, ""]
    dense_learning_rate: Float[Array, ""]
    warmup: Float[Array, ""]
    end: Float[Array, ""]
    final: Float[Array, ""]
    clip_norm: Float[Array, ""]

    @classmethod
    def of(cls, train: Train, *, num_steps: int) -> "Rates":
        """The numbers of a recipe.

        Args:
            train: Names them; a fraction is one of `num_steps`.
            num_steps: Steps of the whole training.

        Returns:
            The numbers.

        Raises:
            RecipeError: When a decay would be over before the warm-up is.

        Example:
            >>> from turret.recipe.schedule import Schedule
            >>> train = Train(schedule=Schedule(kind="cosine", warmup=0.1))
            >>> rates = Rates.of(train, num_steps=200)
            >>> float(rates.warmup), float(rates.end)
            (20.0, 200.0)
        """
        schedule = train.schedule
        warmup, end = (_in_steps(value, num_steps) for value in (schedule.warmup, schedule.end))
        if schedule.kind != "constant" and end <= warmup:
            raise RecipeError(
                f"train.schedule.end: the decay is over at step {end}, the warm-up at {warmup}",
                got=schedule.end,
                expected=f"a step after the warm-up; the training has {num_steps}",
            )
        clip_norm = math.inf if train.clip_norm is None else train.clip_norm
        dense = train.dense_learning_rate
        numbers = (
            train.learning_rate,
            train.learning_rate if dense is None else dense,
            warmup,
            end,
            schedule.final,
            clip_norm,
        )
        return cls(*(jnp.asarray(number, jnp.float32) for number in numbers))


def schedule_factor(kind: str, *, rates: Rates, taken: Int32[Array, ""]) -> Float[Array, ""]:
    """What the learning rate of a step is multiplied by.

    With `t` steps taken before it, `w` steps of warm-up, a decay that is over at step `e`, and
    `p = (t - w) / (e - w)` cut off at 0 and 1:

        t < w:      (t + 1) / w
        constant:   1
        linear:     1 - (1 - final) p
        cosine:     1 - (1 - final) (1 - cos(pi p)) / 2

    Args:
        kind: "constant", "linear" or "cosine".
        rates: The schedule's numbers.
        taken: Steps taken before this one.

    Returns:
        The factor.

    Example:
        >>> from turret.recipe.schedule import Schedule
        >>> train = Train(schedule=Schedule(kind="linear", warmup=2, end=6))
        >>> rates = Rates.of(train, num_steps=100)
        >>> [float(schedule_factor("linear", rates=rates, taken=jnp.int32(t))) for t in range(8)]
        [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]

    Reference:
        Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
        for the cosine.
    """
    t = taken.astype(jnp.float32)
    place = jnp.clip((t - rates.warmup) / jnp.maximum(rates.end - rates.warmup, 1.0), 0.0, 1.0)
    match kind:
        case "linear":
            gone = place
        case "cosine":
            gone = (1 - jnp.cos(jnp.pi * place)) / 2
        case _:
            gone = jnp.zeros(())
    warming = (t + 1) / jnp.maximum(rates.warmup, 1.0)
    return jnp.where(t < rates.warmup, warming, 1 - (1 - rates.final) * gone)


def _in_steps(value: int | float, num_steps: int) -> int:
    return value if isinstance(value, int) else round(value * num_steps)
