"""Settings of the step: rates, clipping, averaging, and what is compiled anew."""

from typing import Any

import jax
import numpy as np
import optax
import polars as pl
import pytest

from turret.data.dataset import Dataset
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.schedule import Schedule
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.state import train_step
from turret.train.trainer import fit, prepare


def model(*, hidden: tuple[int, ...] = (), rate: float = 1.0) -> TwoTower:
    body = [MLP(hidden)] if hidden else []
    return TwoTower(
        query=Tower([Categorical("user", learning_rate=rate)], body=body),
        candidate=Tower([Categorical("item")], body=body),
        embedding_dim=4,
    )


def dataset(events: int = 48) -> Dataset:
    # Any run of eight has eight users and eight items: batches of one shape, compiled once.
    frame = pl.DataFrame(
        {
            "user": [f"u{i % 20:03}" for i in range(events)],
            "item": [f"i{5 * i % 12:03}" for i in range(events)],
        }
    )
    return Dataset.from_frames(frame, query_id="user", candidate_id="item")


def parts_of(config: TwoTower, train: Train, **more: Any):
    batches, state = prepare(dataset(), config, loss=Softmax(), train=train, **more)
    return batches, state


def host(tree: Any) -> Any:
    return jax.tree.map(np.array, tree)


def changes(config: TwoTower, train: Train, **more: Any) -> Any:
    """What one step adds to the parameters."""
    batches, state = parts_of(config, train, **more)
    before = host(state.parameters)
    after, _ = train_step(state, batches(0))
    return jax.tree.map(lambda a, b: b - a, before, host(after.parameters))


def norm(tree: Any) -> float:
    return float(
        np.sqrt(sum(np.square(leaf, dtype=np.float64).sum() for leaf in jax.tree.leaves(tree)))
    )


PLAIN = Train(batch_size=24, optimizer="sgd", learning_rate=1.0)


def test_a_feature_has_its_own_rate():
    whole, half, none = (changes(model(rate=rate), PLAIN).tables for rate in (1.0, 0.5, 0.0))
    assert np.abs(whole["query/user"]).max() > 0.001
    np.testing.assert_allclose(half["query/user"], 0.5 * whole["query/user"], atol=1e-7)
    np.testing.assert_array_equal(none["query/user"], 0 * whole["query/user"])
    for other in (half, none):
        np.testing.assert_array_equal(other["candidate/item"], whole["candidate/item"])


@pytest.mark.parametrize("share", [0.25, 4.0])
def test_the_gradient_of_rows_and_dense_parameters_is_clipped_together(share: float):
    config = model(hidden=(8,))
    free = changes(config, PLAIN)
    length = norm(free)
    clipped = changes(config, with_(PLAIN, clip_norm=share * length))
    np.testing.assert_allclose(norm(clipped), min(share, 1.0) * length, rtol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(b, min(share, 1.0) * a, rtol=1e-5, atol=1e-7),
        free,
        clipped,
    )


def with_(train: Train, **changed: Any) -> Train:
    return Train(**{**{f: getattr(train, f) for f in train.__struct_fields__}, **changed})


def test_rows_decay_in_steps_that_touch_them_and_dense_parameters_in_each():
    config = model(hidden=(8,))
    batches, state = parts_of(config, PLAIN)
    before, rows = host(state.parameters), batches(0).table_rows
    plain, decayed = changes(config, PLAIN), changes(config, with_(PLAIN, weight_decay=0.25))
    for name, table in before.tables.items():
        touched = np.isin(np.arange(len(table)), np.asarray(rows[name]))
        want = plain.tables[name] - 0.25 * table * touched[:, None]
        assert 0 < touched.sum() < len(table)
        np.testing.assert_allclose(decayed.tables[name], want, rtol=1e-5, atol=1e-6)
    jax.tree.map(
        lambda got, moved, x: np.testing.assert_allclose(got, moved - 0.25 * x, atol=1e-6),
        decayed.dense,
        plain.dense,
        before.dense,
    )


def test_the_schedule_scales_every_rate():
    train = with_(PLAIN, schedule=Schedule(warmup=4), dense_learning_rate=0.5)
    config = model(hidden=(8,), rate=0.5)
    full = changes(model(hidden=(8,)), PLAIN)
    quarter = changes(config, train)
    for name, factor in (("query/user", 0.125), ("candidate/item", 0.25)):
        np.testing.assert_allclose(quarter.tables[name], factor * full.tables[name], atol=1e-7)
    jax.tree.map(
        lambda got, one: np.testing.assert_allclose(got, 0.125 * one, atol=1e-7),
        quarter.dense,
        full.dense,
    )
    batches, state = parts_of(config, train)
    rates = []
    for step in range(5):
        rates.append(float(state.learning_rate))
        state, _ = train_step(state, batches(step % 2))
    np.testing.assert_allclose(rates, [0.25, 0.5, 0.75, 1.0, 1.0])


def test_what_is_averaged_is_what_the_steps_gave():
    batches, state = parts_of(
        model(hidden=(8,)), Train(batch_size=8, epochs=2, learning_rate=0.05, averaging=0.8)
    )
    batch = [batches.of(np.arange(start, start + 8)) for start in (0, 8, 16)]
    history = []
    for step in range(9):
        state, _ = train_step(state, batch[step % 3])
        history.append(host(state.parameters))
    weights = 0.8 ** np.arange(9)[::-1]

    def check(got, *after_each_step):
        want = np.tensordot(weights / weights.sum(), np.array(after_each_step, np.float64), axes=1)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)

    jax.tree.map(check, state.averaged(), *history)


def test_averaging_does_not_change_the_steps_but_what_is_kept():
    train = Train(batch_size=48, epochs=3, learning_rate=0.05)
    plain = fit(dataset(), model(), train=train).trained.parameters
    seen = []
    result = fit(
        dataset(),
        model(),
        train=with_(train, averaging=0.5),
        validate=lambda trained: seen.append(host(trained.parameters)) or {"ndcg@20": 1.0},
    )
    kept = result.trained.parameters
    _, state = parts_of(model(), with_(train, averaging=0.5))
    assert state.averages is not None
    assert np.abs(np.array(kept.tables["query/user"] - plain.tables["query/user"])).max() > 1e-4
    jax.tree.map(np.testing.assert_array_equal, seen[-1], host(kept))


def test_an_object_of_optax_trains_the_dense_parameters():
    config = model(hidden=(8,))
    given = optax.chain(optax.scale(2.0), optax.sgd(0.5))
    named, objects = changes(config, PLAIN), changes(config, PLAIN, dense_optimizer=given)
    jax.tree.map(np.testing.assert_array_equal, named, objects)
    result = fit(dataset(), config, train=with_(PLAIN, epochs=1), dense_optimizer=given)
    assert len(result.history) == 1


def test_an_optimizer_that_searches_its_step_is_given_the_loss():
    train = with_(PLAIN, dense_optimizer="lbfgs", dense_optimizer_options={"memory_size": 2})
    batches, state = parts_of(model(hidden=(8,)), train)
    losses = []
    for _ in range(3):
        state, one = train_step(state, batches(0))
        losses.append(float(one.loss))
    assert losses[2] < losses[1] < losses[0]


def test_a_tower_without_a_body_needs_nothing_of_its_dense_optimizer():
    train = with_(PLAIN, dense_optimizer="lbfgs")
    np.testing.assert_array_equal(
        changes(model(), train).tables["query/user"], changes(model(), PLAIN).tables["query/user"]
    )


def test_numbers_do_not_compile_a_step_anew():
    def run(**changed: Any) -> None:
        train = with_(PLAIN, optimizer="adamw", dense_optimizer="lion", clip_norm=1.0, **changed)
        train = with_(train, dense_optimizer_options={"b1": 0.8, "b2": 0.9})
        batches, state = parts_of(model(hidden=(8,)), train)
        train_step(state, batches.of(np.arange(16)))

    compiled: Any = train_step
    run(schedule=Schedule(kind="cosine"))
    number = compiled._cache_size()
    run(schedule=Schedule(kind="cosine"))
    run(
        learning_rate=0.25,
        dense_learning_rate=0.125,
        epochs=7,
        seed=5,
        schedule=Schedule(kind="cosine", warmup=0.25, end=11, final=0.5),
    )
    assert compiled._cache_size() == number
