"""Histories against a slow oracle; no pair ever finds its own candidate, or the future."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from turret.data.batches import Batches
from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.lists import right_aligned
from turret.data.histories import Histories, with_histories
from turret.data.splits import random_split
from turret.data.vocabulary import Vocabulary
from turret.errors import DataError, RecipeError
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower

LENGTH = 4


def events(seed: int = 0, n: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {"user": (20, "u"), "film": (15, "f")}
    named = {k: [f"{c}{v:02}" for v in rng.integers(0, m, n)] for k, (m, c) in columns.items()}
    return pl.DataFrame({**named, "time": rng.integers(0, 40, n).astype(float)})


def dataset(frame: pl.DataFrame | None = None, timestamp: str | None = "time") -> Dataset:
    frame = events() if frame is None else frame
    names = {"query_id": "user", "candidate_id": "film"}
    return Dataset.from_frames(frame, timestamp=timestamp, **names)


def model(table: str | None = "candidate/film", **options) -> TwoTower:
    met = History("met", table=table, **{"length": LENGTH, **options})
    return TwoTower(query=Tower([Categorical("user"), met]), candidate=Tower([Categorical("film")]))


def histories(data: Dataset, **options) -> Histories:
    config = model(**options)
    query, _ = fit_encoders(config, with_histories(data, config, train=data))
    found = Histories.of(data, query, seed=5)
    assert found is not None
    return found


def in_time(data: Dataset, query: int | np.integer | np.ndarray) -> list[int]:
    """The events of a query in time, then as they stand, one by one."""
    rows = [i for i, row in enumerate(data.interactions.query_row) if row == query]
    times = data.interactions.timestamp
    return rows if times is None else sorted(rows, key=lambda i: (times[i], i))


def entries(row: np.ndarray) -> list[int]:
    assert (np.diff((row >= 0).astype(int)) >= 0).all()  # at the end of the row
    return [int(value) - 1 for value in row if value >= 0]  # all 15 films have rows, by name


def by_pair(found) -> np.ndarray:
    """The rows of each pair's history, whichever pair it is shared with."""
    first, history, parts = found
    assert (history[first] == np.arange(len(first))).all()
    return parts["rows"][history]


@pytest.mark.parametrize("timestamp", ["time", None])
def test_the_column_is_each_querys_last_training_candidates(timestamp) -> None:
    data = dataset(timestamp=timestamp)
    config = model()
    column = with_histories(data, config, train=data).queries["met"]
    for query in range(data.num_queries):
        want = [data.interactions.candidate_row[i] for i in in_time(data, query)][-LENGTH:]
        assert column[query].to_list() == data.candidate_ids.gather(want).to_list()


def test_it_is_made_from_the_training_part_alone_and_once() -> None:
    data, config = dataset(), model()
    parts = random_split(data, test_fraction=0.5, seed=1)
    train, test = (with_histories(p, config, train=parts.train) for p in (parts.train, parts.test))
    assert train.queries["met"].to_list() == test.queries["met"].to_list()
    assert with_histories(train, config, train=parts.test) is train
    plain = TwoTower(query=Tower([Categorical("user")]), candidate=Tower([Categorical("film")]))
    assert with_histories(data, plain, train=data) is data
    assert plain.history is None
    few = parts.train.with_interactions(parts.train.interactions.take(np.arange(3)))
    lists = with_histories(few, config, train=few).queries["met"]
    assert lists.drop_nulls().list.len().sum() == 3


@pytest.mark.parametrize("length", [1, 4, 50])
def test_the_past_is_strictly_earlier(length: int) -> None:
    data = dataset()
    met, times = data.interactions.candidate_row, data.interactions.timestamp
    assert times is not None
    chosen = np.random.default_rng(3).permutation(300)[:200]
    found = histories(data, sees="past", length=length).of_pairs(chosen, step=0)
    rows, distinct = by_pair(found), set[tuple[int, float]]()
    for place, event in enumerate(chosen):
        earlier = [
            met[i]
            for i in in_time(data, data.interactions.query_row[event])
            if times[i] < times[event]
        ]
        assert entries(rows[place]) == earlier[-length:]
        distinct.add((int(data.interactions.query_row[event]), float(times[event])))
    assert len(found[0]) == len(distinct) < len(chosen)


@pytest.mark.parametrize("timestamp", ["time", None])
@pytest.mark.parametrize("length", [2, 50])
def test_the_others_never_hold_the_pairs_own_candidate(length: int, timestamp) -> None:
    data = dataset(timestamp=timestamp)
    met = data.interactions.candidate_row
    chosen = np.random.default_rng(3).permutation(300)[:200]
    rows = by_pair(histories(data, length=length).of_pairs(chosen, step=0))
    for place, event in enumerate(chosen):
        own = [met[i] for i in in_time(data, data.interactions.query_row[event])]
        # One more than fit are looked at, in case the pair's own is among them.
        want = [row for row in own[-length - 1 :] if row != met[event]][-length:]
        assert entries(rows[place]) == want


@pytest.mark.parametrize("hide", [0.01, 0.5, 0.99])
def test_what_is_hidden_is_not_shown(hide: float) -> None:
    data = dataset()
    met, query = data.interactions.candidate_row, data.interactions.query_row
    found = histories(data, hide=hide, length=50)
    groups = [in_time(data, row) for row in (7, 3, 11)]
    chosen = np.concatenate(groups)
    owner = np.repeat(np.arange(3, dtype=np.int32), [len(group) for group in groups])
    hidden = np.zeros(len(chosen), bool)
    for step in range(20):
        hidden, parts = found.hidden(chosen, owner=owner, step=step)
        assert len(parts["rows"]) == 3
        for place, row in enumerate((7, 3, 11)):
            mine = query[chosen] == row
            targets = {int(met[i]) for i in chosen[mine & hidden]}
            shown = [int(met[i]) for i in in_time(data, row) if met[i] not in targets]
            assert targets and entries(parts["rows"][place]) == shown
    again, _ = found.hidden(chosen, owner=owner, step=19)
    assert (again == hidden).all()
    assert (found.hidden(chosen, owner=owner, step=20)[0] != hidden).any() or hide != 0.5


def test_half_of_the_candidates_are_hidden() -> None:
    data = dataset()
    order = np.argsort(data.interactions.query_row, kind="stable")
    owner = data.interactions.query_row[order]
    found = histories(data)
    share = np.mean([found.hidden(order, owner=owner, step=step)[0].mean() for step in range(50)])
    assert abs(share - 0.5) < 0.03


@pytest.mark.parametrize("sees", ["past", "others"])
def test_dropout_leaves_some_of_the_shown_out(sees) -> None:
    data = dataset()
    chosen = np.random.default_rng(3).permutation(300)[:200]
    whole = by_pair(histories(data, sees=sees, length=50).of_pairs(chosen, step=0))
    found = histories(data, sees=sees, length=50, dropout=0.3)
    shares = []
    for step in range(20):
        rows = by_pair(found.of_pairs(chosen, step=step))
        assert (rows == by_pair(found.of_pairs(chosen, step=step))).all()
        for some, all_of_them in zip(rows, whole, strict=True):
            kept = iter(entries(all_of_them))
            assert all(one in kept for one in entries(some))  # in their order
        shares.append((rows >= 0).sum() / (whole >= 0).sum())
    assert abs(np.mean(shares) - 0.7) < 0.02


def test_a_table_of_its_own_holds_every_training_candidate() -> None:
    data = dataset()
    config = model(table=None, length=1)
    query, candidate = fit_encoders(config, with_histories(data, config, train=data))
    met = data.candidate_ids.gather(np.unique(data.interactions.candidate_row))
    assert query.vocabularies["query/met"].ids.to_list() == met.to_list()
    assert list(candidate.vocabularies) == ["candidate/film"]


def test_a_history_does_not_count_in_the_table_that_it_shares() -> None:
    """A candidate met once stays below a `min_count` of 2, though a list holds it too."""
    frame = pl.DataFrame({"user": ["a", "a", "b"], "film": ["x", "y", "y"], "time": [1.0, 2, 3]})
    film = Categorical("film", min_count=2)
    met = History("met", table="candidate/film", min_count=2)
    config = TwoTower(query=Tower([met]), candidate=Tower([film]))
    data = dataset(frame)
    query, _ = fit_encoders(config, with_histories(data, config, train=data))
    assert query.vocabularies["candidate/film"].ids.to_list() == ["y"]


def test_towers_have_one_history_and_it_is_the_querys() -> None:
    film = Tower([Categorical("film")])
    two = Tower([History("met"), History("met", name="again")])
    with pytest.raises(RecipeError, match="history features.*at most one"):
        TwoTower(query=two, candidate=film)
    with pytest.raises(RecipeError, match="none: queries have them"):
        TwoTower(query=Tower([Categorical("user")]), candidate=Tower([History("met")]))
    with pytest.raises(RecipeError, match="'met': heads: got 3, expected a divisor"):
        TwoTower(query=Tower([History("met", heads=3)]), candidate=film)


def test_weights_of_each_pooling() -> None:
    rows = np.array([[-1, -1, 3, 5], [-1, -1, -1, -1], [1, 2, 3, 4]], np.int32)

    def weights(**options) -> np.ndarray:
        encoder = HistoryEncoder(History("met", length=4, **options), Vocabulary(pl.Series(["a"])))
        return encoder.parts(rows)["weights"]

    there = rows >= 0
    n = np.array([[2.0], [1.0], [4.0]])
    np.testing.assert_allclose(weights(), there / n)
    np.testing.assert_allclose(weights(pooling="sqrtn"), there / np.sqrt(n))
    found = weights(pooling="recency", half_life=1.0)
    np.testing.assert_allclose(found[0], [0, 0, 1 / 3, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(found[2], np.array([1, 2, 4, 8]) / 15, rtol=1e-6)
    assert not found[1].any()


def test_encoding_lists() -> None:
    encoder = HistoryEncoder(History("met", length=2), Vocabulary(pl.Series(["a", "b", "c"])))
    lists = [["a", "x", "b", "c"], [], None, ["x"], [None, "a"]]
    parts = encoder.encode(pl.DataFrame({"met": lists}))
    assert parts["rows"].tolist() == [[2, 3], [-1, -1], [-1, -1], [-1, -1], [-1, 1]]
    assert parts["weights"].tolist() == [[0.5, 0.5], [0, 0], [0, 0], [0, 0], [0, 1]]
    assert encoder.known(parts).tolist() == [True, False, False, False, True]
    numbers = HistoryEncoder(History("met", length=2), Vocabulary(pl.Series(["1", "2"])))
    assert numbers.encode(pl.DataFrame({"met": [[2, 1]]}))["rows"].tolist() == [[2, 1]]
    assert numbers.encode(pl.DataFrame({"met": [None]}))["rows"].tolist() == [[-1, -1]]
    with pytest.raises(DataError, match="'met' holds no lists: got 'String'"):
        encoder.encode(pl.DataFrame({"met": ["a"]}))


def test_values_are_aligned_to_the_right() -> None:
    owner = np.array([0, 0, 0, 3])
    found = right_aligned(np.array([1, 2, 3, 4], np.int32), owner, n=4, length=2)
    assert found.tolist() == [[2, 3], [-1, -1], [-1, -1], [-1, 4]]


def test_a_history_shares_rows_with_candidate_ids_only() -> None:
    data = dataset()
    titled = replace(data, candidates=data.candidates.with_columns(title=pl.lit("t")))
    features = [Categorical("film"), Categorical("title")]
    for table, shares in (("candidate/title", "'title'"), ("query/user", "query features")):
        met = History("met", table=table)
        query = Tower([Categorical("user"), met])
        config = TwoTower(query=query, candidate=Tower(features))
        with pytest.raises(DataError, match=f"no candidate ids: got .a table of {shares}"):
            fit_encoders(config, with_histories(titled, config, train=titled))


def test_a_history_of_the_past_needs_times() -> None:
    data = dataset(timestamp=None)
    with pytest.raises(DataError, match="history of the past needs times"):
        histories(data, sees="past").of_pairs(np.arange(3), step=0)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("length", 0),
        ("hide", 0.0),
        ("hide", 1.0),
        ("half_life", 0.0),
        ("min_count", 0),
        ("dropout", 1.0),
        ("layers", 0),
    ],
)
def test_impossible_settings(option: str, value: float) -> None:
    with pytest.raises(RecipeError, match=option):
        History("met", **{option: value})  # pyright: ignore[reportArgumentType] # options by name


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
    with pytest.raises(RecipeError, match=f"'met': {key} beside lookup"):
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
