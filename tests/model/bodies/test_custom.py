"""Modules of one's own: what they are called with, and which ones are refused."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gradients import check, rows

from turret.errors import ModelError, RecipeError
from turret.model.bodies.custom import CustomBody
from turret.model.bodies.row import TowerRow
from turret.recipe.bodies.custom import Custom

KEY = jax.random.key(0)


def made(name: str, *, last: bool = True, **options: Any) -> CustomBody:
    path = name if ":" in name else f"custom_modules:{name}"
    config = Custom(path, options=options)
    return CustomBody(KEY, config, in_size=3, embedding_dim=2, last=last)


def test_it_is_called_for_each_row():
    body, x = made("Gated"), rows(5, 3)
    module: Any = body.module
    (value, gate) = (
        (np.asarray(one.weight, np.float64), np.asarray(one.bias, np.float64))
        for one in (module.value, module.gate)
    )
    want = np.tanh(x @ value[0].T + value[1]) / (1 + np.exp(-(x @ gate[0].T + gate[1])))
    np.testing.assert_allclose(body(jnp.asarray(x)), want, rtol=1e-5, atol=1e-6)


def test_its_arrays_are_parameters_and_nothing_else_is():
    body = made("Gated", dropout=0.5)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(body)]
    assert names == [f".module.{a}.{b}" for a in ("value", "gate") for b in ("weight", "bias")]
    again = made("Gated", dropout=0.5)
    assert jax.tree.structure(body) == jax.tree.structure(again)
    assert hash(jax.tree.structure(body)) == hash(jax.tree.structure(again))
    assert jax.tree.structure(body) != jax.tree.structure(made("Gated", dropout=0.4))


def test_a_key_is_divided_among_the_rows_and_without_one_nothing_is_dropped():
    body, plain = made("Gated", dropout=0.5), made("Gated")
    x = jnp.ones((64, 3))
    np.testing.assert_array_equal(body(x), plain(x))
    dropped = np.asarray(body(x, key=KEY)) == 0
    assert 0.25 < dropped.mean() < 0.75
    assert (dropped != dropped[0]).any()
    np.testing.assert_array_equal(dropped, np.asarray(body(x, key=KEY)) == 0)


def test_modules_of_equinox_can_be_named_too():
    body = made("equinox.nn:MLP", width_size=4, depth=1)
    x = rows(3, 3)
    module: Any = body.module
    first, second = module.layers
    hidden = np.maximum(x @ first.weight.T + first.bias, 0)
    want = hidden @ second.weight.T + second.bias
    np.testing.assert_allclose(body(jnp.asarray(x)), want, rtol=1e-5, atol=1e-6)


def test_a_whole_tower_gets_vectors_and_what_they_were_looked_up_with():
    config = Custom("custom_modules:Weighted", options={"of": "tags"}, input="row")
    body = CustomBody(KEY, config, in_size={"user": 2, "tags": 2}, embedding_dim=2, last=True)
    weights = {"user": jnp.float32(3.0), "tags": jnp.float32(0.5)}
    body = eqx.tree_at(lambda one: one.module.weights, body, weights)
    table = jnp.asarray(rows(5, 2))
    tags = jnp.array([[1, 2], [4, 4], [0, 3]])
    vectors = {"user": jnp.asarray(rows(3, 2, seed=1)), "tags": table[tags].sum(axis=1)}
    given = TowerRow(vectors, {"tags/rows": tags}, {"tags": table})
    want = [
        np.asarray(table)[one].max(axis=0) @ np.asarray(body.module.out.weight).T
        for one in np.asarray(tags)
    ]
    want = np.array(want) + 3 * np.asarray(vectors["user"]) + np.asarray(vectors["tags"]) / 2
    np.testing.assert_allclose(body(given), want, rtol=1e-5)


def test_in_the_middle_it_may_have_any_width():
    assert made("Gated", last=False).out_size == 2
    assert made("Gated", last=False, out_size=7).out_size == 7
    with pytest.raises(ModelError, match="another width: got 7, expected 2, the `out_size`"):
        made("Gated", out_size=7)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:One", "'no_such_module' cannot be imported: No module named"),
        ("custom_modules:NoSuch", "'custom_modules' has no 'NoSuch'"),
        ("custom_modules:NoModule", "expected a class derived from equinox.Module"),
        ("custom_modules:eqx", "expected a class derived from equinox.Module"),
        ("os:system", "expected a class derived from equinox.Module"),
        ("Wide", "another width: got 3, expected 2, the `out_size` that it is made with"),
        ("Scalar", r"something else than a vector for a row: got 'float32\[\]'"),
        ("Pair", "something else than a vector for a row: got 'tuple'"),
        ("Failing", "Failing fails when it is called: ValueError: no such thing"),
        ("Whole", r"Whole.order cannot be trained: got 'int32\[2\]'"),
        ("Odd", "Odd.allowed is neither a parameter nor a setting: got 'set'"),
        ("Double", r"Double.shift cannot be trained: got 'float64\[2\]'. Make it float32"),
        pytest.param(
            "Static",
            "Static: a static field cannot be compared",
            marks=pytest.mark.filterwarnings("ignore:A JAX array is being set as static"),
        ),
        ("Moody", "Moody.rate is different each time: got '0.* and 0"),
        ("Concrete", "fails without the values of its arrays, as when a bundle is loaded"),
        ("Stateful", "is state that passes from call to call: got 'StateIndex'"),
    ],
)
def test_what_is_refused(name: str, message: str):
    with pytest.raises(ModelError, match=message):
        made(name)


def test_options_that_the_class_does_not_know_are_refused():
    message = r"Gated\(in_size=, out_size=, rate=, key=\) fails: TypeError: .*'rate'"
    with pytest.raises(ModelError, match=message):
        made("Gated", rate=0.5)


@pytest.mark.parametrize("path", ["", "one", "one:", ":One", "a b:One", "one:One.two", "../x:One"])
def test_what_is_no_import_path_is_refused(path: str):
    with pytest.raises(RecipeError, match="body 'custom': class: got .* expected 'package.module"):
        Custom(path)


def test_options_that_no_recipe_holds_are_refused():
    with pytest.raises(RecipeError, match="body 'custom': options .*expected text, numbers"):
        Custom("one:One", options={"function": print})


def test_it_is_a_value():
    one, other = (Custom("one:One", options={"a": 1, "b": [2]}) for _ in range(2))
    assert one == other and hash(one) == hash(other)
    assert one != Custom("one:One", options={"a": 1, "b": [3]})


def test_its_gradient():
    body = made("Gated")

    def call(module: Any, x: Any) -> Any:
        whole: Any = eqx.combine(module, body.rest)
        return jax.vmap(whole)(x)

    check(call, body.module, rows(3, 3))
