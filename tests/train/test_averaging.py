"""The lazy average equals the sum that defines it, computed densely in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from turret.model.tables import gather, scatter
from turret.model.towers import Dense, Parameters
from turret.train.averaging import averaged, follow, start


def defined(history: list[np.ndarray], decay: float) -> np.ndarray:
    """`sum b^(t-s) x_s / sum b^(t-s)` over the parameters after each step."""
    weights = decay ** np.arange(len(history))[::-1].astype(np.float64)
    return np.tensordot(weights, np.array(history, np.float64), axes=1) / weights.sum()


@pytest.mark.parametrize("decay", [0.1, 0.9, 0.9999])
@pytest.mark.parametrize("whole", [False, True])
def test_equals_its_definition(decay: float, whole: bool):
    rng = np.random.default_rng(0)
    table = jnp.asarray(rng.normal(size=(7, 3)).astype(np.float32))
    parameters = Parameters({"t": table}, {})
    averages = start(parameters)
    step = jax.jit(follow, static_argnames="decay")
    history = []
    for number in range(1, 41):
        # Row 0 in each step, row 6 in none, the others now and then.
        chosen = np.flatnonzero(rng.random(7) < [1, 0.5, 0.5, 0.2, 0.1, 0.05, 0]).astype(np.int32)
        rows = (
            None
            if whole
            else jnp.pad(jnp.asarray(chosen), (0, 7 - len(chosen)), "constant", constant_values=7)
        )
        before = gather(parameters.tables["t"], rows)
        after = before + jnp.asarray(rng.normal(size=(7, 3)).astype(np.float32))
        averages = step(
            averages,
            before={"t": before},
            after=parameters._replace(tables={"t": after}),
            rows={"t": rows},
            step=jnp.int32(number),
            decay=decay,
        )
        parameters = parameters._replace(tables={"t": scatter(parameters.tables["t"], rows, after)})
        history.append(np.array(parameters.tables["t"]))
        if number in (1, 2, 17, 40):
            now = averaged(averages, parameters=parameters, step=jnp.int32(number), decay=decay)
            want = defined(history, decay)
            np.testing.assert_allclose(now.tables["t"], want, rtol=1e-5, atol=2e-6)
            if not whole:
                np.testing.assert_array_equal(now.tables["t"][6], table[6])


def test_before_the_first_step_it_is_the_parameters():
    parameters = Parameters({"t": jnp.ones((2, 2))}, {})
    now = averaged(start(parameters), parameters=parameters, step=jnp.int32(0), decay=0.9)
    np.testing.assert_array_equal(now.tables["t"], np.ones((2, 2)))


def test_a_thousand_untouched_steps_are_one():
    one: Dense = {}
    first, then = jnp.full((1, 1), 2.0), jnp.full((1, 1), 5.0)
    averages = start(Parameters({"t": first}, one))
    for number, old, new in ((1, first, first), (1001, first, then)):
        averages = follow(
            averages,
            before={"t": old},
            after=Parameters({"t": new}, one),
            rows={"t": None},
            step=jnp.int32(number),
            decay=0.999,
        )
    weights = 0.999 ** np.arange(3000)[::-1]
    want = (weights[:1000].sum() * 2 + weights[1000:].sum() * 5) / weights.sum()
    now = averaged(
        averages, parameters=Parameters({"t": then}, one), step=jnp.int32(3000), decay=0.999
    )
    np.testing.assert_allclose(now.tables["t"], [[want]], rtol=1e-6)
