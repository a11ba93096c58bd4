"""Histories against a slow oracle; no pair ever finds its own candidate, or the future."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from histories import LENGTH, by_pair, dataset, entries, histories, in_time, model

from turret.data.encoders.fitting import fit_encoders
from turret.data.encoders.history import HistoryEncoder
from turret.data.encoders.lists import right_aligned
from turret.data.histories import with_histories
from turret.data.splits import random_split
from turret.data.vocabulary import Vocabulary
from turret.errors import DataError, RecipeError
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.towers import Tower, TwoTower


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
