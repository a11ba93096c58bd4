"""Steps with all settings at once equal dense optax steps over all parameters, in float64."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
import pytest

from turret.data.dataset import Dataset
from turret.model.objective import batch_loss
from turret.model.towers import Parameters
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.schedule import Schedule
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.state import train_step
from turret.train.trainer import prepare

STEPS, RATE, DENSE_RATE, OWN_RATE, CLIP, DECAY, AVERAGING = 9, 0.1, 0.05, 0.5, 0.2, 0.3, 0.7
# Large: the bias that all candidates share has no gradient but rounding, which Adam would blow up.
EPSILON = 0.01
MODEL = TwoTower(
    query=Tower([Categorical("user", learning_rate=OWN_RATE)], body=[MLP([6])]),
    candidate=Tower([Categorical("item")], body=[MLP([6])]),
    embedding_dim=4,
)
# With b2 = 0.999 optax's `1 - b2**t` of float32 would be right to four digits only.
# Under SGD and Adagrad a row without a gradient stays, so lazy steps are dense ones in any batch;
# under AdamW they are where each batch touches every row.
TWINS = {
    "sgd": (8, lambda rate: optax.sgd(rate)),
    "adagrad": (8, lambda rate: optax.adagrad(rate, 0.1, eps=0.0)),
    "adamw": (48, lambda rate: optax.adamw(rate, b1=0.8, b2=0.9, eps=EPSILON, weight_decay=DECAY)),
}


def dataset() -> Dataset:
    # Any run of eight has eight users and eight items: batches of one shape, compiled once.
    frame = pl.DataFrame(
        {
            "user": [f"u{i % 20:03}" for i in range(48)],
            "item": [f"i{5 * i % 12:03}" for i in range(48)],
        }
    )
    return Dataset.from_frames(frame, query_id="user", candidate_id="item")


def dense_steps(parameters: Parameters, batches: list[Any], twin: Any) -> list[Parameters]:
    """The parameters after each step: gradients of whole tables, optax on all parameters."""

    def loss(parameters: Parameters, batch: Any) -> Any:
        rows = {name: t[batch.table_rows[name]] for name, t in parameters.tables.items()}
        touched = Parameters(rows, parameters.dense)
        return batch_loss(touched, batch, config=MODEL, loss=Softmax())

    def at(rate: float) -> Any:
        return twin(optax.cosine_decay_schedule(rate, STEPS, alpha=0.25))

    names = {"query/user": "user", "candidate/item": "item"}
    labels = Parameters(names, jax.tree.map(lambda _: "dense", parameters.dense))  # pyright: ignore[reportArgumentType]  # names of groups
    rates: Any = {"user": at(OWN_RATE * RATE), "item": at(RATE), "dense": at(DENSE_RATE)}
    optimizer: Any = optax.chain(
        optax.clip_by_global_norm(CLIP), optax.partition(rates, lambda _: labels)
    )

    @jax.jit
    def step(parameters: Any, state: Any, batch: Any) -> Any:
        change, state = optimizer.update(jax.grad(loss)(parameters, batch), state, parameters)
        return optax.apply_updates(parameters, change), state

    state, history = optimizer.init(parameters), []
    for batch in batches:
        parameters, state = step(parameters, state, batch)
        history.append(parameters)
    return history


@pytest.mark.parametrize("name", TWINS)
def test_all_settings_together_are_the_dense_training(name: str):
    size, twin = TWINS[name]
    train = Train(
        epochs=STEPS,
        batch_size=48,
        optimizer=name,  # pyright: ignore[reportArgumentType]  # a name of a recipe
        learning_rate=RATE,
        dense_learning_rate=DENSE_RATE,
        schedule=Schedule(kind="cosine", final=0.25),
        weight_decay=DECAY if name == "adamw" else None,
        epsilon=EPSILON if name == "adamw" else 0.0,
        b1=0.8,
        b2=0.9,
        clip_norm=CLIP,
        initial_scale=1.0,
        averaging=AVERAGING,
    )
    batches, state = prepare(dataset(), MODEL, loss=Softmax(), train=train)
    starts = [0, 16, 40] if size == 8 else [0]
    chosen = [batches.of(np.arange(start, start + size)) for start in starts]
    taken = [chosen[step % len(chosen)] for step in range(STEPS)]
    first = jax.tree.map(np.array, state.parameters)
    for batch in taken:
        state, _ = train_step(state, batch)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), first)
        history = dense_steps(wide, taken, twin)
        weights = AVERAGING ** np.arange(STEPS)[::-1]
        share = weights / weights.sum()
        average = jax.tree.map(lambda *x: np.tensordot(share, np.array(x), 1), *history)

    def close(got: Any, want: Any) -> None:
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)

    jax.tree.map(close, state.parameters, history[-1])
    jax.tree.map(close, state.averaged(), average)
