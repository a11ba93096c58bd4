import itertools
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turret.data.dataset import Dataset, Interactions
from turret.errors import DataError

EVENTS = pl.DataFrame(
    {
        "user_id": [2, 1, 2, 10, 2],
        "film": ["Up", "Up", "Alien", "Heat", "Up"],
        "stars": [5, 3, 4, 1, 5],
        "when": [100, 200, 300, 400, 500],
        "country": ["nl", "de", "nl", "fr", "nl"],
        "year": [2009, 2009, 1979, 1995, 2009],
    }
)


def build(events: object = EVENTS, **options: object) -> Dataset:
    chosen = {"query_id": "user_id", "candidate_id": "film", "timestamp": "when"} | options
    return Dataset.from_frames(events, **chosen)  # pyright: ignore[reportArgumentType] # options by name


def test_from_frames() -> None:
    dataset = build(weight="stars")
    assert dataset.query_ids.to_list() == ["1", "10", "2"]
    assert dataset.candidate_ids.to_list() == ["Alien", "Heat", "Up"]
    assert dataset.queries.rows() == [("1", "de"), ("10", "fr"), ("2", "nl")]
    assert dataset.candidates.rows() == [("Alien", 1979), ("Heat", 1995), ("Up", 2009)]
    events = dataset.interactions
    assert events.query_row.tolist() == [2, 0, 2, 1, 2]
    assert events.candidate_row.tolist() == [2, 2, 0, 1, 2]
    assert events.timestamp is not None and events.weight is not None
    assert events.timestamp.tolist() == [100.0, 200.0, 300.0, 400.0, 500.0]
    assert events.weight.tolist() == [5.0, 3.0, 4.0, 1.0, 5.0]
    assert (dataset.num_queries, dataset.num_candidates, len(events)) == (3, 3, 5)
    assert dataset.notes == ()


def test_unused_columns_are_said() -> None:
    assert build().notes == (
        "Columns left out, since they describe neither a query nor a candidate: stars",
    )


def test_tables_do_not_depend_on_the_order_of_events() -> None:
    dataset = build()
    for order in itertools.islice(itertools.permutations(range(5)), 0, 120, 11):
        shuffled = build(EVENTS[list(order)])
        assert shuffled.queries.equals(dataset.queries)
        assert shuffled.candidates.equals(dataset.candidates)


def test_numbers_and_their_text_are_one_id() -> None:
    text = EVENTS.with_columns(pl.col("user_id").cast(pl.String))
    floats = EVENTS.with_columns(pl.col("user_id").cast(pl.Float64))
    assert build(text).fingerprint() == build(floats).fingerprint() == build().fingerprint()


def test_positive() -> None:
    dataset = build(positive="stars >= 4")
    assert dataset.interactions.query_row.tolist() == [0, 0, 0]
    assert dataset.candidate_ids.to_list() == ["Alien", "Up"]
    assert dataset.notes[0] == ("3 of 5 interactions fulfil 'stars >= 4'; the others were left out")
    with pytest.raises(DataError, match="No interaction fulfils the condition: got 'stars > 5'"):
        build(positive="stars > 5")


def test_given_tables() -> None:
    films = pl.DataFrame({"film": ["Up", "Alien", "Ran", "Up"], "genre": ["a", "b", "c", "d"]})
    dataset = build(candidates=films, queries={"user_id": [1, 2, 10], "age": [20, 30, 40]})
    assert dataset.candidates.rows() == [("Alien", "b"), ("Heat", None), ("Ran", "c"), ("Up", "a")]
    assert dataset.queries.rows() == [("1", 20), ("10", 40), ("2", 30)]
    assert dataset.interactions.candidate_row.tolist() == [3, 3, 0, 1, 3]
    assert "1 of 4 rows in the table of candidates repeat an id (film)" in dataset.notes[0]
    assert "1 candidates occur in interactions but not in their table" in dataset.notes[1]


@pytest.mark.parametrize(
    ("events", "options", "message"),
    [
        (EVENTS, {"query_id": "user"}, "interactions has no column 'user'.*mean 'user_id'"),
        (EVENTS, {"query_id": "film"}, "query id and candidate id: got 'film'"),
        (EVENTS.clear(), {}, "table of interactions is empty"),
        (
            {"user_id": [1, None], "film": ["a", "b"], "when": [1, 2]},
            {},
            "user_id of queries is mis",
        ),
        (
            {"user_id": [1], "film": [None], "when": [1]},
            {},
            "film of candidates is missing in 1 of 1",
        ),
        (EVENTS, {"timestamp": "country"}, "'country' holds text that is no time"),
        (EVENTS, {"weight": "country"}, "'country' is not numeric"),
        (7, {}, "cannot be taken as a table: got 'int'"),
    ],
)
def test_refused(events: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(events, **options)


PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=40)


@given(pairs=PAIRS)
def test_pairs_by_query(pairs: list[tuple[int, int]]) -> None:
    queries, items = zip(*pairs, strict=True)
    dataset = Dataset.from_frames({"q": queries, "c": items}, query_id="q", candidate_id="c")
    indptr, rows = dataset.pairs_by_query()
    slow = {q: sorted({str(c) for p, c in pairs if p == q}) for q in sorted(set(queries))}
    assert indptr[0] == 0 and indptr.dtype == np.int64 and rows.dtype == np.int32
    ids = dataset.candidate_ids.to_list()
    found = [[ids[row] for row in rows[start:stop]] for start, stop in itertools.pairwise(indptr)]
    assert found == list(slow.values())


def test_pairs_by_query_without_events() -> None:
    nothing = build().interactions.take(np.zeros(0, np.int64))
    indptr, rows = build().with_interactions(nothing).pairs_by_query()
    assert (indptr.tolist(), rows.tolist()) == ([0, 0, 0, 0], [])


def test_take() -> None:
    taken = build(weight="stars").interactions.take(np.array([3, 0]))
    assert taken.query_row.tolist() == [1, 2]
    assert taken.candidate_row.tolist() == [1, 2]
    assert taken.timestamp is not None and taken.timestamp.tolist() == [400.0, 100.0]
    assert taken.weight is not None and taken.weight.tolist() == [1.0, 5.0]
    bare = Interactions(query_row=taken.query_row, candidate_row=taken.candidate_row)
    assert bare.take(np.array([1])).timestamp is None


def test_summary() -> None:
    summary = build().with_notes(["First"]).summary()
    assert json.loads(json.dumps(summary)) == summary
    assert summary == {
        "interactions": 5,
        "queries": 3,
        "candidates": 3,
        "distinct_pairs": 4,
        "repeated_pairs": 1,
        "density": 4 / 9,
        "first_time": "1970-01-01T00:01:40+00:00",
        "last_time": "1970-01-01T00:08:20+00:00",
        "weighted": False,
        "query_columns": ["user_id", "country"],
        "candidate_columns": ["film", "year"],
        "notes": [
            "First",
            "Columns left out, since they describe neither a query nor a candidate: stars",
        ],
    }
    assert build(timestamp=None).summary()["first_time"] is None


def test_fingerprint_sees_every_part() -> None:
    base = build(weight="stars")
    others = [
        build(EVENTS[[1, 0, 2, 3, 4]], weight="stars"),
        build(EVENTS.with_columns(stars=pl.lit(1)), weight="stars"),
        build(EVENTS.with_columns(when=pl.lit(1)), weight="stars"),
        build(EVENTS.with_columns(country=pl.lit("x")), weight="stars"),
        build(EVENTS.with_columns(year=pl.lit(1)), weight="stars"),
        build(EVENTS.rename({"country": "land"}), weight="stars"),
        build(),
        build(timestamp=None, weight="stars"),
    ]
    prints = {dataset.fingerprint() for dataset in [base, *others]}
    assert len(prints) == 9
    assert base.with_notes(["A note"]).fingerprint() == base.fingerprint()
