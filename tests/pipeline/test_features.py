"""Every kind of feature from a recipe to answers, in this process and in another."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turret.bundle.bundle import Bundle
from turret.data import sources
from turret.data.splits import split
from turret.errors import QueryError
from turret.pipeline.training import Outcome, train
from turret.recipe.recipe import Recipe
from turret.recommender.recommender import Recommender
from turret.toml import loads
from turret.train.trainer import fit

USERS, ITEMS, EVENTS = 60, 40, 900

RECIPE = """
[data]
files = "FOLDER/events.parquet"
queries = "FOLDER/users.parquet"
candidates = "FOLDER/items.parquet"
candidate_arrays = {cover = "FOLDER/covers.npy"}
query_id = "user"
candidate_id = "item"
timestamp = "at"

[split]
kind = "temporal"
test_fraction = 0.2

[model]
embedding_dim = 8

[[model.query.features]]
kind = "categorical"
column = "user"
dropout = 0.2

[[model.query.features]]
kind = "categorical"
name = "city"
column = "city"
hash_buckets = 500

[[model.query.features]]
kind = "categorical"
name = "town"
column = "city"
min_count = 3
oov_buckets = 3

[[model.query.features]]
kind = "cross"
columns = ["city", "plan"]
hash_buckets = 500

[[model.query.features]]
kind = "number"
column = "age"

[[model.query.features]]
kind = "number"
name = "age group"
column = "age"
encoding = "buckets"
buckets = 4

[[model.query.features]]
kind = "number"
name = "birthday"
column = "age"
encoding = "periodic"
period = 10.0

[[model.query.features]]
kind = "timestamp"
column = "joined"
zone = "Europe/Paris"

[[model.query.features]]
kind = "history"
column = "met"
table = "candidate/item"
pooling = "recency"

[[model.candidate.features]]
kind = "categorical"
column = "item"

[[model.candidate.features]]
kind = "text"
column = "title"
buckets = 1024

[[model.candidate.features]]
kind = "bag"
column = "tags"
weights = "shares"

[[model.candidate.features]]
kind = "vector"
column = "cover"

[loss]
kind = "softmax"
candidates = "all"

[train]
epochs = 2
batch_size = 256
optimizer = "adam"
learning_rate = 0.01

[evaluation]
ks = [5]
bootstrap = 0
baselines = ["popularity"]
"""


def write(folder: Path) -> Recipe:
    rng = np.random.default_rng(0)
    words = np.array(["red", "blue", "heart", "café", "猫", "T-light", "🚀"])
    tags = [rng.choice(["a", "b", "c"], n % 4).tolist() for n in range(ITEMS)]
    tables = {
        "events": {
            "user": rng.integers(0, USERS, EVENTS),
            "item": rng.integers(0, ITEMS, EVENTS),
            "at": np.sort(rng.integers(10**9, 2 * 10**9, EVENTS)),
        },
        "users": {
            "user": range(USERS),
            "city": [None if n % 7 == 0 else f"city {n % 5}" for n in range(USERS)],
            "plan": rng.choice(["free", "paid"], USERS),
            "age": [None if n % 9 == 0 else float(n) for n in range(USERS)],
            "joined": [f"20{n % 24:02}-03-05T06:07:08" for n in range(USERS)],
        },
        "items": {
            "item": range(ITEMS),
            "title": [" ".join(rng.choice(words, 3)) for _ in range(ITEMS)],
            "tags": tags,
            "shares": [[1.0 + n for n in range(len(one))] for one in tags],
        },
    }
    for name, columns in tables.items():
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")
    np.save(folder / "covers.npy", rng.normal(size=(ITEMS, 3)))
    return loads(RECIPE.replace("FOLDER", str(folder)))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return write(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def outcome(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train(recipe, output=tmp_path_factory.mktemp("bundle") / "bundle")


IN_ANOTHER_PROCESS = """
import hashlib, json, sys
from turret.bundle.bundle import Bundle
from turret.recommender.recommender import Recommender
bundle = Bundle.open(sys.argv[1])
arrays = bundle.query_encoder.encode(bundle.queries)
arrays |= bundle.candidate_encoder.encode(bundle.candidates)
arrays |= {"queries": bundle.trained.query_vectors(bundle.queries)}
arrays |= {"candidates": bundle.trained.candidate_vectors(bundle.candidates)}
hits = Recommender(bundle).recommend({"user": ["1"]}, k=5)
digests = {name: hashlib.sha256(one.tobytes()).hexdigest() for name, one in arrays.items()}
print(json.dumps({"digests": digests, "ids": hits.ids.tolist(), "scores": hits.scores.tolist()}))
"""


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def test_another_process_encodes_and_answers_the_same(outcome: Outcome) -> None:
    """From the files alone, the same parts and the same vectors, bit for bit."""
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(outcome.bundle)]
    there = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    bundle, trained = Bundle.open(outcome.bundle), outcome.result.trained
    users, items = bundle.queries, bundle.candidates
    parts = {**trained.query_encoder.encode(users), **trained.candidate_encoder.encode(items)}
    assert {name.rpartition("/")[0] for name in parts} == {
        *(feature.key for feature in bundle.config.query.features),
        *(feature.key for feature in bundle.config.candidate.features),
    }
    vectors = {
        "queries": trained.query_vectors(users),
        "candidates": trained.candidate_vectors(items),
    }
    assert there["digests"] == {name: digest(one) for name, one in {**parts, **vectors}.items()}
    hits = Recommender(bundle).recommend({"user": ["1"]}, k=5)
    assert there["ids"] == hits.ids.tolist() and there["scores"] == hits.scores.tolist()


def test_the_vector_of_a_candidate_is_one_vector(outcome: Outcome) -> None:
    """What the training computes is what the index searches, bit for bit; a row alone rounds so."""
    items = outcome.split.train.candidates
    vectors = outcome.result.trained.candidate_vectors(items)
    bundle = Bundle.open(outcome.bundle)
    assert bundle.candidates[bundle.candidate_id].equals(items["item"])
    np.testing.assert_array_equal(bundle.index.vectors, vectors)
    for row in (0, 7, ITEMS - 1):
        alone = bundle.trained.candidate_vectors(items[row : row + 1])
        np.testing.assert_allclose(alone[0], vectors[row], rtol=1e-5, atol=1e-7)


def test_a_query_of_features_alone_is_answered(outcome: Outcome) -> None:
    """An id is no more than a feature: what a request does not bring is missing."""
    recommender = Recommender(Bundle.open(outcome.bundle))
    old, young = (
        recommender.recommend({"age": [age], "city": ["city 1"], "joined": ["2020-02-03"]}, k=5)
        for age in (59, 1)
    )
    assert old.counts.tolist() == young.counts.tolist() == [5]
    assert old.scores.tolist() != young.scores.tolist()
    assert recommender.fallbacks({"age": [None], "city": ["nowhere"]}).tolist() == [True]
    assert recommender.fallbacks({"age": [3], "city": ["nowhere"]}).tolist() == [False]
    with pytest.raises(QueryError, match="'age' has text that is no number: got 'old'"):
        recommender.recommend({"age": ["old"]}, k=5)


def test_new_candidates_are_told_apart_by_their_features(outcome: Outcome) -> None:
    trained = outcome.result.trained
    new = pl.DataFrame(
        {
            "item": ["new 1", "new 2", "new 3"],
            "title": ["red heart", "blue café", None],
            "tags": [["a"], ["b", "c"], None],
            "shares": [[1.0], [0.5, 2.0], None],
            "cover": [[1.0, 2.0, 3.0], [0.0, 0.0, 0.1], None],
        }
    )
    vectors = trained.candidate_vectors(new)
    assert np.isfinite(vectors).all() and len(np.unique(vectors, axis=0)) == 3


def test_what_is_held_back_changes_nothing(recipe: Recipe, outcome: Outcome) -> None:
    """Neither the encoders nor the parameters depend on rows that training does not name."""
    whole = sources.load(recipe.data)
    parts = split(whole, recipe.split)
    named = np.unique(parts.train.interactions.candidate_row[:200])
    train_part = parts.train.with_interactions(
        parts.train.interactions.take(
            np.flatnonzero(np.isin(parts.train.interactions.candidate_row, named[: ITEMS // 2]))
        )
    )
    held = np.setdiff1d(np.arange(ITEMS), train_part.interactions.candidate_row)
    assert len(held) > 10
    rng = np.random.default_rng(1)
    order = np.arange(ITEMS)
    order[held] = rng.permutation(held)
    told = ("title", "tags", "shares", "cover")
    other = whole.candidates.with_columns(whole.candidates[order].select(told))
    results = [
        fit(
            replace(train_part, candidates=candidates),
            recipe.model,
            loss=recipe.loss,
            train=recipe.train,
        ).trained
        for candidates in (whole.candidates, other)
    ]
    assert not whole.candidates.equals(other)
    states = [trained.candidate_encoder.states() for trained in results]
    assert all(one.equals(two) for one, two in zip(*states, strict=True))
    tables = [trained.arrays() for trained in results]
    for name, array in tables[0].items():
        np.testing.assert_array_equal(array, tables[1][name], err_msg=name)
