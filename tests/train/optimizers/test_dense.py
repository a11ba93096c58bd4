"""Dense parameters: any of optax's optimizers, by name or as an object."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from turret.errors import RecipeError
from turret.recipe.training import Train
from turret.train.optimizers.choosing import dense_optimizer
from turret.train.optimizers.dense import GivenOptimizer, NamedOptimizer, optax_names


def moved(optimizer, *, steps: int = 3, learning_rate: float = 0.1) -> np.ndarray:
    """Where a parameter is after some steps on the gradient `x`."""
    transformation: Any = optimizer.transformation(jnp.array(learning_rate))
    x: Any = {"w": jnp.array([[2.0, -1.0]])}
    state = transformation.init(x)
    for _ in range(steps):
        change, state = transformation.update(x, state, x, value=jnp.array(1.0))
        x = optax.apply_updates(x, change)
    return np.array(x["w"])


@pytest.mark.parametrize(
    ("name", "options", "want"),
    [
        ("adamw", {"weight_decay": 0.1}, optax.adamw(0.1, weight_decay=0.1)),
        ("lion", {"b1": 0.5}, optax.lion(0.1, b1=0.5)),
        ("sgd", {"momentum": 0.9, "nesterov": True}, optax.sgd(0.1, 0.9, True)),
        ("nadamw", {}, optax.nadamw(0.1)),
        ("rprop", {}, optax.rprop(0.1)),
    ],
)
def test_a_name_is_the_optimizer_of_optax(name: str, options: dict[str, Any], want: Any):
    train = Train(dense_optimizer=name, dense_optimizer_options=options)
    np.testing.assert_array_equal(moved(dense_optimizer(train)), moved(GivenOptimizer(want)))


def test_many_names_are_known():
    assert {"adam", "adamw", "adafactor", "lamb", "lion", "nadam", "sgd"} <= set(optax_names())
    assert all(hasattr(optax, name) for name in optax_names())


@pytest.mark.parametrize(
    ("train", "want"),
    [
        (Train(optimizer="sgd"), optax.sgd(0.1)),
        (Train(optimizer="adagrad", epsilon=1e-3), optax.adagrad(0.1, 0.1, eps=1e-3)),
        (Train(optimizer="rowwise_adagrad"), optax.adagrad(0.1, 0.1, eps=1e-7)),
        (Train(optimizer="adam", b1=0.5), optax.adam(0.1, b1=0.5, eps=1e-7)),
        (Train(optimizer="adamw"), optax.adamw(0.1, eps=1e-7, weight_decay=0.01)),
        (
            Train(optimizer="adam", weight_decay=0.2),
            optax.adamw(0.1, eps=1e-7, weight_decay=0.2),
        ),
    ],
)
def test_unless_named_it_is_the_one_of_the_tables(train: Train, want: Any):
    np.testing.assert_allclose(
        moved(dense_optimizer(train)), moved(GivenOptimizer(want)), rtol=1e-6
    )


def test_an_object_is_taken_as_it_is():
    given = optax.sgd(0.25)
    assert dense_optimizer(Train(), given) == GivenOptimizer(given)
    assert hash(GivenOptimizer(given)) == hash(GivenOptimizer(given))
    np.testing.assert_allclose(moved(GivenOptimizer(given), steps=1), [[1.5, -0.75]])
    with pytest.raises(RecipeError, match="another one was given: got 'lion'"):
        dense_optimizer(Train(dense_optimizer="lion"), given)


def test_equal_names_are_equal_values_whatever_the_order_of_options():
    one = NamedOptimizer.of("adam", {"b1": 0.8, "b2": 0.9})
    assert one == NamedOptimizer.of("adam", {"b2": 0.9, "b1": 0.8})
    assert hash(one) == hash(NamedOptimizer.of("adam", {"b2": 0.9, "b1": 0.8}))
    assert one != NamedOptimizer.of("adam", {"b1": 0.8})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adamww", {}, "train.dense_optimizer: got 'adamww'.*Did you mean 'adamw'?"),
        ("chain", {}, "train.dense_optimizer: got 'chain'"),
        ("adam", {"beta1": 0.8}, "optax.adam has no option 'beta1'. Did you mean 'b1'?"),
        ("adam", {"learning_rate": 0.8}, "Write it as train.dense_learning_rate."),
        ("adam", {"b1": "large"}, "optax.adam refuses them"),
    ],
)
def test_what_optax_does_not_know_is_refused(name: str, options: dict[str, Any], message: str):
    with pytest.raises(RecipeError, match=message):
        dense_optimizer(Train(dense_optimizer=name, dense_optimizer_options=options))


@pytest.mark.parametrize(
    "optimizer",
    [
        NamedOptimizer.of("adamw", {"weight_decay": 0.5}),
        NamedOptimizer.of("adam", {}, weight_decay=0.5),
        NamedOptimizer.of("adadelta", {"weight_decay": 0.5}),
    ],
)
def test_scalars_do_not_decay(optimizer: NamedOptimizer):
    x: Any = {"matrix": jnp.full((2, 2), 4.0), "scalar": jnp.array(4.0)}
    transformation = optimizer.transformation(jnp.array(0.5))
    still = jax.tree.map(jnp.zeros_like, x)
    change: Any
    change, _ = transformation.update(still, transformation.init(x), x)
    assert float(change["scalar"]) == 0.0
    assert (np.array(change["matrix"]) < 0).all()


def test_a_learning_rate_may_be_traced():
    optimizer = NamedOptimizer.of("adamw", {}, weight_decay=0.0)

    @jax.jit
    def step(x, learning_rate):
        transformation = optimizer.transformation(learning_rate)
        return transformation.update(x, transformation.init(x), x)[0]

    x: Any = {"w": jnp.array([2.0])}
    for rate in (0.1, 0.2):
        want = optax.adamw(rate).update(x, optax.adamw(rate).init(x), x)[0]
        np.testing.assert_allclose(step(x, rate)["w"], want["w"], rtol=1e-6)  # pyright: ignore
