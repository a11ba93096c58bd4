"""A start from the decomposition of who met what."""

import numpy as np
import pytest
from trainings import MODEL, dataset, train

from turret.errors import RecipeError
from turret.recipe.decomposition import Decomposition
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.train.spectral import singular_vectors
from turret.train.trainer import prepare


def shares(data, query=0.5, candidate=0.5) -> np.ndarray:
    """Who met what, over powers of both degrees, entry by entry."""
    met = np.zeros((data.num_queries, data.num_candidates))
    met[data.interactions.query_row, data.interactions.candidate_row] = 1.0
    return met / (met.sum(1, keepdims=True) ** query * met.sum(0, keepdims=True) ** candidate)


@pytest.mark.parametrize("dim", [2, 40])
def test_products_are_the_nearest_of_their_rank(dim):
    data = dataset()
    left, values, right = np.linalg.svd(shares(data))
    nearest = (left[:, :dim] * values[:dim]) @ right[:dim]
    query, candidate = singular_vectors(data, dim=dim, seed=1)
    assert query.shape == (data.num_queries, dim) and candidate.shape == (data.num_candidates, dim)
    np.testing.assert_allclose(query @ candidate.T, nearest, atol=1e-5)


def test_other_powers_and_the_popularity_that_comes_back():
    data, powers = dataset(), Decomposition(query_power=0.3, candidate_power=0.4, popularity=0.25)
    matrix = shares(data, 0.3, 0.4)
    left, values, right = np.linalg.svd(matrix)
    nearest = (left[:, :2] * values[:2]) @ right[:2] * (matrix > 0).sum(0) ** 0.25
    query, candidate = singular_vectors(data, dim=2, seed=1, decomposition=powers)
    np.testing.assert_allclose(query @ candidate.T, nearest, atol=1e-5)


def test_no_more_vectors_than_the_data_have():
    query, candidate = singular_vectors(dataset(), dim=64, seed=1)
    assert query.shape[1] == candidate.shape[1] == 40
    np.testing.assert_allclose(query @ candidate.T, shares(dataset()), atol=1e-5)


def test_rows_of_ids_start_there_and_the_unknown_at_zero():
    data = dataset()
    batches, state = prepare(data, MODEL, loss=Softmax(), train=train(initial="decomposition"))
    found = singular_vectors(data, dim=8, seed=7)
    sides = (
        ("query/user", found[0], data.query_ids, batches.query_encoder),
        ("candidate/item", found[1], data.candidate_ids, batches.candidate_encoder),
    )
    for name, vectors, ids, encoder in sides:
        table = np.asarray(state.parameters.tables[name])
        scaled = vectors * 0.05 / np.sqrt(np.mean(vectors**2))
        np.testing.assert_allclose(table[encoder.vocabularies[name].rows(ids)], scaled, rtol=1e-5)
        assert (table[0] == 0).all()


def test_a_tower_without_its_ids_is_refused():
    model = TwoTower(
        query=Tower([Categorical("user", hash_buckets=16)]),
        candidate=Tower([Categorical("item")]),
        embedding_dim=8,
    )
    with pytest.raises(RecipeError, match="categorical feature on 'user'"):
        prepare(dataset(), model, loss=Softmax(), train=train(initial="decomposition"))
