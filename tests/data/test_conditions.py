from pathlib import Path

import polars as pl
import pytest

from turret.data.conditions import condition_columns, fulfilled
from turret.errors import DataError

TABLE = pl.DataFrame(
    {
        "genre": ["Drama", "Select comedies", None],
        "year": [1990, 2000, None],
        "tags": [["a"], ["b"], []],
    }
)


def test_columns_named() -> None:
    assert condition_columns("year > 3 and genre in ('a', 'year')", what="It") == ["genre", "year"]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("genre = 'Drama' and year >= 1990", [True, False, False]),
        ("genre LIKE 'S%' or year is null", [False, True, True]),
        ("not (year = 1990)", [False, True, False]),
        ("genre = 'Select comedies'", [False, True, False]),
        ("genre = '(from it''s (select'", [False, False, False]),
        ('"year" in (1990, 2001)', [True, False, False]),
        ("array_contains(tags, 'a')", [True, False, False]),
    ],
)
def test_rows_that_fulfil(condition: str, kept: list[bool]) -> None:
    assert fulfilled(TABLE, condition, what="It").tolist() == kept


@pytest.mark.parametrize(
    "condition",
    [
        "year > (select max(x) from read_csv('{file}'))",
        "year > ( SELECT 1)",
        "year in (from '{file}')",
        "year in (/* ' */ select * from read_csv('{file}') /* ' */)",
        "genre = E'\\'' || (select x from read_csv('{file}')) || ''",
        "genre = $$'$$ || (select x from read_csv('{file}')) || $$'$$",
        "genre = `'` or year = (select x from read_csv('{file}')) or genre = `'`",
        "year = (table t)",
        "year = (values (1))",
    ],
)
def test_a_query_inside_is_refused_before_any_file_is_read(condition: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("x\n1\n")
    with pytest.raises(DataError, match="It holds a query of its own"):
        fulfilled(TABLE, condition.format(file=file), what="It")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("year >=", "It cannot be read"),
        ('genre = "Drama"', "not there: got 'Drama'.*single quotes"),
        ("yer > 1", "Did you mean 'year'"),
        ("year + 1", "neither true nor false"),
        ("max(year) > 1", "neither true nor false"),
        ("genre > 5", "does not fit the columns"),
    ],
)
def test_what_is_no_condition_is_refused(condition: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fulfilled(TABLE, condition, what="It")
