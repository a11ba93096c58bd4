"""Writes the stored bundles and what they answer: once for each version of the format.

    python tests/stored/make.py

makes `tests/stored/version-N`, with a bundle of every kind of feature but one, one whose histories
are vectors of the candidate tower, one that ScaNN searches, and one with the last kind of feature,
a linear model beside the towers; and `answers.json` beside them. A bundle that is there is not made
again: it is to be read as it was written.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl

from turret.bundle.bundle import FORMAT, Bundle
from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.data.histories import with_histories
from turret.index import registry
from turret.model.towers import initialize
from turret.model.trained import TrainedModel
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.bag import Bag
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.cross import Cross
from turret.recipe.features.history import History
from turret.recipe.features.linear import Linear
from turret.recipe.features.number import Number
from turret.recipe.features.text import Text
from turret.recipe.features.timestamp import Timestamp
from turret.recipe.features.vector import Vector
from turret.recipe.towers import Tower, TwoTower
from turret.recommender.recommender import Recommender

HERE = Path(__file__).parent
DIM = 8


def world() -> Dataset:
    """40 users and 30 films of which much is known, and 400 events."""
    rng = np.random.default_rng(9)
    users, films = 40, 30
    words = ["blue", "night", "train", "été", "夜", "storm", "of", "the"]
    queries = pl.DataFrame(
        {
            "user": [f"u{n}" for n in range(users)],
            "country": [("no", "se", None, "日本")[n % 4] for n in range(users)],
            "age": [None if n % 7 == 0 else 18.0 + n for n in range(users)],
            "income": (rng.lognormal(3, 2, users)).round(2),
            "hour": rng.uniform(0, 24, users).round(2),
            "joined": [1.6e9 + 86_400.5 * n for n in range(users)],
            "likes": [list(rng.choice(words, n % 4)) for n in range(users)],
            "strength": [[float(1 + i) for i in range(n % 4)] for n in range(users)],
            "about": [" ".join(rng.choice(words, n % 5)) for n in range(users)],
            "seen_as": rng.normal(size=(users, 3)).astype(np.float32).tolist(),
        }
    )
    candidates = pl.DataFrame(
        {
            "film": [f"f{n}" for n in range(films)],
            "title": [f"The {rng.choice(words)} of № {n}" for n in range(films)],
            "year": [None if n % 9 == 0 else 1950 + 2 * n for n in range(films)],
            "genres": [["drama", "comedy", "noir"][: n % 4] for n in range(films)],
        }
    )
    events = pl.DataFrame(
        {
            "user": [f"u{n}" for n in rng.integers(0, users - 2, 400)],
            "film": [f"f{n}" for n in np.minimum(rng.zipf(1.4, 400) - 1, films - 2)],
            "time": rng.integers(1_600_000_000, 1_700_000_000, 400),
        }
    )
    return Dataset.from_frames(
        events,
        query_id="user",
        candidate_id="film",
        timestamp="time",
        queries=queries,
        candidates=candidates,
    )


def everything() -> TwoTower:
    """A feature of every kind but `linear`, in most of its ways."""
    query = [
        Categorical("user", oov_buckets=3),
        Categorical("country", name="hashed country", hash_buckets=8),
        Cross(["country", "user"], hash_buckets=16),
        Bag("likes", weights="strength", pooling="sqrtn", length=4),
        Number("age"),
        Number("age", name="age group", encoding="buckets", buckets=4),
        Number("income", encoding="log"),
        Number("hour", encoding="periodic", period=24.0),
        Timestamp("joined", zone="Europe/Oslo"),
        Text("about", buckets=32, length=8),
        Vector("seen_as"),
        History("met", table="candidate/film", pooling="transformer", length=6),
    ]
    candidate = [
        Categorical("film"),
        Bag("genres"),
        Text("title", buckets=32, length=8),
        Number("year"),
    ]
    return TwoTower(
        query=Tower(query, body=[CrossNetwork(layers=1, rank=4), MLP([8], norm="layer")]),
        candidate=Tower(candidate, body=[MLP([8, 8], residual=True)]),
        embedding_dim=DIM,
    )


def by_tower() -> TwoTower:
    """Histories as vectors of the candidate tower."""
    return TwoTower(
        query=Tower([History("met", lookup="tower", pooling="attention", length=5)]),
        candidate=Tower([Categorical("film"), Number("year"), Bag("genres")]),
        embedding_dim=DIM,
        normalize=True,
    )


def by_id() -> TwoTower:
    """Ids alone."""
    return TwoTower(
        query=Tower([Categorical("user")]),
        candidate=Tower([Categorical("film")]),
        embedding_dim=DIM,
    )


def with_linear() -> TwoTower:
    """Ids, and beside the towers what a linear model would say, of as many numbers less two."""
    return TwoTower(
        query=Tower([Categorical("user"), Linear("user", embedding_dim=DIM - 2)]),
        candidate=Tower([Categorical("film"), Linear("film", embedding_dim=DIM - 2)]),
        embedding_dim=DIM,
        normalize=True,
    )


def bundle(config: TwoTower, kind: str, **parameters: Any) -> Bundle:
    """A bundle of a model with random parameters."""
    data = world()
    data = with_histories(data, config, train=data)
    encoders = fit_encoders(config, data)
    numbers = initialize(jax.random.key(2), config, encoders=encoders, scale=1.0)
    trained = TrainedModel(config, *encoders, numbers)
    vectors = trained.candidate_vectors(data.candidates)
    ids = data.candidate_ids.to_list()
    index = registry.build(kind, ids=ids, vectors=vectors, **parameters)
    return Bundle.assemble(trained=trained, dataset=data, index=index)


BUNDLES = {
    "everything": lambda: bundle(everything(), "exact", storage="int8"),
    "by-tower": lambda: bundle(by_tower(), "faiss", lists=2, lists_to_search=2),
    "by-id": lambda: bundle(by_id(), "scann", leaves=2, leaves_to_search=2),
    "with-linear": lambda: bundle(with_linear(), "exact"),
}
NEW = {
    "country": ["se", "unheard of", None],
    "age": [33.0, None, 1e9],
    "income": [10.0, 0.0, None],
    "hour": [23.5, 0.0, None],
    "joined": [1.61e9, None, 1e9],
    "likes": [["blue", "new"], [], None],
    "strength": [[2.0, 1.0], [], None],
    "about": ["the blue storm", "", None],
    "seen_as": [[0.5, -1.0, 2.0], [0.0, 0.0, 0.0], None],
    "met": [["f3", "f1", "f9"], ["nothing"], []],
}
"""Three queries that no bundle knows; some features are missing or were never met."""


def answers(recommender: Recommender) -> dict[str, dict[str, Any]]:
    """What a bundle answers: by id, to new queries, and by candidate."""
    columns = recommender.bundle.query_encoder.columns
    new = {name: NEW[name] for name in columns if name in NEW}
    if "user" in columns:
        new["user"] = ["u5", "nobody", None]
    asked = {
        "known": recommender.recommend({"user": [f"u{n}" for n in (*range(40), 99)]}, 5),
        "unseen": recommender.recommend({"user": ["u3", "u39"]}, 30, exclude_seen=True),
        "new": recommender.recommend(new, 6),
        "similar": recommender.similar(["f0", "f7", "f29"], 4),
    }
    return {
        name: {
            "ids": hits.ids.tolist(),
            "scores": np.nan_to_num(hits.scores, nan=-1e9).astype(float).round(7).tolist(),
            "counts": hits.counts.tolist(),
        }
        for name, hits in asked.items()
    }


def main() -> None:
    """Write the bundles of the version that this Turret writes, those that are not there yet."""
    place = HERE / f"version-{FORMAT.version}"
    missing = {name: made for name, made in BUNDLES.items() if not (place / name).exists()}
    if not missing:
        sys.exit(f"The bundles in {place} are there already, and stay as they were written.")
    kept = place / "answers.json"
    found = json.loads(kept.read_bytes()) if kept.exists() else {}
    for name, made in missing.items():
        found[name] = answers(Recommender.load(made().save(place / name)))
    kept.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
