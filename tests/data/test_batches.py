"""Batches against a slow reading of what they say."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from turret.data.batch import Batch
from turret.data.batches import Batches
from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.errors import DataError
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower

NUM_EVENTS = 500


def dataset(weight: bool = True) -> Dataset:
    rng = np.random.default_rng(0)
    user = rng.integers(0, 60, NUM_EVENTS)
    events = pl.DataFrame(
        {
            "user": [f"u{i}" for i in user],
            "group": [f"g{i % 7}" for i in user],
            "item": [f"i{i}" for i in rng.zipf(1.5, NUM_EVENTS) % 40],
            "weight": rng.uniform(0, 1, NUM_EVENTS),
        }
    )
    column = "weight" if weight else None
    return Dataset.from_frames(events, query_id="user", candidate_id="item", weight=column)


def batches(data: Dataset, **options: Any) -> Batches:
    config = TwoTower(
        query=Tower([Categorical("user"), Categorical("group")]),
        candidate=Tower([Categorical("item")]),
    )
    settings: dict[str, Any] = {"batch_size": 64, "seed": 3} | options
    return Batches(data, *fit_encoders(config, data), **settings)


def pairs(batch: Batch, made_by: Batches) -> list[tuple[str, str, str, float]]:
    """The pairs of a batch, spelled out through its sub-tables."""

    def names(side: str, column: str, table: str) -> list[str | None]:
        encoder = made_by.query_encoder if side == "query" else made_by.candidate_encoder
        rows = batch.table_rows[table]
        encoded = getattr(batch, side)[f"{column}/rows"]
        whole = encoded if rows is None else rows[encoded]
        return encoder.vocabularies[table].ids_at(whole).to_list()

    users = names("query", "user", "query/user")
    groups = names("query", "group", "query/group")
    items = names("candidate", "item", "candidate/item")
    real = np.flatnonzero(batch.pair_weight)
    return sorted(
        (users[q], groups[q], items[c], round(float(w), 5))
        for q, c, w in zip(
            batch.pair_query[real],
            batch.pair_candidate[real],
            batch.pair_weight[real],
            strict=True,
        )
    )


def all_pairs(data: Dataset) -> list[tuple[str, str, str, float]]:
    events = data.interactions
    users, groups = (data.queries[c].gather(events.query_row) for c in ("user", "group"))
    items = data.candidate_ids.gather(events.candidate_row)
    assert events.weight is not None
    weights = [round(float(w), 5) for w in events.weight]
    return sorted(zip(users, groups, items, weights, strict=True))


@pytest.mark.parametrize("unit", ["pairs", "queries"])
@pytest.mark.parametrize("candidates", ["batch", "all"])
def test_an_epoch_is_every_event_once(unit, candidates):
    data = dataset()
    made = batches(data, unit=unit, loss=Softmax(candidates=candidates))
    for epoch in (0, 1):
        first = epoch * made.steps_per_epoch
        seen = [pair for i in range(made.steps_per_epoch) for pair in pairs(made(first + i), made)]
        assert sorted(seen) == all_pairs(data)


def test_each_query_and_candidate_stands_once_and_counts_are_right():
    data = dataset()
    made = batches(data)
    batch = made(2)
    real = batch.candidate_count > 0
    assert len(np.unique(batch.candidate["item/rows"][real])) == real.sum()
    counts = np.bincount(batch.pair_candidate[:64], minlength=len(real))
    np.testing.assert_array_equal(batch.candidate_count, counts)
    users = batch.query["user/rows"][: batch.pair_query[:64].max() + 1]
    assert len(np.unique(users)) == len(users)


def test_sub_tables_hold_each_touched_row_once():
    made = batches(dataset())
    rows = made(1).table_rows
    for table, number in {**made.query_encoder.num_rows, "candidate/item": 41}.items():
        touched = rows[table]
        assert touched is not None
        real = touched[touched < number]
        assert len(np.unique(real)) == len(real)
    groups = rows["query/group"]
    assert groups is not None
    assert set(groups[groups < 8]) == set(range(1, 8))


def test_a_batch_depends_on_seed_and_step_alone():
    data = dataset()
    forwards, backwards = batches(data), batches(data)
    one = [forwards(step) for step in range(10)]
    other = [backwards(step) for step in reversed(range(10))][::-1]
    for left, right in zip(one, other, strict=True):
        for name in ("pair_query", "pair_candidate", "pair_weight"):
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    assert pairs(batches(data, seed=4)(0), forwards) != pairs(one[0], forwards)


def test_order_is_drawn_anew_each_epoch_unless_told_otherwise():
    data = dataset()
    made = batches(data)
    assert pairs(made(0), made) != pairs(made(made.steps_per_epoch), made)
    made = batches(data, reshuffle=False)
    assert pairs(made(0), made) == pairs(made(made.steps_per_epoch), made)


def test_all_candidates_are_those_with_an_interaction():
    data = dataset()
    train = data.with_interactions(data.interactions.take(np.arange(20)))
    made = batches(train, loss=Softmax(candidates="all"), unit="queries")
    batch = made(0)
    met = np.unique(train.interactions.candidate_row)
    assert batch.candidate_count.sum() == len(met)
    assert batch.table_rows["candidate/item"] is None  # every row is touched: no sub-table
    whole = batches(
        train,
        loss=Softmax(candidates="all"),
        catalogue=np.arange(data.num_candidates, dtype=np.int32),
    )
    assert whole(0).candidate_count.sum() == data.num_candidates


def test_without_weights_every_pair_counts_1():
    batch = batches(dataset(weight=False))(0)
    assert batch.pair_weight[:64].tolist() == [1.0] * 64


def test_a_pair_counts_by_how_many_its_query_has():
    data = dataset()
    even, plain = (batches(data, batch_size=NUM_EVENTS, query_balance=b)(0) for b in (0.5, 0.0))
    counts = np.bincount(data.interactions.query_row, minlength=data.num_queries)
    share = counts.clip(1) ** -0.5
    share *= NUM_EVENTS / share[data.interactions.query_row].sum()  # 1 on average over the pairs
    row = data.interactions.query_row[batches(data, batch_size=NUM_EVENTS).events(0)]
    np.testing.assert_allclose(
        even.pair_weight[:NUM_EVENTS], plain.pair_weight[:NUM_EVENTS] * share[row], rtol=1e-6
    )


def test_at_balance_1_every_query_counts_alike():
    batch = batches(dataset(weight=False), batch_size=NUM_EVENTS, query_balance=1.0)(0)
    of_query = np.bincount(batch.pair_query[:NUM_EVENTS], batch.pair_weight[:NUM_EVENTS])
    np.testing.assert_allclose(of_query, NUM_EVENTS / len(of_query), rtol=1e-5)


def test_nothing_to_train_on():
    data = dataset()
    empty = data.with_interactions(data.interactions.take(np.arange(0)))
    with pytest.raises(DataError, match="nothing to train on"):
        Batches(empty, *fit_encoders_of(data), batch_size=4)(0)


def fit_encoders_of(data: Dataset):
    config = TwoTower(query=Tower([Categorical("user")]), candidate=Tower([Categorical("item")]))
    return fit_encoders(config, data)
