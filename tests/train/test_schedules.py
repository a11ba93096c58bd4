"""Schedules: known values at known steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from turret.errors import RecipeError
from turret.recipe.schedule import Schedule
from turret.recipe.training import Train
from turret.train.schedules import Rates, schedule_factor


def factors(schedule: Schedule, *, num_steps: int, steps: int) -> np.ndarray:
    rates = Rates.of(Train(schedule=schedule), num_steps=num_steps)
    at = jax.vmap(lambda t: schedule_factor(schedule.kind, rates=rates, taken=t))
    return np.array(at(jnp.arange(steps, dtype=jnp.int32)))


@pytest.mark.parametrize(
    ("schedule", "want"),
    [
        (Schedule(), [1] * 9),
        (Schedule(warmup=4), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]),
        (Schedule(warmup=0.5), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]),
        (Schedule(warmup=1), [1] * 9),
        (Schedule(kind="linear"), [1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0]),
        (Schedule(kind="linear", end=2, final=0.5), [1, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        (Schedule(kind="linear", warmup=0.25, end=4), [0.5, 1, 1, 0.5, 0, 0, 0, 0, 0]),
        (
            Schedule(kind="cosine", end=0.5),
            [1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0, 0, 0, 0, 0],
        ),
        (Schedule(kind="cosine", end=4, final=0.2, warmup=2), [0.5, 1, 1, 0.6, 0.2, 0.2, 0.2]),
    ],
)
def test_factors_of_a_training_of_eight_steps(schedule: Schedule, want: list[float]):
    np.testing.assert_allclose(
        factors(schedule, num_steps=8, steps=len(want)), want, rtol=1e-6, atol=1e-7
    )


def test_decays_are_those_of_optax():
    steps = np.arange(120)
    cosine = optax.cosine_decay_schedule(1.0, 100, alpha=0.1)
    ours = factors(Schedule(kind="cosine", final=0.1), num_steps=100, steps=120)
    np.testing.assert_allclose(ours, np.array([cosine(t) for t in steps]), rtol=1e-5)
    linear = optax.linear_schedule(1.0, 0.1, 80, transition_begin=20)
    ours = factors(Schedule(kind="linear", warmup=20, final=0.1), num_steps=100, steps=120)
    np.testing.assert_allclose(ours[20:], np.array([linear(t) for t in steps[20:]]), rtol=1e-5)


def test_rates_of_a_recipe():
    rates = Rates.of(Train(learning_rate=0.5), num_steps=10)
    assert [float(rate) for rate in rates] == [0.5, 0.5, 0, 10, 0, np.inf]
    train = Train(
        learning_rate=0.5,
        dense_learning_rate=0.25,
        clip_norm=3.0,
        schedule=Schedule(kind="linear", warmup=3, end=0.75, final=0.125),
    )
    rates = Rates.of(train, num_steps=20)
    assert [float(rate) for rate in rates] == [0.5, 0.25, 3, 15, 0.125, 3]


def test_a_decay_that_is_over_before_the_warm_up_is_refused():
    train = Train(schedule=Schedule(kind="linear", warmup=10, end=0.5))
    with pytest.raises(RecipeError, match="over at step 10, the warm-up at 10: got 0.5, exp.*20"):
        Rates.of(train, num_steps=20)
