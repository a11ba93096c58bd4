import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turret.data.vocabulary import Vocabulary, as_ids, factorize, require_present
from turret.errors import DataError

IDS = st.lists(st.text(max_size=4) | st.none(), max_size=30)


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (pl.Series(["007", "7", " 7", "é", "", None]), ["007", "7", " 7", "é", "", None]),
        (pl.Series([42, -1, None]), ["42", "-1", None]),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), ["18446744073709551615"]),
        (pl.Series([42.0, -0.0, float("nan"), None]), ["42", "0", None, None]),
        (pl.Series([3.0], dtype=pl.Float32), ["3"]),
        (pl.Series(["b", "a", None], dtype=pl.Categorical), ["b", "a", None]),
        (pl.Series(["b"], dtype=pl.Enum(["a", "b"])), ["b"]),
        (pl.Series([True, None, False]), ["true", None, "false"]),
        (pl.Series([None, None]), [None, None]),
        (pl.Series([], dtype=pl.Int64), []),
    ],
)
def test_as_ids(values: pl.Series, ids: list[str | None]) -> None:
    converted = as_ids(values.rename("user_id"), what="the id")
    assert converted.to_list() == ids
    assert converted.dtype == pl.String
    assert converted.name == "user_id"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pl.Series([1.0, 2.5, 0.1]), "The id has 2 numbers that are not whole: got 2.5"),
        (pl.Series([1e30]), "The id has 1 numbers that are not whole"),
        (pl.Series([float("inf")]), "The id has 1 numbers that are not whole: got inf"),
        (pl.Series([[1]]), r"The id cannot serve as an id: got 'List\(Int64\)'"),
    ],
)
def test_as_ids_refuses(values: pl.Series, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_ids(values, what="The id")


def test_rows() -> None:
    vocabulary = Vocabulary(pl.Series(["b", "a", "42"]))
    assert vocabulary.num_rows == 4
    rows = vocabulary.rows(pl.Series(["a", "z", None, "b", "B", "42"]))
    assert rows.tolist() == [2, 0, 0, 1, 0, 3]
    assert rows.dtype == np.int32
    assert vocabulary.rows(pl.Series([42, 7])).tolist() == [3, 0]
    assert vocabulary.rows(pl.Series([42.0, None])).tolist() == [3, 0]


@settings(max_examples=40)
@given(ids=st.sets(st.text(max_size=4), max_size=20), values=IDS)
def test_rows_equal_those_of_a_dictionary(ids: set[str], values: list[str | None]) -> None:
    vocabulary = Vocabulary(pl.Series(sorted(ids), dtype=pl.String))
    slow = {one: row for row, one in enumerate(vocabulary.ids.to_list(), start=1)}
    rows = vocabulary.rows(pl.Series(values, dtype=pl.String))
    assert rows.tolist() == [0 if v is None else slow.get(v, 0) for v in values]
    known = [v if v in slow else None for v in values]
    assert vocabulary.ids_at(rows).to_list() == known


@pytest.mark.parametrize("times", [1, 10, 100])
def test_many_values_of_few_ids_are_found_as_few_are(times: int) -> None:
    vocabulary = Vocabulary(pl.Series(["b", "a", ""]))
    values = pl.Series(["a", "z", None, "b", ""] * times)
    assert vocabulary.rows(values).tolist() == [2, 0, 0, 1, 3] * times


def test_empty_vocabulary() -> None:
    vocabulary = Vocabulary(pl.Series([]))
    assert vocabulary.num_rows == 1
    assert vocabulary.rows(pl.Series(["a", None])).tolist() == [0, 0]
    assert vocabulary.ids_at(np.array([0])).to_list() == [None]


def test_vocabulary_refuses_repeated_and_missing_ids() -> None:
    with pytest.raises(DataError, match="holds an id twice: got 'a'"):
        Vocabulary(pl.Series(["a", "b", "a"]))
    with pytest.raises(DataError, match="missing id"):
        Vocabulary(pl.Series(["a", None]))


@pytest.mark.parametrize("row", [-1, 3])
def test_ids_at_refuses_rows_outside(row: int) -> None:
    with pytest.raises(DataError, match=f"outside the vocabulary: got {row}, expected 0 to 2"):
        Vocabulary(pl.Series(["a", "b"])).ids_at(np.array([0, row]))


COLUMN = pl.Series("tag", ["d", "b", "b", "a", "a", None, "c", "d", "d", None])


@pytest.mark.parametrize(
    ("min_count", "max_size", "ids"),
    [
        (1, None, ["a", "b", "c", "d"]),
        (2, None, ["a", "b", "d"]),
        (3, None, ["d"]),
        (1, 2, ["a", "d"]),
        (1, 3, ["a", "b", "d"]),
        (3, 2, ["d"]),
        (9, None, []),
        (1, 99, ["a", "b", "c", "d"]),
    ],
)
def test_fit(min_count: int, max_size: int | None, ids: list[str]) -> None:
    for column in (COLUMN, COLUMN.reverse()):
        vocabulary = Vocabulary.fit(column, min_count=min_count, max_size=max_size)
        assert vocabulary.ids.to_list() == ids


def test_fit_on_numbers_is_fit_on_their_text() -> None:
    numbers = pl.Series([10, 9, 10, 9, 100, None])
    floats = pl.Series([10.0, 9.0, 10.0, 9.0, 100.0, float("nan")])
    for column in (numbers, floats):
        assert Vocabulary.fit(column).ids.to_list() == ["10", "100", "9"]
        assert Vocabulary.fit(column, max_size=1).ids.to_list() == ["10"]
        assert Vocabulary.fit(column, min_count=2).ids.to_list() == ["10", "9"]


@pytest.mark.parametrize(
    "values", [pl.Series(["9", "10", "9"]), pl.Series([9, 10, 9]), pl.Series([9.0, 10.0, 9.0])]
)
def test_factorize(values: pl.Series) -> None:
    ids, rows = factorize(values, what="the id")
    assert ids.to_list() == ["10", "9"]
    assert rows.tolist() == [1, 0, 1]
    assert rows.dtype == np.int32


def test_factorize_nothing() -> None:
    ids, rows = factorize(pl.Series([], dtype=pl.String), what="the id")
    assert (ids.to_list(), rows.tolist()) == ([], [])


@pytest.mark.parametrize(
    "values", [pl.Series(["a", None, "b", None]), pl.Series([1.0, float("nan"), 2.0, None])]
)
def test_missing_ids_are_counted_and_placed(values: pl.Series) -> None:
    for function in (factorize, require_present):
        with pytest.raises(DataError, match="The id is missing in 2 of 4 rows, first in row 2"):
            function(values, what="The id")
