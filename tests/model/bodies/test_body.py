"""Bodies one after the other, inside of a tower."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gradients import rows

from turret.errors import RecipeError
from turret.model.bodies.body import Body
from turret.model.bodies.custom import CustomBody
from turret.model.bodies.row import TowerRow
from turret.model.layers.cross import CrossNetwork as CrossLayers
from turret.model.layers.mlp import MLP as Layers
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.custom import Custom
from turret.recipe.bodies.dot import DotInteraction
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.towers import Tower, TwoTower

VECTORS = {"a": rows(5, 3, seed=1), "b": rows(5, 3, seed=2), "c": rows(5, 3, seed=3)}
ROWS = TowerRow({name: jnp.asarray(x) for name, x in VECTORS.items()}, {}, {})
SIDE_BY_SIDE = np.concatenate(list(VECTORS.values()), axis=1)
WHOLE = Custom("custom_modules:Weighted", options={"of": "a"}, input="row")


def body(*configs: MLP | CrossNetwork | DotInteraction | Custom) -> Body:
    widths = dict.fromkeys(VECTORS, 3)
    return Body(jax.random.key(0), configs, widths=widths, embedding_dim=4)


def in_turn(one: Body) -> jax.Array:
    """What two layers make of the features side by side."""
    first, second = one.layers
    assert isinstance(first, Layers | CrossLayers) and isinstance(second, Layers | CustomBody)
    return second(first(jnp.asarray(SIDE_BY_SIDE)))


def test_one_after_the_other_with_a_head_behind():
    one = body(CrossNetwork(layers=2), MLP([6, 5]))
    assert one.sizes == (9, 5) and one.head is not None
    x = in_turn(one)
    want = np.asarray(x) @ np.asarray(one.head.weight) + np.asarray(one.head.bias)
    np.testing.assert_allclose(one(ROWS), want, rtol=1e-5, atol=1e-6)
    assert one(ROWS).shape == (5, 4)


@pytest.mark.parametrize("keep", [True, False])
def test_products_stand_behind_the_features(keep: bool):
    one = body(DotInteraction(keep_features=keep))
    a, b, c = VECTORS.values()
    products = np.stack([(b * a).sum(1), (c * a).sum(1), (c * b).sum(1)], axis=1)
    want = np.concatenate([SIDE_BY_SIDE, products], axis=1) if keep else products
    assert one.sizes == (want.shape[1],) and one.head is not None
    np.testing.assert_allclose(one(ROWS), want @ np.asarray(one.head.weight), rtol=1e-4, atol=1e-5)


def test_a_custom_one_at_the_end_gives_the_vector_itself():
    one = body(MLP([6]), Custom("custom_modules:Gated"))
    assert one.head is None and one.sizes == (6, 4)
    want = in_turn(one)
    np.testing.assert_array_equal(one(ROWS), want)
    before = body(Custom("custom_modules:Gated", options={"out_size": 7}), MLP([6]))
    assert before.head is not None and before.sizes == (7, 6)


def test_a_row_does_not_depend_on_its_neighbours():
    one = body(MLP([9], norm="layer", residual=True), Custom("custom_modules:Gated"))
    alone = [
        one(TowerRow({name: x[i : i + 1] for name, x in ROWS.vectors.items()}, {}, {}))
        for i in range(5)
    ]
    np.testing.assert_allclose(one(ROWS), np.concatenate(alone), rtol=1e-5, atol=1e-6)


def test_every_layer_starts_with_numbers_of_its_own():
    one = body(MLP([9]), MLP([9]))
    arrays = [jax.tree.leaves(layer)[0] for layer in one.layers]
    first, second = arrays
    assert not np.isin(np.asarray(first), np.asarray(second)).any()


A, B = Categorical("a"), Categorical("b")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tower([A, B], body=[MLP([4]), DotInteraction()]), "tower body: .* to be first"),
        (lambda: Tower([A, B], body=[MLP([4]), WHOLE]), "tower body: .* to be first"),
        (
            lambda: Tower([A, B], body=[WHOLE, MLP([4])]),
            "tower body: .* whole tower, .* be alone",
        ),
        (
            lambda: two(Tower([Categorical("a", embedding_dim=3), B], body=[DotInteraction()])),
            "body 'dot': the features' embedding_dim: got {'a': 3, 'b': 32}",
        ),
        (
            lambda: two(Tower([A], body=[DotInteraction()])),
            r"body 'dot': the features: got \['a'\], expected two or more",
        ),
        (lambda: MLP([]), r"body 'mlp': hidden: got \[\]"),
        (lambda: MLP([4], dropout=1.0), "body 'mlp': dropout: got 1.0"),
        (lambda: CrossNetwork(layers=0), "body 'cross': layers: got 0"),
        (lambda: CrossNetwork(rank=0), "body 'cross': rank: got 0"),
        (lambda: CrossNetwork(diag_scale=-1.0), "body 'cross': diag_scale: got -1.0"),
    ],
)
def test_what_cannot_be_is_refused(make, message: str):
    with pytest.raises(RecipeError, match=message):
        make()


def two(query: Tower) -> TwoTower:
    return TwoTower(query=query, candidate=Tower([A]))


def test_chance_has_a_part_only_where_it_is_asked():
    plain = (MLP([4]), CrossNetwork())
    assert not two(Tower([A], body=plain)).draws
    assert two(Tower([A], body=[MLP([4], dropout=0.1)])).draws
    assert two(Tower([A], body=[Custom("a:B")])).draws


def test_the_classes_that_a_model_names():
    towers = [Tower([A], body=[Custom("a:B"), Custom("a:C")]), Tower([A], body=[Custom("a:B")])]
    model = TwoTower(query=towers[0], candidate=towers[1])
    assert model.custom_classes == ("a:B", "a:C")
