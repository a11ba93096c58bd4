"""Which columns of events are which."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
import pytest

from turret.data.roles import guess_roles
from turret.errors import RecipeError

N = 60
USERS = [f"u{n % 12}" for n in range(N)]
ITEMS = [f"i{n % 7}" for n in range(N)]
START = datetime(2024, 1, 1)


def events(**columns: Sequence[object]) -> pl.DataFrame:
    return pl.DataFrame({"user_id": USERS, "item_id": ITEMS} | columns)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("user_id", "item_id"), (0, 1)),
        (("movieId", "userId"), (1, 0)),
        (("customer", "stock_code"), (0, 1)),
        (("ASIN", "reviewerID"), (1, 0)),
        # Without a name that says it, the one with more values asks.
        (("left", "right"), (0, 1)),
        (("key", "film"), (0, 1)),
    ],
)
def test_ids_by_name_and_then_by_values(names: tuple[str, str], expected: tuple[int, int]) -> None:
    roles = guess_roles(pl.DataFrame({names[0]: USERS, names[1]: ITEMS}))
    assert roles.query_id.column == names[expected[0]]
    assert roles.candidate_id.column == names[expected[1]]
    assert f"distinct values in {N} rows" in roles.query_id.why


def test_the_id_is_preferred_to_what_describes_it() -> None:
    frame = events(user_name=USERS, item_title=ITEMS).select(
        "user_name", "item_title", "user_id", "item_id"
    )
    roles = guess_roles(frame)
    assert (roles.query_id.column, roles.candidate_id.column) == ("user_id", "item_id")


def test_what_is_given_is_kept() -> None:
    roles = guess_roles(events(), query_id="item_id", candidate_id="nowhere", timestamp="never")
    assert (roles.query_id.column, roles.query_id.why) == ("item_id", "as you say")
    assert roles.candidate_id.column == "nowhere"
    assert roles.timestamp is not None and roles.timestamp.column == "never"


@pytest.mark.parametrize(
    ("name", "values", "unit"),
    [
        ("timestamp", [1_700_000_000 + n for n in range(N)], "s"),
        ("created_at", [1_700_000_000_000 + n for n in range(N)], "ms"),
        ("ts", [1_700_000_000_000_000 + n for n in range(N)], "us"),
        ("time", [1_700_000_000_000_000_000 + n for n in range(N)], "ns"),
        ("when", list(range(N)), "s"),
        ("bought", [START + timedelta(days=n) for n in range(N)], "s"),
        ("bought", [f"2024-01-{1 + n % 28:02}T00:00:00" for n in range(N)], "s"),
    ],
)
def test_times(name: str, values: Sequence[object], unit: str) -> None:
    role = guess_roles(events(**{name: values})).timestamp
    assert role is not None
    assert (role.column, role.unit) == (name, unit)


def test_no_time_is_invented() -> None:
    for values in (
        {"size": list(range(N))},
        {"time": [None, *range(1, N)]},
        {"time": [-5, *range(1, N)]},
        {"date": ["soon"] * N},
        {"date": ["soon", *["2024-01-01"] * (N - 1)]},
        {"time": [3] * N},
        {"time": [[1, 2]] * N},
    ):
        assert guess_roles(events(**values)).timestamp is None


def test_the_column_named_like_a_time_wins() -> None:
    dates = [START + timedelta(days=n) for n in range(N)]
    role = guess_roles(events(born=dates, date=dates)).timestamp
    assert role is not None and role.column == "date"


def test_ratings_and_weights() -> None:
    roles = guess_roles(events(stars=[1 + n % 5 for n in range(N)], quantity=list(range(1, N + 1))))
    assert roles.rating is not None and roles.weight is not None
    assert (roles.rating.column, roles.rating.condition) == ("stars", "stars >= 3")
    assert (roles.weight.column, roles.weight.why) == ("quantity", "numbers from 1 to 60")
    none = guess_roles(
        events(
            score=[n / 7 for n in range(N)],
            count=[-1, *range(1, N)],
            amount=[None, *range(1, N)],
            weight=[0] * N,
        )
    )
    assert (none.rating, none.weight) == (None, None)


def test_a_rating_without_a_value_is_none() -> None:
    empty = events().with_columns(rating=pl.lit(None, dtype=pl.Float64))
    assert guess_roles(empty).rating is None


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"user": USERS}),
        pl.DataFrame({"a": [0.5] * N, "b": [True] * N}),
        pl.DataFrame({"user": USERS, "row": list(range(N))}),
    ],
)
def test_without_two_ids_it_asks(frame: pl.DataFrame) -> None:
    with pytest.raises(RecipeError, match="--query-id and --candidate-id"):
        guess_roles(frame)
