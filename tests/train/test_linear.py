"""A linear model beside the towers."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from trainings import dataset, train

from turret.data.dataset import Dataset
from turret.errors import DataError, RecipeError
from turret.model.trained import TrainedModel
from turret.recipe.bodies.custom import Custom
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.features.linear import Linear
from turret.recipe.linear import LinearPart
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.train.linear import linear_vectors
from turret.train.trainer import fit, prepare
from turret.train.warm import Earlier

DIM, LINEAR = 8, 6
PART = LinearPart(regularization=20.0, weight=0.7)


def model(query: Any = (), **options: Any) -> TwoTower:
    return TwoTower(
        query=Tower([Linear("user", embedding_dim=LINEAR), Categorical("user"), *query]),
        candidate=Tower([Categorical("item"), Linear("item", embedding_dim=LINEAR)]),
        embedding_dim=DIM,
        **options,
    )


def ease(data: Dataset, regularization: float) -> np.ndarray:
    """The scores of EASE, from its definition: each column is a least-squares problem."""
    met = np.zeros((data.num_queries, data.num_candidates))
    met[data.interactions.query_row, data.interactions.candidate_row] = 1.0
    weights = np.zeros((data.num_candidates, data.num_candidates))
    for j in range(data.num_candidates):
        others = np.delete(np.arange(data.num_candidates), j)
        gram = met[:, others].T @ met[:, others] + regularization * np.eye(len(others))
        weights[others, j] = np.linalg.solve(gram, met[:, others].T @ met[:, j])
    return met @ weights


def sides(trained: TrainedModel, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    return trained.query_vectors(data.queries), trained.candidate_vectors(data.candidates)


@pytest.mark.parametrize("dim", [3, 64])
def test_products_are_the_nearest_to_the_scores_of_ease(dim):
    data = dataset()
    left, values, right = np.linalg.svd(ease(data, 20.0), full_matrices=False)
    nearest = 0.7 * (left[:, :dim] * values[:dim]) @ right[:dim]
    query, candidate = linear_vectors(data, dim=dim, linear=PART, seed=1)
    assert query.shape[1] == candidate.shape[1] == min(dim, 40)
    np.testing.assert_allclose(query @ candidate.T, nearest, atol=2e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_it_stands_behind_what_the_towers_make_and_training_leaves_it(normalize):
    data = dataset()
    config = model(normalize=normalize)
    assert config.width == DIM + LINEAR
    trained = fit(data, config, loss=Softmax(), train=train(linear=PART)).trained
    query, candidate = sides(trained, data)
    expected = linear_vectors(data, dim=LINEAR, linear=PART, seed=7)
    np.testing.assert_array_equal(query[:, DIM:], expected[0])
    np.testing.assert_array_equal(candidate[:, DIM:], expected[1])
    for name, vectors in (("query/user", query), ("candidate/item", candidate)):
        own = vectors[:, :DIM]
        if normalize:
            np.testing.assert_allclose(np.linalg.norm(own, axis=1), 1.0, rtol=1e-5)
        else:
            table = np.asarray(trained.parameters.tables[name])
            assert {row.tobytes() for row in own} <= {row.tobytes() for row in table}


def test_what_is_long_ago_counts_less():
    """A pair of one day weighs 1, one of a day before it a half, in scores and in weights."""
    day = 86_400
    events = {"user": [1, 1, 2, 2, 3], "item": [1, 2, 1, 2, 1], "at": [0, day, day, day, day]}
    data = Dataset.from_frames(events, query_id="user", candidate_id="item", timestamp="at")
    query, candidate = linear_vectors(
        data, dim=2, linear=LinearPart(regularization=1.0, weight=1.0, half_life=1.0), seed=1
    )
    # X = [[.5, 1], [1, 1], [1, 0]]; off its diagonal X'X has 1.5, and 3.25 and 3 with lambda on it.
    weights = np.array([[0, 1.5 / 3.25], [1.5 / 3, 0]])
    expected = np.array([[0.5, 1], [1, 1], [1, 0]]) @ weights
    np.testing.assert_allclose(query @ candidate.T, expected, atol=1e-6)


def test_a_half_life_needs_times():
    with pytest.raises(DataError, match="a half-life needs times"):
        linear_vectors(dataset(), dim=4, linear=LinearPart(half_life=3.0), seed=1)


def test_the_loss_is_that_of_the_towers_alone():
    """Whatever the linear model weighs, the towers are trained to the same numbers."""
    data = dataset()
    parts = [LinearPart(weight=weight) for weight in (0.1, 10.0)]
    results = [fit(data, model(), loss=Softmax(), train=train(linear=part)) for part in parts]
    first, second = (sides(result.trained, data) for result in results)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[:, :DIM], other[:, :DIM])
        assert not np.allclose(one[:, DIM:], other[:, DIM:])
    assert results[0].history[-1].losses == results[1].history[-1].losses


def test_an_unknown_id_has_zeros_there():
    trained = fit(dataset(), model(), loss=Softmax(), train=train(epochs=1)).trained
    vectors = trained.query_vectors(pl.DataFrame({"user": ["nobody", "3"]}))
    assert (vectors[0, DIM:] == 0).all() and (vectors[1, DIM:] != 0).any()


def test_a_tower_of_ones_own_is_told_of_the_other_features_alone():
    """Whatever they are called: a name may have what divides it from its parts."""
    tower = Custom("custom_modules:Weighted", input="row", options={"of": "who/ever"})
    config = TwoTower(
        query=Tower([Categorical("user", name="who/ever"), Linear("user")], body=[tower]),
        candidate=Tower([Categorical("item"), Linear("item")]),
        embedding_dim=DIM,
    )
    data = dataset()
    trained = fit(data, config, loss=Softmax(), train=train(epochs=1, linear=PART)).trained
    arrays = trained.arrays()
    rows = trained.query_encoder.encode(data.queries)["who/ever/rows"]
    met, table = arrays["tables/query/who/ever"][rows], arrays["tables/query/linear"]
    (out,) = (one for name, one in arrays.items() if name.endswith("module/out/weight"))
    (weight,) = (one for name, one in arrays.items() if "module/weights" in name)
    vectors = trained.query_vectors(data.queries)
    np.testing.assert_allclose(vectors[:, :DIM], met @ out.T + weight * met, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(vectors[:, DIM:], table[rows])


def test_a_history_of_whole_candidates_is_of_what_the_tower_makes():
    data = dataset()
    config = model([History("met", lookup="tower")])
    trained = fit(data, config, loss=Softmax(), train=train(epochs=1)).trained
    asked = pl.DataFrame({"user": ["nobody"], "met": [["4", "7"]]})
    (vector,) = trained.query_vectors(asked)
    met = trained.candidate_vectors(pl.DataFrame({"item": ["4", "7"]}))[:, :DIM].mean(axis=0)
    unknown = np.asarray(trained.parameters.tables["query/user"])[0]
    np.testing.assert_allclose(vector[:DIM], unknown + met, atol=1e-6)


def test_a_warm_start_finds_it_anew():
    """Rows of an earlier linear model mean nothing beside those of today's."""
    data, config = dataset(), model()
    first = fit(data, config, loss=Softmax(), train=train(epochs=1, linear=PART))
    more = pl.DataFrame({"user": [1, 1, 2, 70, 70], "item": [0, 2, 4, 1, 3]})
    later = Dataset.from_frames(more, query_id="user", candidate_id="item")
    batches, state = prepare(
        later, config, loss=Softmax(), train=train(linear=PART), start=first.earlier()
    )
    assert isinstance(first.earlier(), Earlier)
    encoder, ids = batches.query_encoder, later.query_ids
    table = np.asarray(state.parameters.tables["query/linear"])
    rows = encoder.vocabularies["query/linear"].rows(ids)
    expected, _ = linear_vectors(later, dim=LINEAR, linear=PART, seed=7)
    np.testing.assert_array_equal(table[rows, : expected.shape[1]], expected)
    gone = np.setdiff1d(np.arange(len(table)), rows)
    assert len(gone) > 50 and (table[gone] == 0).all()


def test_ids_must_be_what_it_stands_on():
    tower = Tower([Categorical("user"), Linear("country", embedding_dim=4)])
    candidate = Tower([Categorical("item"), Linear("item", embedding_dim=4)])
    data = Dataset.from_frames(
        {"user": [1, 2], "item": [1, 2]},
        query_id="user",
        candidate_id="item",
        queries=pl.DataFrame({"user": [1, 2], "country": ["no", "se"]}),
    )
    with pytest.raises(RecipeError, match=r"column: got 'country', expected 'user'"):
        prepare(data, TwoTower(query=tower, candidate=candidate), loss=Softmax(), train=train())


def test_too_many_candidates():
    with pytest.raises(RecipeError, match=r"too many candidates .* got 40, expected at most 39"):
        linear_vectors(dataset(), dim=4, linear=LinearPart(max_candidates=39), seed=1)


@pytest.mark.parametrize(
    ("query", "candidate", "told"),
    [
        ([Linear("user")], [Categorical("item"), Linear("item")], "one beside that of kind linear"),
        ([Categorical("user"), Linear("user")], [Categorical("item")], "in both towers"),
        (
            [Categorical("user"), Linear("user", embedding_dim=4)],
            [Categorical("item"), Linear("item")],
            "the same embedding_dim",
        ),
        (
            [Categorical("user"), Linear("user"), Linear("user", name="more")],
            [Categorical("item"), Linear("item")],
            "at most one of kind linear",
        ),
    ],
)
def test_towers_that_do_not_fit(query, candidate, told):
    with pytest.raises(RecipeError, match=told):
        TwoTower(query=Tower(query), candidate=Tower(candidate))


@pytest.mark.parametrize(
    "key",
    [{"learning_rate": 1.0}, {"dropout": 0.1}, {"hash_buckets": 8}, {"table": "candidate/item"}],
)
def test_keys_of_what_is_trained(key):
    with pytest.raises(RecipeError, match="none for kind linear"):
        Linear("user", **key)
