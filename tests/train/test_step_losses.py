import jax.numpy as jnp
import numpy as np
import pytest

from turret.train.state import Losses
from turret.train.step_losses import StepLosses


def losses(value: float) -> Losses:
    return Losses(jnp.float32(value), jnp.float32(0.25), jnp.float32(value) + 0.25)


def test_all_values_are_there_once_settled():
    collected = StepLosses()
    for number in range(11):
        collected.add(losses(number))
    assert len(collected) == 11
    collected.settle()
    np.testing.assert_array_equal(collected.of(0, 11)["loss"], np.arange(11, dtype=np.float32))
    np.testing.assert_array_equal(
        collected.of(2, 4)["total_loss"], np.array([2.25, 3.25], np.float32)
    )
    assert collected.of(0, 11)["loss"].dtype == np.float32
    assert collected.bad is None


@pytest.mark.parametrize("first", range(1, 9))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_bad_step_is_found_at_most_six_steps_late(first, value):
    collected = StepLosses()
    taken = 0
    while collected.bad is None:
        taken += 1
        # Later steps touch other rows and are fine again.
        collected.add(losses(value if taken in (first, first + 1) else 1.0))
    assert collected.bad == first
    assert taken - first <= 6


def test_it_goes_on_from_known_values_to_the_bit():
    values = np.random.default_rng(0).normal(size=5).astype(np.float32)
    whole = StepLosses()
    for value in values:
        whole.add(losses(value))
    whole.settle()
    part = StepLosses({name: known[:3] for name, known in whole.of(0, 5).items()})
    for value in values[3:]:
        part.add(losses(value))
    part.settle()
    for name, known in whole.of(0, 5).items():
        assert part.of(0, 5)[name].tobytes() == known.tobytes()
