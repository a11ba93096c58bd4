"""What columns look like."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from turret.data.profiling import looks_like, words_of

N = 200
RNG = np.random.default_rng(0)
NOUNS = [f"noun{number}" for number in range(40)]
TITLES = [" ".join(RNG.choice(NOUNS, size=5)) for _ in range(N)]


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        (pl.Series("genres", [["a"], ["a", "b"], []] * 9), "bag", "lists of 1.0 values, 2 dis"),
        (pl.Series("tags", [[1, 2], [3]] * 9), "bag", "lists of 1.5 values, 3 distinct"),
        (pl.Series("vector", [[0.5, 1.0, 2.0]] * 9), "vector", "3 numbers in each row"),
        (
            pl.Series("vector", [[0.5, 1.0]] * 9, dtype=pl.Array(pl.Float32, 2)),
            "vector",
            "2 numbers in each row",
        ),
        (pl.Series("odd", [[0.5], [1.0, 2.0]]), None, "differ in length"),
        (pl.Series("born", [date(2000, 1, 1), date(2001, 1, 1)]), "timestamp", "2000-01-01 to"),
        (pl.Series("at", [datetime(2000, 1, 1), None, datetime(2001, 1, 1)]), "timestamp", "times"),
        (pl.Series("at", ["2024-01-02", "2024-03-04"]), "timestamp", "written as text"),
        (pl.Series("at", ["2024-01-02", "soon"] * 9), "categorical", "2 distinct values"),
        (pl.Series("price", [n / 4 for n in range(N)]), "number", "numbers from 0 to 49.75"),
        (pl.Series("price", [0.5, 1.5] * 9), "number", "numbers from 0.5 to 1.5"),
        (pl.Series("price", [float("nan"), 1.5, 2.5] * 9), "number", "numbers from 1.5 to 2.5"),
        (pl.Series("age", list(range(N))), "number", "numbers from 0 to 199"),
        (pl.Series("age", [1, 2, 3] * 9), "categorical", "only 3 distinct whole numbers"),
        (pl.Series("zipCode", list(range(N))), "categorical", "named like a code"),
        (pl.Series("is_new", [True, False] * 9), "categorical", "2 distinct values"),
        (pl.Series("country", ["NL"] * 6 + ["PL"] * 3), "categorical", "such as 'NL', 'PL'"),
        (pl.Series("city", ["A", "B"] * 9, dtype=pl.Categorical), "categorical", "2 distinct"),
        (pl.Series("title", TITLES), "text", "5 words on average"),
        (pl.Series("name", [f"name {n}" for n in range(N)]), None, "almost every row"),
        (
            pl.Series("tags", [f"{a}|{b}" for a in NOUNS[:6] for b in NOUNS[6:12]]),
            "bag",
            "values joined by '|', 12 distinct, such as 'noun0|noun6'",
        ),
        (pl.Series("one", ["a", "a", None]), None, "the one value 'a'"),
        (pl.Series("none", [None, None], dtype=pl.String), None, "it has no value"),
        (pl.Series("none", [float("nan")] * 3), None, "it has no value"),
        (pl.Series("none", [], dtype=pl.Int64), None, "it has no value"),
        (pl.Series("empty", [[], []], dtype=pl.List(pl.String)), None, "without a value"),
        (pl.Series("pair", [{"a": 1}, {"a": 2}]), None, "reads the type Struct"),
        (pl.Series("for", [datetime(2000, 1, 1) - datetime(1999, 1, 1)] * 2), None, "one value"),
    ],
    ids=lambda value: value.name if isinstance(value, pl.Series) else None,
)
def test_what_columns_look_like(values: pl.Series, kind: str | None, why: str) -> None:
    looks = looks_like(values)
    assert looks.kind == kind, looks
    assert why in looks.why


def test_a_bag_that_is_written_as_text_names_its_separator() -> None:
    values = pl.Series("tags", ["a;b", "b;c", "a;c", "a;b;c"] * 5)
    assert looks_like(values).keys == {"separator": ";", "length": 3}
    # Names that hold a comma are no bags.
    names = pl.Series("title", [f"Tale {n}, The" for n in range(N)])
    assert looks_like(names).kind == "text"


def test_numbers_of_which_few_are_large_are_read_by_their_logarithm() -> None:
    assert looks_like(pl.Series("price", np.exp(RNG.normal(size=N) * 2))).keys == {
        "encoding": "log"
    }
    assert looks_like(pl.Series("price", RNG.normal(size=N))).keys == {}


def test_room_for_the_longest_bag_unless_it_is_far_longer() -> None:
    bags = [["a", "b", "c"]] * 99
    assert looks_like(pl.Series("tags", [*bags, ["a"] * 5])).keys == {"length": 5}
    assert looks_like(pl.Series("tags", [*bags, ["a"] * 500])).keys == {"length": 6}


def test_words_of_names() -> None:
    assert words_of("customerID") == {"customer", "id"}
    assert words_of("X-user_ID 2") == {"x", "user", "id", "2"}
    assert words_of("Größe") == {"größe"}
