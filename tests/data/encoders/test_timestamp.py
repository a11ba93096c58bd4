from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from contracts.feature_contract import FeatureContract, fitted

from turret.errors import DataError, RecipeError
from turret.recipe.features.timestamp import Timestamp


def at(*moments: datetime | None) -> pl.DataFrame:
    return pl.DataFrame({"when": moments}, schema={"when": pl.Datetime("us")})


RANGE = at(datetime(2024, 1, 1), None, datetime(2024, 1, 11))


class TestTimestamp(FeatureContract):
    feature = Timestamp("when")
    train = RANGE
    met = at(datetime(2024, 1, 6, 23, 59, 59), datetime(1969, 12, 31), datetime(2999, 1, 1))
    unmet = at(None, None)
    refused = pl.DataFrame({"when": [[1]]})

    # The class of errors of times is that of the data's own column of times.
    def test_a_column_of_another_type_is_refused_by_name(self) -> None:
        with pytest.raises(Exception, match="timestamp column 'when' cannot be read as times"):
            self.encoder().encode(self.refused)


class TestTrend(TestTimestamp):
    feature = Timestamp("when", parts=["trend"])
    met = at(datetime(2024, 1, 6), datetime(2024, 1, 2))


def test_the_trend_goes_from_minus_1_to_1_and_stays_there() -> None:
    moments = at(
        datetime(2023, 1, 1), datetime(2024, 1, 1), datetime(2024, 1, 6), datetime(2025, 1, 1), None
    )
    values = fitted(Timestamp("when"), RANGE).encode(moments)["values"]
    np.testing.assert_allclose(values, [[-1, 0], [-1, 0], [0, 0], [1, 0], [0, 1]], atol=1e-7)


@pytest.mark.parametrize(
    ("zone", "hour", "weekday", "month"),
    [("UTC", 23, 7, 3), ("Asia/Kolkata", 5, 1, 4), ("America/New_York", 19, 7, 3)],
)
def test_hour_weekday_and_month_of_a_zone(zone: str, hour: int, weekday: int, month: int) -> None:
    # A Sunday, the last day of March.
    moment = at(datetime(2024, 3, 31, 23, 45))
    rows = fitted(Timestamp("when", zone=zone), RANGE).encode(moment)["rows"]
    assert rows.tolist() == [[1 + hour, 24 + weekday, 31 + month]]


def test_the_parts_asked_for_in_their_order() -> None:
    feature = Timestamp("when", parts=["month", "hour"])
    parts = fitted(feature, RANGE).encode(at(datetime(2024, 12, 1, 5), None))
    assert parts["rows"].tolist() == [[6, 43], [-1, -1]]
    assert parts["values"].tolist() == [[0, 0], [0, 1]]


def test_times_of_every_type_are_the_same() -> None:
    encoder = fitted(Timestamp("when", unit="ms"), RANGE)
    seconds = datetime(2024, 1, 6, tzinfo=UTC).timestamp()
    columns = [
        pl.Series("when", [date(2024, 1, 6)]),
        pl.Series("when", ["2024-01-06T00:00:00"]),
        pl.Series("when", [datetime(2024, 1, 6, tzinfo=UTC)]),
        pl.Series("when", [int(seconds * 1000)]),
    ]
    for column in columns:
        parts = encoder.encode(column.to_frame())
        assert parts["rows"].tolist() == [[1, 30, 32]]
        assert parts["values"].tolist() == [[0, 0]]


def test_one_moment_alone_and_none_at_all() -> None:
    one = fitted(Timestamp("when"), at(datetime(2024, 1, 1)))
    assert one.encode(at(datetime(2024, 1, 1)))["values"].tolist() == [[-1, 0]]
    none = fitted(Timestamp("when"), at(None))
    assert none.encode(at(datetime(2024, 1, 1)))["values"].tolist() == [[1, 0]]


def test_times_that_no_calendar_reaches_are_refused() -> None:
    encoder = fitted(Timestamp("when"), RANGE)
    for moment in (1.7e18, -1e300):
        with pytest.raises(DataError, match="'when' has a time that no calendar.*unit"):
            encoder.encode(pl.DataFrame({"when": [moment, None]}))


def test_a_zone_that_tables_do_not_know() -> None:
    with pytest.raises(DataError, match="time zone is not known: got 'Factory'"):
        fitted(Timestamp("when", zone="Factory"), RANGE).encode(RANGE)


def test_impossible_values_are_refused() -> None:
    for keys, message in (
        ({"parts": []}, "at least one"),
        ({"parts": ["hour", "hour"]}, "each once"),
        ({"zone": "Mars/Olympus"}, "zone: got 'Mars/Olympus'"),
        ({"zone": "../etc/passwd"}, "zone: got"),
        ({"parts": ["trend"], "table": "times"}, "hour, weekday and month have one"),
    ):
        with pytest.raises(RecipeError, match=message):
            Timestamp("when", **keys)  # pyright: ignore[reportArgumentType]  # that is the test
