"""A training that begins where an earlier one ended."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from trainings import MODEL, train

from turret.data.dataset import Dataset
from turret.errors import ModelError
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.stopping import WarmStart
from turret.recipe.towers import Tower, TwoTower
from turret.train.snapshot import Snapshot
from turret.train.trainer import FitResult, fit, prepare
from turret.train.warm import Earlier, optimizer_arrays

DEEP = TwoTower(
    query=Tower([Categorical("user")], body=[MLP([8])]),
    candidate=Tower([Categorical("item")]),
    embedding_dim=8,
)


def days(first: int, last: int) -> Dataset:
    """Events of users and items that come and go: numbers from `first` to `last`."""
    rng = np.random.default_rng(first)
    user, item = rng.integers(first, last, 2000), rng.integers(first, last, 2000)
    frame = pl.DataFrame({"user": user, "item": item})
    return Dataset.from_frames(frame, query_id="user", candidate_id="item")


def begun(result: FitResult, data: Dataset, model=MODEL, loss=None, with_state=True, **options):
    """The batches and the state before the first step of a training that starts from another."""
    optimizer = optimizer_arrays(result.state) if with_state else None
    start = Earlier(result.trained, optimizer)
    settings = train(**options)
    return prepare(data, model, loss=loss or Softmax(), train=settings, start=start)


def ids(result_or_batches) -> dict[str, list[str]]:
    encoders = (result_or_batches.query_encoder, result_or_batches.candidate_encoder)
    return {
        table: vocabulary.ids.to_list()
        for encoder in encoders
        for table, vocabulary in encoder.vocabularies.items()
    }


@pytest.fixture(scope="module")
def yesterday() -> FitResult:
    return fit(days(0, 60), DEEP, loss=Softmax(learn_temperature=True), train=train())


@pytest.mark.parametrize("vanished", ["keep", "drop"])
def test_each_id_keeps_its_row_and_state_and_new_ones_are_fresh(yesterday, vanished):
    loss = Softmax(learn_temperature=True)
    settings: dict[str, Any] = {"warm_start": WarmStart(vanished=vanished)}
    batches, state = begun(yesterday, days(20, 80), DEEP, loss, **settings)
    _, fresh = prepare(days(20, 80), DEEP, loss=loss, train=train(**settings))
    before, now = ids(yesterday.trained), ids(batches)
    old, new = Snapshot.of(yesterday.state).arrays, Snapshot.of(state).arrays
    from_nothing = Snapshot.of(fresh).arrays
    for table, today in now.items():
        kept = {str(number) for number in (range(0, 80) if vanished == "keep" else range(20, 80))}
        assert set(today) == kept and today == sorted(today)
        slots = [name for name in new if name.startswith(f"slots/{table}/")]
        assert len(slots) == 3  # Adam's two moments and its count
        for name in (f"parameters/tables/{table}", *slots):
            np.testing.assert_array_equal(new[name][0], old[name][0])
            for row, one in enumerate(today, start=1):
                if one in before[table]:
                    there = old[name][before[table].index(one) + 1]
                    np.testing.assert_array_equal(new[name][row], there)
                elif name in slots:
                    assert (new[name][row] == 0).all()
                elif vanished == "drop":
                    np.testing.assert_array_equal(new[name][row], from_nothing[name][row])
                else:
                    assert (np.abs(new[name][row]) <= 0.05).all() and new[name][row].any()
    for name in new:
        if name.startswith(("parameters/dense/", "dense_state/")) or name == "loss/log_temperature":
            assert new[name].tobytes() == old[name].tobytes(), name
    assert new["step"] == 0
    assert old["loss/log_temperature"] != 0.0


def test_on_the_same_data_it_goes_on_to_the_bit(yesterday):
    """Six epochs without a schedule are three and three, but for the order of the batches."""
    loss, data = Softmax(learn_temperature=True), days(0, 60)
    batches, state = begun(yesterday, data, DEEP, loss)
    assert ids(batches) == ids(yesterday.trained)
    whole, part = Snapshot.of(yesterday.state), Snapshot.of(state)
    changed = {name for name in whole.arrays if (whole.arrays[name] != part.arrays[name]).any()}
    assert changed == {"step"}


def test_what_was_taken_over_is_told(yesterday):
    start = Earlier(yesterday.trained, optimizer_arrays(yesterday.state))
    loss = Softmax(learn_temperature=True)
    result = fit(days(20, 80), DEEP, loss=loss, train=train(epochs=1), start=start)
    assert result.notes == (
        "query/user: 60 of the earlier model's 60 ids keep their rows; 20 are new.",
        "candidate/item: 60 of the earlier model's 60 ids keep their rows; 20 are new.",
    )


@pytest.mark.parametrize(
    ("options", "with_state", "note"),
    [
        ({}, False, "has no optimizer's state"),
        ({"optimizer": "adagrad"}, True, "optimizer was another"),
        ({"dense_optimizer": "lion"}, True, "optimizer was another"),
    ],
)
def test_without_a_fitting_optimizers_state_that_starts_anew(yesterday, options, with_state, note):
    optimizer = optimizer_arrays(yesterday.state) if with_state else None
    loss, settings = Softmax(learn_temperature=True), train(epochs=1, **options)
    start = Earlier(yesterday.trained, optimizer)
    result = fit(days(20, 80), DEEP, loss=loss, train=settings, start=start)
    assert note in result.notes[-1]
    assert result.notes[-1].endswith("starts anew.")
    _, state = begun(yesterday, days(20, 80), DEEP, loss, with_state, **options)
    _, fresh = prepare(days(20, 80), DEEP, loss=loss, train=train(**options))
    for one, other in zip(state.slots.values(), fresh.slots.values(), strict=True):
        assert one.keys() == other.keys()
    dense = [Snapshot.of(one.dense_state).arrays for one in (state, fresh)]
    assert dense[0].keys() == dense[1].keys()


def with_model(*, hidden: tuple[int, ...] = (8,), embedding_dim: int = 8) -> TwoTower:
    body = [MLP(hidden)] if hidden else []
    query, candidate = Tower([Categorical("user")], body=body), Tower([Categorical("item")])
    return TwoTower(query=query, candidate=candidate, embedding_dim=embedding_dim)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            with_model(embedding_dim=16),
            r"tables/candidate/item of the earlier model does not fit this one: "
            r"got 'float32\[8\]', expected float32\[16\]",
        ),
        (
            with_model(hidden=(4,)),
            r"dense/query/.*got 'float32\[8.*', expected float32\[",
        ),
        (with_model(hidden=()), r"dense/query/.*expected none"),
    ],
)
def test_other_widths_are_refused(yesterday, model, message):
    with pytest.raises(ModelError, match=message):
        begun(yesterday, days(0, 60), model)


def test_a_new_feature_has_a_fresh_table(yesterday):
    data = days(0, 60)
    queries = data.queries.with_columns(country=pl.lit("NL"))
    wider = Dataset(data.interactions, queries, data.candidates, "user", "item")
    plain = fit(data, MODEL, train=train(epochs=1))
    model = TwoTower(
        query=Tower([Categorical("user"), Categorical("country")]),
        candidate=Tower([Categorical("item")]),
        embedding_dim=8,
    )
    batches, state = begun(plain, wider, model)
    assert ids(batches)["query/country"] == ["NL"]
    new = plain.state.parameters.tables["query/user"]
    np.testing.assert_array_equal(state.parameters.tables["query/user"], new)
    assert state.parameters.tables["query/country"].shape == (2, 8)


def test_no_more_ids_are_kept_than_a_feature_has_room_for():
    model = TwoTower(
        query=Tower([Categorical("user", max_size=70)]),
        candidate=Tower([Categorical("item")]),
        embedding_dim=8,
    )
    first = fit(days(0, 60), model, train=train(epochs=1))
    batches, _ = begun(first, days(20, 80), model)
    kept = ids(batches)["query/user"]
    assert len(kept) == 70
    assert {str(number) for number in range(20, 80)} <= set(kept)
