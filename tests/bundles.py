"""A small model with known parameters, and bundles of it, for tests of what answers."""

from functools import cache
from typing import Any

import jax
import numpy as np
import polars as pl

from turret.bundle.bundle import Bundle
from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.index import registry
from turret.model.towers import initialize
from turret.model.trained import TrainedModel
from turret.recipe.features.bag import Bag
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.towers import Tower, TwoTower
from turret.recommender.recommender import Recommender

QUERIES, CANDIDATES = 40, 120
FILES = [
    "candidates.parquet",
    "encoders/candidate-0.parquet",
    "encoders/query-0.parquet",
    "encoders/query-1.parquet",
    "ids.safetensors",
    "index/index.json",
    "manifest.json",
    "model.json",
    "parameters.safetensors",
    "provenance.json",
    "queries.parquet",
    "seen.safetensors",
    "vectors.safetensors",
]
"""The files of the bundle `by_country`."""


def dataset() -> Dataset:
    """40 users and 120 films; user 39 and film 119 have no interaction, film 7 the most."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, QUERIES - 1, 900)
    film = np.minimum(rng.zipf(1.3, 900) - 1, CANDIDATES - 2)
    user, film = np.append(user, np.arange(30)), np.append(film, np.full(30, 7))
    film = np.where(film == 0, 7, film)
    events = pl.DataFrame({"user": user, "film": [f"f{number}" for number in film]})
    users = pl.DataFrame(
        {"user": range(QUERIES), "country": [("no", "se", None)[n % 3] for n in range(QUERIES)]}
    )
    films = pl.DataFrame(
        {
            "film": [f"f{number}" for number in range(CANDIDATES)],
            "title": [f"Film № {number}" for number in range(CANDIDATES)],
            "genres": [["Drama"] * (number % 3) for number in range(CANDIDATES)],
        }
    )
    return Dataset.from_frames(
        events, query_id="user", candidate_id="film", queries=users, candidates=films
    )


def model(data: Dataset, *, query: tuple[str, ...] = ("user",), dim: int = 8) -> TrainedModel:
    """Towers on the query columns and on the candidate id, with random parameters."""
    config = TwoTower(
        query=Tower([Categorical(column) for column in query]),
        candidate=Tower([Categorical(data.candidate_id)]),
        embedding_dim=dim,
    )
    queries, candidates = fit_encoders(config, data)
    encoders = (queries, candidates)
    parameters = initialize(jax.random.key(1), config, encoders=encoders, scale=1.0)
    return TrainedModel(config, queries, candidates, parameters)


@cache
def by_history() -> Bundle:
    """A model whose query tower reads the user and what it met; films have genres, too."""
    data = dataset()
    config = TwoTower(
        query=Tower([Categorical("user"), History("met", table="candidate/film")]),
        candidate=Tower([Categorical("film"), Bag("genres")]),
        embedding_dim=8,
    )
    encoders = fit_encoders(config, data)
    parameters = initialize(jax.random.key(1), config, encoders=encoders, scale=1.0)
    return bundle_of(data, TrainedModel(config, *encoders, parameters))


def bundle_of(data: Dataset, trained: TrainedModel, *, kind: str = "exact", **parameters: Any):
    """The bundle of a model, with an index of the kind."""
    index = registry.build(
        kind,
        ids=data.candidate_ids.to_list(),
        vectors=trained.candidate_vectors(data.candidates),
        **parameters,
    )
    return Bundle.assemble(trained=trained, dataset=data, index=index)


@cache
def by_id() -> Bundle:
    """A model whose query tower reads the user only."""
    data = dataset()
    return bundle_of(data, model(data))


@cache
def by_country() -> Bundle:
    """A model whose query tower reads the user and the country."""
    data = dataset()
    return bundle_of(data, model(data, query=("user", "country")))


def called(query_id: str, candidate_id: str) -> Recommender:
    """A recommender of two queries and two candidates whose ids are called so."""
    events = {query_id: ["a", "b", "a"], candidate_id: ["x", "y", "y"]}
    data = Dataset.from_frames(events, query_id=query_id, candidate_id=candidate_id)
    return Recommender.build(model(data, query=(query_id,)), data)
