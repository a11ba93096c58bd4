"""Bundles with a feature of every kind and every body, and queries of every sort, for exports."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import equinox as eqx
import jax
import numpy as np
import polars as pl

from turret.bundle.bundle import Bundle
from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.export.columns import Column
from turret.index import registry
from turret.model.towers import initialize
from turret.model.trained import TrainedModel
from turret.recipe.bodies.cross import CrossNetwork
from turret.recipe.bodies.dot import DotInteraction
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.bag import Bag
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.cross import Cross
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.features.linear import Linear
from turret.recipe.features.number import Number
from turret.recipe.features.text import Text
from turret.recipe.features.timestamp import Timestamp
from turret.recipe.features.vector import Vector
from turret.recipe.towers import Tower, TwoTower

QUERIES, CANDIDATES, DIM = 60, 150, 8
TEXTS = [
    "The quick, brown FOX",
    "naïve café — ﬁne ½",
    "日本語 text",
    "👩‍🚀 ok ❤️",
    "ΟΔΟΣ Σ İstanbul",
    "ক্ষুধা লেগেছে",
    "한국어 각",
    "3.5kg, 10%",
    "e\u0301\u0323 s\u0323\u0307",
    "",
]
PLACES = ["Oslo", "Bergen", "Århus", "Malmö", "Turku"]
QUERY_FEATURES: list[Feature] = [
    Categorical("user"),
    Categorical("country"),
    Categorical("city", oov_buckets=4, min_count=3),
    Categorical("device", hash_buckets=50),
    Cross(["country", "month"], hash_buckets=64),
    Bag("tags", weights="weights", pooling="mean", length=3),
    Bag("spoken", separator="|", pooling="sqrtn"),
    Number("age"),
    Number("income", encoding="log"),
    Number("month", name="season", encoding="periodic", period=12.0),
    Number("age", name="range", encoding="buckets", buckets=5),
    Timestamp("joined", zone="Europe/Paris"),
    Timestamp("seen", unit="ms", zone="America/New_York", parts=["hour", "month"]),
    Text("bio", buckets=512, length=12),
    Vector("face", normalize=True),
]
CANDIDATE_FEATURES: list[Feature] = [
    Categorical("film"),
    Text("title", words=[1], characters=[3], buckets=512),
    Bag("genres", pooling="sum"),
    Number("year"),
    Timestamp("released", parts=["trend", "month"]),
    Vector("cover"),
]

FEW: list[Feature] = [Categorical("user"), Categorical("country"), Number("age")]
FEW_OF_CANDIDATES: list[Feature] = [Categorical("film"), Bag("genres"), Number("year")]


def column(rng: np.random.Generator, values: list[Any], n: int, dtype: Any = None) -> pl.Series:
    """Draw values, with a missing one among eight."""
    drawn = [None if rng.random() < 0.12 else values[rng.integers(len(values))] for _ in range(n)]
    return pl.Series(drawn, dtype=dtype)


def lists(rng: np.random.Generator, values: list[Any], n: int) -> list[list[Any] | None]:
    drawn = [rng.choice(len(values), rng.integers(0, 7)) for _ in range(n)]
    return [None if rng.random() < 0.1 else [values[i] for i in one] for one in drawn]


def query_columns(n: int, *, seed: int, odd: bool = False) -> pl.DataFrame:
    """Columns of queries; odd ones hold values that training does not meet, too."""
    rng = np.random.default_rng(seed)
    new = ["nowhere", "Ω"] if odd else []
    tags = lists(rng, ["a", "b", "c", "d", *new], n)
    weights = [None if one is None else rng.normal(size=len(one)).tolist() for one in tags]
    days = [date(2020, 1, 1) + timedelta(days=int(day)) for day in rng.integers(0, 900, 40)]
    moments = [1.6e12, 1.585443599e12, 1.5854436e12, 1.60403e12, -3.7e11, 1.7e12 + 123]
    vectors = rng.normal(size=(n, 4)).astype(np.float32)
    vectors[0] = 0
    return pl.DataFrame(
        {
            "country": column(rng, ["no", "se", "dk", *new], n, pl.String),
            "city": column(rng, [*PLACES, *(f"{p}-{i}" for p in PLACES for i in range(4))], n),
            "device": column(rng, [f"d{i}" for i in range(12 if odd else 6)], n, pl.String),
            "month": column(rng, list(range(1, 13)), n, pl.Int64),
            "tags": pl.Series(tags, dtype=pl.List(pl.String)),
            "weights": pl.Series(weights, dtype=pl.List(pl.Float64)),
            "spoken": column(rng, ["nb|en", " en | de |", "||", "fr", *new], n, pl.String),
            "age": column(rng, [18.0, 25.5, 40.0, 77.0, float("nan"), 1e12], n, pl.Float64),
            "income": column(rng, [0, 1e-9, -3e4, 5e5, 1e200], n, pl.Float64),
            "joined": column(rng, days, n, pl.Date),
            "seen": column(rng, moments, n, pl.Float64),
            "bio": column(rng, TEXTS, n, pl.String),
            "face": pl.Series(
                [None if rng.random() < 0.1 else one for one in vectors.tolist()],
                dtype=pl.List(pl.Float32),
            ),
        }
    )


@cache
def dataset() -> Dataset:
    """Users and films with columns of every kind; user 59 and film f149 have no interaction."""
    rng = np.random.default_rng(0)
    user, film = rng.integers(0, QUERIES - 1, 1200), rng.integers(0, CANDIDATES - 1, 1200)
    events = pl.DataFrame(
        {
            "user": user,
            "film": [f"f{number}" for number in film],
            "when": np.arange(1200),
        }
    )
    users = query_columns(QUERIES, seed=1).insert_column(0, pl.Series("user", range(QUERIES)))
    films = pl.DataFrame(
        {
            "film": [f"f{number}" for number in range(CANDIDATES)],
            "title": [f"{TEXTS[n % len(TEXTS)]} № {n}" for n in range(CANDIDATES)],
            "genres": lists(rng, ["Drama", "Comedy", "Noir"], CANDIDATES),
            "year": column(rng, list(range(1950, 2020)), CANDIDATES, pl.Int64),
            "released": [datetime(1950 + n % 70, 1 + n % 12, 1, 12) for n in range(CANDIDATES)],
            "cover": rng.normal(size=(CANDIDATES, 3)).astype(np.float32).tolist(),
            "stars": rng.integers(0, 5, CANDIDATES),
        }
    )
    return Dataset.from_frames(
        events,
        query_id="user",
        candidate_id="film",
        timestamp="when",
        queries=users,
        candidates=films,
    )


def configs() -> dict[str, TwoTower]:
    """Models that hold every feature, body, pooling, norm and activation among them.

    "sum" and "cross" have every feature, the others few: those that text is traced for are slow.
    """
    return {
        "sum": TwoTower(
            query=Tower([*QUERY_FEATURES, met(pooling="transformer", layers=2, heads=2)]),
            candidate=Tower(CANDIDATE_FEATURES),
            embedding_dim=DIM,
        ),
        "mlp": TwoTower(
            query=Tower(
                [*FEW, met(pooling="attention", table="candidate/film"), Linear("user")],
                body=[
                    MLP([16, 16], activation="gelu", norm="layer", residual=True),
                    MLP([12], activation="silu", norm="rms"),
                ],
            ),
            candidate=Tower(
                [Linear("film"), *FEW_OF_CANDIDATES],
                body=[CrossNetwork(layers=1), MLP([8], activation="tanh")],
            ),
            embedding_dim=DIM,
            normalize=True,
        ),
        "cross": TwoTower(
            query=Tower(
                [*QUERY_FEATURES, met()],
                body=[CrossNetwork(layers=2, rank=3, diag_scale=0.5), MLP([8])],
            ),
            candidate=Tower(CANDIDATE_FEATURES, body=[CrossNetwork(layers=1)]),
            embedding_dim=DIM,
        ),
        "dot": TwoTower(
            query=Tower(
                [
                    Linear("user", embedding_dim=5),
                    *FEW,
                    met(pooling="recency", lookup="tower", half_life=2.0),
                ],
                body=[
                    DotInteraction(self_interaction=True),
                    CrossNetwork(layers=2, rank=3, diag_scale=0.5),
                    MLP([16]),
                ],
            ),
            candidate=Tower(
                [*FEW_OF_CANDIDATES, Linear("film", embedding_dim=5)],
                body=[DotInteraction(keep_features=False)],
            ),
            embedding_dim=DIM,
        ),
    }


def met(**keys: Any) -> History:
    """A history of six."""
    return History("met", length=6, **keys)


@cache
def bundle(name: str, kind: str = "exact") -> Bundle:
    """The bundle of one of the models, with random parameters, none of them zero."""
    data, config = dataset(), configs()[name]
    encoders = fit_encoders(config, data)

    shapes = eqx.filter_eval_shape(
        lambda key: initialize(key, config, encoders=encoders), jax.random.key(0)
    )
    rng = np.random.default_rng(2)
    parameters = jax.tree.map(
        lambda one: jax.numpy.asarray(rng.normal(size=one.shape) * 0.3, one.dtype), shapes
    )
    trained = TrainedModel(config, *encoders, parameters)
    vectors = trained.candidate_vectors(data.candidates).copy()
    vectors[5] = 0
    vectors[9] = vectors[7]
    index = registry.build(kind, ids=data.candidate_ids.to_list(), vectors=vectors)
    return Bundle.assemble(trained=trained, dataset=data, index=index)


def questions(columns: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """A thousand queries and more: known, unknown, of missing features, each group in columns.

    Of the columns those that a model reads, where these are given.
    """
    rng = np.random.default_rng(3)
    films = [f"f{number}" for number in range(0, CANDIDATES, 3)] + ["f-unknown"]
    some = [str(user) for user in range(0, QUERIES + 10)]
    ids = [some[i] for i in rng.integers(0, len(some), 250)]
    odd = query_columns(250, seed=4, odd=True)
    met = pl.Series("met", lists(rng, films, 250), dtype=pl.List(pl.String))
    whole = odd.with_columns(met)
    asked: dict[str, dict[str, Any]] = {
        "by id": {"user": some},
        "one": {"user": ["42"]},
        "unknown": {"user": ["nobody", "42", "else"]},
        "by id and some": {"user": ids} | odd.select("country", "age", "bio").to_dict(),
        "by id and all": {"user": ids} | whole.to_dict(),
        "without id": whole.to_dict(),
        "by history": {"met": met},
        "bag without weights": {"user": ids, "tags": odd["tags"]},
        "nothing known": {"country": ["nowhere", None], "met": [[], ["f-unknown"]]},
    }
    return {
        group: {name: one for name, one in given.items() if columns is None or name in columns}
        for group, given in asked.items()
    }


def inputs(columns: tuple[Column, ...], given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What an exported model is given for columns, by the column; absent ones have no rows."""
    return {column.name: spelled(column, given.get(column.name)) for column in columns}


def spelled(column: Column, values: Any) -> np.ndarray:
    """One column as its input is spelled."""
    if column.kind == "text":
        texts = pl.Series([] if values is None else values).cast(pl.String).fill_null("")
        return np.array(texts.to_list(), dtype=object)
    if column.kind == "number":
        return _numbers([] if values is None else values)
    listed = [] if values is None else pl.Series(values).to_list()
    if column.kind == "vector":
        none = [float("nan")] * (column.width or 0)
        vectors = np.array([one or none for one in listed], np.float32)
        return vectors.reshape(len(listed), len(none))
    longest = max((len(one or ()) for one in listed), default=0)
    filler = "" if column.kind == "texts" else float("nan")
    padded = [[*(one or ()), *[filler] * (longest - len(one or ()))] for one in listed]
    dtype = object if column.kind == "texts" else np.float64
    return np.array(padded, dtype=dtype).reshape(len(listed), longest)


def _numbers(values: Any) -> np.ndarray:
    column = pl.Series(values)
    if column.dtype.is_temporal():
        column = column.cast(pl.Datetime("us")).to_physical() / 1e6
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
