"""A training that goes on from an earlier one, with features that keep no vocabulary too."""

import msgspec
import numpy as np
import polars as pl
import pytest

from turret.data.dataset import Dataset
from turret.errors import ModelError
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.feature import Feature
from turret.recipe.features.history import History
from turret.recipe.features.number import Number
from turret.recipe.features.text import Text
from turret.recipe.loss import Softmax
from turret.recipe.stopping import WarmStart
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.snapshot import Snapshot
from turret.train.trainer import FitResult, fit, prepare
from turret.train.warm import Earlier, optimizer_arrays

SETTINGS = Train(epochs=1, batch_size=256, learning_rate=0.05)


def model(*, buckets: int = 64) -> TwoTower:
    query = [
        Categorical("user", min_count=3, oov_buckets=4),
        Categorical("city", hash_buckets=buckets),
        Number("age"),
        Number("age", name="group", encoding="buckets", buckets=4),
    ]
    text = Text("title", characters=[], buckets=256)
    candidate = Tower([Categorical("item"), text])
    return TwoTower(query=Tower(query), candidate=candidate, embedding_dim=4)


def days(first: int, last: int) -> Dataset:
    rng = np.random.default_rng(first)
    events = {key: rng.integers(first, last, 400) for key in ("user", "item")}
    users = {
        "user": range(100),
        "city": [f"city {n // 10}" for n in range(100)],
        "age": [float(n) for n in range(100)],
    }
    items = {"item": range(100), "title": [f"word{n // 5} red" for n in range(100)]}
    return Dataset.from_frames(
        pl.DataFrame(events), query_id="user", candidate_id="item", queries=users, candidates=items
    )


@pytest.fixture(scope="module")
def yesterday() -> FitResult:
    return fit(days(0, 60), model(), loss=Softmax(), train=SETTINGS)


def test_rows_that_stand_for_no_id_go_on_too(yesterday: FitResult) -> None:
    """Buckets of the unseen, hashes, ranges and n-grams: each row is where it was."""
    start = Earlier(yesterday.trained, optimizer_arrays(yesterday.state))
    _, state = prepare(days(30, 90), model(), loss=Softmax(), train=SETTINGS, start=start)
    before, now = yesterday.trained.parameters.tables, state.parameters.tables
    slots, went_on = (Snapshot.of(one.slots).arrays for one in (yesterday.state, state))
    for table in ("query/city", "query/group", "candidate/title"):
        np.testing.assert_array_equal(now[table], before[table])
        own = [name for name in slots if name.startswith(f"{table}/")]
        assert len(own) == 3  # Adam's two moments and its count
        for name in own:
            np.testing.assert_array_equal(went_on[name], slots[name])
    old, new = (np.asarray(tables["query/user"]) for tables in (before, now))
    assert len(new) > len(old)
    np.testing.assert_array_equal(new[-3:], old[-3:])
    np.testing.assert_array_equal(new[0], old[0])


@pytest.mark.parametrize("vanished", ["keep", "drop"])
def test_what_was_measured_stays_and_what_was_met_adds_up(
    yesterday: FitResult, vanished: str
) -> None:
    settings = Train(
        epochs=1,
        batch_size=256,
        learning_rate=0.05,
        warm_start=WarmStart(vanished=vanished),  # pyright: ignore[reportArgumentType]  # one of two
    )
    today = days(30, 90)
    batches, _ = prepare(
        today, model(), loss=Softmax(), train=settings, start=Earlier(yesterday.trained)
    )
    alone, _ = prepare(today, model(), loss=Softmax(), train=settings)
    then, now, fresh = (
        {**one.query_encoder.encoders, **one.candidate_encoder.encoders}
        for one in (yesterday.trained, batches, alone)
    )
    for key in ("age", "group"):
        np.testing.assert_array_equal(now[key].fitted, then[key].fitted)
        assert fresh[key].fitted.tolist() != then[key].fitted.tolist()
    kept = vanished == "keep"
    met = fresh["city"].fitted | then["city"].fitted if kept else fresh["city"].fitted
    np.testing.assert_array_equal(now["city"].fitted, met)
    documents = fresh["title"].fitted + then["title"].fitted if kept else fresh["title"].fitted
    np.testing.assert_array_equal(now["title"].fitted, documents)


def test_a_table_of_another_size_is_refused(yesterday: FitResult) -> None:
    start = Earlier(yesterday.trained)
    with pytest.raises(ModelError, match=r"the feature 'city' is encoded otherwise than in the"):
        prepare(days(30, 90), model(buckets=32), loss=Softmax(), train=SETTINGS, start=start)


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("age", Number("age", encoding="log")),
        ("group", Number("age", name="group", encoding="buckets", buckets=5)),
        ("user", Categorical("user", hash_buckets=64)),
    ],
)
def test_a_feature_that_means_something_else_is_refused(
    yesterday: FitResult, key: str, changed: Feature
) -> None:
    features = [changed if one.key == key else one for one in model().query.features]
    other = msgspec.structs.replace(model(), query=Tower(features))
    with pytest.raises(ModelError, match=f"the feature '{key}' is encoded otherwise"):
        prepare(
            days(30, 90), other, loss=Softmax(), train=SETTINGS, start=Earlier(yesterday.trained)
        )


def test_what_does_not_change_the_meaning_may_change(yesterday: FitResult) -> None:
    query = [
        msgspec.structs.replace(one, learning_rate=0.5) if one.key == "group" else one
        for one in model().query.features
    ]
    other = msgspec.structs.replace(model(), query=Tower(query))
    start = Earlier(yesterday.trained)
    batches, _ = prepare(days(30, 90), other, loss=Softmax(), train=SETTINGS, start=start)
    np.testing.assert_array_equal(
        batches.query_encoder.encoders["group"].fitted,
        yesterday.trained.query_encoder.encoders["group"].fitted,
    )


def test_a_history_of_the_candidate_towers_vectors_knows_todays_candidates() -> None:
    """Ids that today's data lack have no columns for the candidate tower to read."""

    def part(ids: str) -> Dataset:
        events = {"user": [f"u{n % 4}" for n in range(40)], "item": list(ids) * (40 // len(ids))}
        return Dataset.from_frames(events, query_id="user", candidate_id="item")

    history = History("met", lookup="tower")
    config = TwoTower(
        query=Tower([history]), candidate=Tower([Categorical("item")]), embedding_dim=4
    )
    first = fit(part("abcd"), config, loss=Softmax(), train=SETTINGS)
    second = fit(
        part("cdef"), config, loss=Softmax(), train=SETTINGS, start=Earlier(first.trained)
    ).trained
    items = pl.DataFrame({"item": ["c", "e"]})
    vectors = second.query_vectors(pl.DataFrame({"met": [["c"], ["e"]]}))
    np.testing.assert_allclose(vectors, second.candidate_vectors(items), rtol=1e-6)
    (state,) = second.query_encoder.states()
    assert state["id"].to_list() == state["candidate/item"].to_list() == ["c", "d", "e", "f"]
