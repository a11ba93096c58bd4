"""Towers and the trained model around them."""

import jax
import numpy as np
import polars as pl
import pytest

from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.data.encoders.tower import TowerEncoder
from turret.errors import ModelError, QueryError
from turret.model.towers import initialize
from turret.model.trained import TrainedModel
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.towers import Tower, TwoTower

EVENTS = pl.DataFrame(
    {
        "user": ["u1", "u1", "u2", "u3"],
        "country": ["no", "no", "se", "no"],
        "item": ["a", "b", "b", "c"],
    }
)


def model(**options) -> TwoTower:
    query = Tower([Categorical("user"), Categorical("country")], **options)
    return TwoTower(query=query, candidate=Tower([Categorical("item")]), embedding_dim=4)


def trained(config: TwoTower) -> TrainedModel:
    dataset = Dataset.from_frames(EVENTS, query_id="user", candidate_id="item")
    queries, candidates = fit_encoders(config, dataset)
    parameters = initialize(jax.random.key(1), config, encoders=(queries, candidates))
    return TrainedModel(config, queries, candidates, parameters)


def test_without_a_body_embeddings_are_added():
    one = trained(model())
    arrays = one.arrays()
    assert arrays["tables/query/user"].shape == (4, 4)
    vectors = one.query_vectors(pl.DataFrame({"user": ["u2"], "country": ["se"]}))
    want = arrays["tables/query/user"][2] + arrays["tables/query/country"][2]
    np.testing.assert_array_equal(vectors, want[None])


def test_initial_values_are_uniform_and_row_0_is_zero():
    arrays = trained(model()).arrays()
    for table in (v for k, v in arrays.items() if k.startswith("tables/")):
        assert not table[0].any()
        assert 0 < np.abs(table[1:]).max() <= 0.05


def test_unknown_values_add_nothing():
    one = trained(model())
    known = one.query_vectors(pl.DataFrame({"user": ["new"], "country": ["se"]}))
    np.testing.assert_array_equal(known[0], one.arrays()["tables/query/country"][2])
    queries = pl.DataFrame({"user": ["new", "u1", None], "country": ["dk", "dk", "no"]})
    assert one.known_queries(queries).tolist() == [False, True, True]
    assert not one.query_vectors(queries)[0].any()


def test_normalized_vectors_have_length_1_and_unknown_ones_0():
    config = TwoTower(
        query=Tower([Categorical("user")]),
        candidate=Tower([Categorical("item")]),
        embedding_dim=4,
        normalize=True,
    )
    vectors = trained(config).candidate_vectors(pl.DataFrame({"item": ["a", "b", "new"]}))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0], rtol=1e-6)


def test_a_row_does_not_depend_on_its_neighbours():
    one = trained(model())
    frame = pl.DataFrame({"user": ["u1", "u2", "u3"] * 20, "country": ["no", "se", "dk"] * 20})
    together = one.query_vectors(frame)
    single = np.concatenate([one.query_vectors(frame[i]) for i in range(len(frame))])
    np.testing.assert_array_equal(together, single)


@pytest.mark.parametrize("body", [[], [MLP([8])]], ids=["sum", "mlp"])
def test_arrays_round_trip(body):
    one = trained(model(body=body))
    again = TrainedModel.from_arrays(
        one.config,
        query_encoder=TowerEncoder.restored(
            "query", one.query_encoder.features, states=one.query_encoder.states()
        ),
        candidate_encoder=one.candidate_encoder,
        arrays=one.arrays(),
    )
    queries = EVENTS.select("user", "country")
    np.testing.assert_array_equal(again.query_vectors(queries), one.query_vectors(queries))
    assert ("dense/query/body/layers/0/layers/0/weight" in one.arrays()) == bool(body)


def test_foreign_arrays_are_refused_by_name():
    one = trained(model())
    arrays = one.arrays()
    rest = {"query_encoder": one.query_encoder, "candidate_encoder": one.candidate_encoder}
    with pytest.raises(ModelError, match="tables/query/user"):
        less = {k: v for k, v in arrays.items() if k != "tables/query/user"}
        TrainedModel.from_arrays(one.config, **rest, arrays=less)
    with pytest.raises(ModelError, match=r"'tables/query/user'.*\[4, 3\].*\[4, 4\]"):
        narrow = arrays | {"tables/query/user": arrays["tables/query/user"][:, :3]}
        TrainedModel.from_arrays(one.config, **rest, arrays=narrow)


def test_a_missing_column_is_named():
    with pytest.raises(QueryError, match="country"):
        trained(model()).query_vectors(pl.DataFrame({"user": ["u1"]}))


def test_no_rows():
    vectors = trained(model()).candidate_vectors(pl.DataFrame({"item": []}, {"item": pl.String}))
    assert vectors.shape == (0, 4)
