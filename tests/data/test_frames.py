import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from turret.data import frames
from turret.errors import DataError

NOON = 1_717_156_800.0  # 2024-05-31 12:00 UTC
AMSTERDAM = pl.Series([datetime.datetime(2024, 5, 31, 12)]).dt.replace_time_zone("Europe/Amsterdam")


class Arrow:
    """A table of another library that speaks Arrow."""

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class Pandas:
    """A table of pandas where the library behind its Arrow interface is missing."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table
        self.columns = list(table)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise ImportError("pyarrow")

    def __getitem__(self, name: str) -> object:
        return self.table[name]


TABLE = {"user_id": [1, 2], "film": ["Up", "Alien"]}


@pytest.mark.parametrize(
    "data",
    [
        pl.DataFrame(TABLE),
        pl.LazyFrame(TABLE),
        TABLE,
        {name: np.array(values) for name, values in TABLE.items()},
        Arrow(pl.DataFrame(TABLE)),
        Pandas({"user_id": np.array([1, 2]), "film": np.array(["Up", "Alien"], dtype=object)}),
    ],
    ids=lambda data: type(data).__name__,
)
def test_as_frame(data: object) -> None:
    assert frames.as_frame(data, what="it").rows() == [(1, "Up"), (2, "Alien")]


def test_gaps_in_a_table_of_pandas_are_nulls() -> None:
    data = Pandas({"film": np.array(["Up", float("nan"), None], dtype=object)})
    assert frames.as_frame(data, what="it").rows() == [("Up",), (None,), (None,)]


@pytest.mark.parametrize("data", [3, "events.csv", None, {"a": [1, 2], "b": [1]}])
def test_as_frame_refuses(data: object) -> None:
    with pytest.raises(DataError, match="^It cannot be taken as a table"):
        frames.as_frame(data, what="It")


def test_require_columns() -> None:
    table = pl.DataFrame(TABLE)
    frames.require_columns(table, ["film", "user_id"], what="It")
    with pytest.raises(DataError, match="It has no column 'userid'.*Did you mean 'user_id'"):
        frames.require_columns(table, ["userid"], what="It")


@pytest.mark.parametrize(
    ("values", "unit", "seconds"),
    [
        (pl.Series([NOON]), "s", NOON),
        (pl.Series([1_717_156_800]), "s", NOON),
        (pl.Series([1_717_156_800_000]), "ms", NOON),
        (pl.Series([1_717_156_800_000_000]), "us", NOON),
        (pl.Series([1_717_156_800_000_000_000]), "ns", NOON),
        (pl.Series([datetime.datetime(2024, 5, 31, 12)]), "ms", NOON),
        (pl.Series([datetime.datetime(2024, 5, 31, 12)]).cast(pl.Datetime("ms")), "s", NOON),
        (pl.Series([datetime.datetime(2024, 5, 31, 12)]).cast(pl.Datetime("ns")), "s", NOON),
        (pl.Series([datetime.date(2024, 5, 31)]), "s", NOON - 43_200),
        (AMSTERDAM, "s", NOON - 7_200),
        (pl.Series(["2024-05-31T12:00:00"]), "s", NOON),
        (pl.Series(["2024-05-31 12:00:00"]), "s", NOON),
        (pl.Series(["2024-05-31"]), "s", NOON - 43_200),
        (pl.Series(["2024-05-31T12:00:00+02:00"]), "s", NOON - 7_200),
        (pl.Series(["2024-05-31T12:00:00Z"]), "s", NOON),
        (pl.Series(["1717156800000"]), "ms", NOON),
    ],
)
def test_timestamp_seconds(values: pl.Series, unit: str, seconds: float) -> None:
    assert frames.timestamp_seconds(values, unit=unit).tolist() == [seconds]


def test_missing_times_are_nan() -> None:
    for values in (
        pl.Series([1, None]),
        pl.Series([1.0, float("nan")]),
        pl.Series(["1970-01-01T00:00:01", None]),
    ):
        seconds = frames.timestamp_seconds(values, unit="s")
        assert seconds[0] == 1.0
        assert np.isnan(seconds[1])
    assert np.isnan(frames.timestamp_seconds(pl.Series([None]), unit="s")).all()


@pytest.mark.parametrize(
    ("values", "unit", "message"),
    [
        (pl.Series("when", ["2024-05-31", "soon"]), "s", "no time, first in row 2: got 'soon'"),
        (pl.Series("when", ["soon"]), "s", "'when' holds text that is no time, first in row 1"),
        (pl.Series("when", [1.0, float("inf")]), "s", "infinite in row 2"),
        (pl.Series("when", [True]), "s", "cannot be read as times: got 'Boolean'"),
        (pl.Series("when", [1]), "minutes", "unit is unknown: got 'minutes'"),
    ],
)
def test_timestamp_seconds_refuses(values: pl.Series, unit: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        frames.timestamp_seconds(values, unit=unit)


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(
        DataError, match="weight column 'stars' is 0 in all 2 rows: expected at least"
    ):
        frames.weight_values(pl.Series("stars", [0, 0]))
    assert frames.weight_values(pl.Series("stars", [], dtype=pl.Int64)).tolist() == []


def test_weight_values() -> None:
    weights = frames.weight_values(pl.Series("stars", [0, 1, 5]))
    assert weights.tolist() == [0.0, 1.0, 5.0]
    assert weights.dtype == np.float32


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), None])
def test_weight_values_refuses(bad: float | None) -> None:
    with pytest.raises(
        DataError, match="'stars' holds 1 values that are no weight, first in row 2"
    ):
        frames.weight_values(pl.Series("stars", [1.0, bad]))
    with pytest.raises(DataError, match="'stars' is not numeric: got 'String'"):
        frames.weight_values(pl.Series("stars", ["5"]))


def test_select_positive() -> None:
    table = pl.DataFrame({"stars": [5, 3, None, 4], "kind": ["a", "b", "a", "b"]})
    assert frames.select_positive(table, "stars >= 4", what="It").rows() == [(5, "a"), (4, "b")]
    kept = frames.select_positive(table, "stars >= 3 AND kind = 'b'", what="It")
    assert kept.rows() == [(3, "b"), (4, "b")]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("stars >=", "cannot be read"),
        ("stars + 1", "neither true nor false"),
        ("max(stars) > 1", "neither true nor false"),
        ("star >= 4", "It has no column 'star'.*Did you mean 'stars'"),
        ("stars LIKE '4%'", "does not fit the columns"),
    ],
)
def test_select_positive_refuses(condition: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        frames.select_positive(pl.DataFrame({"stars": [5, 3]}), condition, what="It")


def test_constant_columns() -> None:
    rows = np.array([1, 0, 1, 0], dtype=np.int32)
    events = pl.DataFrame(
        {
            "country": ["nl", "de", "nl", "de"],
            "age": [30, None, 30, None],
            "tags": [["x"], [], ["x"], []],
            "stars": [1, 2, 3, 4],
            "gap": [1, 2, None, 2],
        }
    )
    constant = frames.constant_columns(events, rows, num_rows=2)
    assert constant.rows() == [("de", None, []), ("nl", 30, ["x"])]
    assert constant.columns == ["country", "age", "tags"]


def test_constant_columns_reads_past_the_sample() -> None:
    values = [7] * 20_001
    table = pl.DataFrame({"same": values, "late": [*values[:-1], 8]})
    constant = frames.constant_columns(table, np.zeros(20_001, np.int32), num_rows=1)
    assert constant.rows() == [(7,)]


def test_entity_table() -> None:
    table = pl.DataFrame({"genre": ["a", "b", "c", "d"], "film": [3, 1, 3, 9]})
    entities, rows, notes = frames.entity_table(
        pl.Series(["1", "2", "3"]), table, id_column="film", what="candidates"
    )
    assert entities.rows() == [("1", "b"), ("2", None), ("3", "a"), ("9", "d")]
    assert rows.tolist() == [0, 1, 2]
    assert notes == (
        "1 of 4 rows in the table of candidates repeat an id (film) and were removed, "
        "the first of each kept: 3 remain",
        "1 candidates occur in interactions but not in their table (first: '2'); "
        "their features are missing",
    )


def test_entity_table_refuses() -> None:
    ids = pl.Series(["1"])
    with pytest.raises(DataError, match="The table of queries has no column 'user_id'"):
        frames.entity_table(ids, pl.DataFrame({"u": [1]}), id_column="user_id", what="queries")
    gap = pl.DataFrame({"user_id": [1, None]})
    with pytest.raises(DataError, match="user_id in the table of queries is missing in 1 of 2"):
        frames.entity_table(ids, gap, id_column="user_id", what="queries")
