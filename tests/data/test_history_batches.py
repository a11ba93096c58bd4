"""Batches of a training whose queries have histories."""

import numpy as np
import polars as pl
import pytest
from histories import by_pair, dataset, entries, events, model

from turret.data.batches import Batches
from turret.data.encoders.fitting import fit_encoders
from turret.data.histories import Histories, with_histories
from turret.errors import DataError, RecipeError
from turret.recipe.features.history import History
from turret.recipe.loss import Softmax


def test_a_moment_is_scored_once_and_its_pairs_see_what_they_see_alone() -> None:
    """Batches of moments show each pair what batches of pairs do, in a row for each moment."""
    config = model(sees="past", length=50)
    data = with_histories(dataset(), config, train=dataset())
    query, candidate = fit_encoders(config, data)
    shown = Histories.of(data, query, seed=5)
    times = data.interactions.timestamp
    assert shown is not None and times is not None
    settings = {"batch_size": 16, "loss": Softmax(candidates="all"), "seed": 5}
    batches = Batches(data, query, candidate, unit="moments", histories=shown, **settings)
    met: list[int] = []
    for step in range(batches.steps_per_epoch):
        events = batches.events(step)
        moments = {(data.interactions.query_row[i], times[i]) for i in events}
        assert len(moments) == 16 or step == batches.steps_per_epoch - 1
        whole = {
            i for i in range(len(times)) if (data.interactions.query_row[i], times[i]) in moments
        }
        assert set(events.tolist()) == whole
        batch = batches(step)
        table = batch.table_rows["candidate/film"]
        rows = batch.query["met/rows"]
        rows = rows if table is None else np.where(rows >= 0, table[rows], -1)
        assert len(set(batch.pair_query[: len(events)])) == len(moments)
        alone = by_pair(shown.of_pairs(events, step=step))
        for place in range(len(events)):
            assert entries(rows[batch.pair_query[place]]) == entries(alone[place])
        met += events.tolist()
    assert sorted(met) == list(range(len(times)))


def test_moments_need_times() -> None:
    config = model(sees="past")
    data = dataset(timestamp=None)
    data = with_histories(data, config, train=data)
    query, candidate = fit_encoders(config, data)
    with pytest.raises(DataError, match="batches of moments need times"):
        Batches(data, query, candidate, batch_size=4, unit="moments")(0)


@pytest.mark.parametrize("unit", ["pairs", "queries"])
def test_the_batches_of_a_training(unit) -> None:
    """Each batch holds for each pair a history without its candidate, and nothing else changes."""
    config = model()
    data = with_histories(dataset(), config, train=dataset())
    query, candidate = fit_encoders(config, data)
    loss = Softmax(candidates="all" if unit == "queries" else "batch")
    shown = Histories.of(data, query, seed=5)
    batches = Batches(
        data, query, candidate, batch_size=8, loss=loss, unit=unit, seed=5, histories=shown
    )
    films = candidate.encode(data.candidates)["film/rows"]
    for step in range(batches.steps_per_epoch):
        batch = batches(step)
        real = batch.pair_weight > 0
        whole = batch.table_rows["candidate/film"]
        rows = batch.query["met/rows"][batch.pair_query[real]]
        own = batch.candidate["film/rows"][batch.pair_candidate[real]]
        if whole is not None:
            rows, own = np.where(rows >= 0, whole[rows], -1), whole[own]
        assert not (rows == own[:, None]).any()
        assert set(own) <= set(films)
        again = batches(step)
        assert all((again.query[name] == batch.query[name]).all() for name in batch.query)


@pytest.mark.parametrize("unit", ["pairs", "queries"])
def test_the_candidate_tower_is_asked_for_the_same_candidates(unit) -> None:
    """What the places among the batch's candidates stand for is what a table would look up."""
    loss = Softmax(candidates="all" if unit == "queries" else "batch")

    def batches(**options) -> Batches:
        config = model(sees="others", **options)
        data = with_histories(dataset(), config, train=dataset())
        query, candidate = fit_encoders(config, data)
        shown = Histories.of(data, query, seed=5)
        settings = {"batch_size": 4, "loss": loss, "unit": unit, "seed": 5, "histories": shown}
        return Batches(data, query, candidate, **settings)

    by_table, by_tower = batches(), batches(table=None, lookup="tower")
    for step in range(by_table.steps_per_epoch):
        one, two = by_table(step), by_tower(step)
        film = two.candidate["film/rows"]
        assert len(film) >= len(two.candidate_count)
        table, tower = (b.table_rows["candidate/film"] for b in (one, two))
        met, places = one.query["met/rows"], two.query["met/rows"]
        want = met if table is None else np.where(met >= 0, table[met], -1)
        found = film if tower is None else tower[film]
        real = np.unique(one.pair_query[one.pair_weight > 0])
        assert (np.where(places >= 0, found[places], -1)[real] == want[real]).all()
        assert (one.query["met/weights"] == two.query["met/weights"]).all()
        there = one.candidate_count > 0
        own = one.candidate["film/rows"][: len(there)][there]
        assert (found[: len(there)][there] == (own if table is None else table[own])).all()


@pytest.mark.parametrize("key", ["table", "embedding_dim", "min_count"])
def test_keys_of_a_table_beside_the_candidate_tower(key: str) -> None:
    value = "candidate/film" if key == "table" else 2
    with pytest.raises(RecipeError, match=f"'met': {key}, but it has no table"):
        History("met", lookup="tower", **{key: value})  # pyright: ignore[reportArgumentType] # by name


def test_a_training_does_not_depend_on_what_is_held_back() -> None:
    """Held-back events, whatever they are, leave encoders and batches as they were."""
    frame = events()
    first = frame.with_columns(held=pl.int_range(300) >= 200)
    films = sorted(frame["film"].unique())
    other = first.with_columns(
        film=pl.when("held").then(pl.col("film").replace(films, films[::-1])).otherwise("film")
    )
    found = []
    for one in (first, other):
        whole = dataset(one.drop("held"))
        train = whole.with_interactions(whole.interactions.take(np.arange(200)))
        config = model()
        data = with_histories(train, config, train=train)
        query, candidate = fit_encoders(config, data)
        shown = Histories.of(data, query, seed=5)
        batches = Batches(data, query, candidate, batch_size=64, seed=5, histories=shown)
        states = [state["id"].to_list() for state in (*query.states(), *candidate.states())]
        found.append((states, [batches(step) for step in range(batches.steps_per_epoch)]))
    (states, batches), (other_states, other_batches) = found
    assert states == other_states
    for one, two in zip(batches, other_batches, strict=True):
        for name in one.query:
            assert (one.query[name] == two.query[name]).all()
        assert (one.pair_candidate == two.pair_candidate).all()
