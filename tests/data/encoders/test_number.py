import numpy as np
import polars as pl
import pytest
from contracts.feature_contract import FeatureContract, fitted

from turret.errors import DataError, RecipeError
from turret.recipe.features.number import Number

NAN, INF = float("nan"), float("inf")
PRICES = pl.DataFrame({"price": [1.0, 3.0, None, NAN, 8.0]})


class TestStandard(FeatureContract):
    feature = Number("price")
    train = PRICES
    met = pl.DataFrame({"price": [1.0, -4.0, 1e300]})
    unmet = pl.DataFrame({"price": [None, NAN, INF, -INF]})
    refused = pl.DataFrame({"price": [[1.0]]})


class TestLog(TestStandard):
    feature = Number("price", encoding="log")


class TestBuckets(TestStandard):
    feature = Number("price", encoding="buckets", buckets=2)
    met = pl.DataFrame({"price": [1.0, 4.0]})


class TestEdges(TestStandard):
    feature = Number("price", encoding="buckets", edges=[0, 2.5])
    met = pl.DataFrame({"price": [-1.0, 2.0, 2.5]})

    def test_an_edge_belongs_to_the_next_range(self) -> None:
        numbers = pl.DataFrame({"price": [-0.5, 0.0, 2.4, 2.5, 99.0, None]})
        assert self.encoder().encode(numbers)["rows"].tolist() == [1, 2, 2, 3, 3, 0]


class TestPeriodic(TestStandard):
    feature = Number("price", encoding="periodic", period=24)
    met = pl.DataFrame({"price": [0.0, 6.0, -6.0]})

    def test_sines_and_cosines_of_a_day(self) -> None:
        values = self.encoder().encode(pl.DataFrame({"price": [0.0, 6.0, 27.0, None]}))["values"]
        root = np.sqrt(0.5)
        expected = [
            [0, 1, 0, 1, 0],
            [1, 0, 0, -1, 0],
            [root, root, 1, 0, 0],
            [0, 0, 0, 0, 1],
        ]
        np.testing.assert_allclose(values, expected, atol=1e-6)


def values(feature: Number, train: list[float], numbers: list[float | None]) -> list[list[float]]:
    encoder = fitted(feature, pl.DataFrame({"price": train}))
    return encoder.encode(pl.DataFrame({"price": numbers}))["values"].tolist()


def test_mean_0_and_deviation_1_and_a_flag_for_what_is_missing() -> None:
    assert values(Number("price"), [1.0, 3.0], [1.0, 4.0, None, NAN]) == [
        [-1, 0],
        [2, 0],
        [0, 1],
        [0, 1],
    ]


def test_the_logarithm_is_odd() -> None:
    encoder = fitted(Number("price", encoding="log"), pl.DataFrame({"price": [-9.0, 9.0]}))
    got = encoder.encode(pl.DataFrame({"price": [-9, 0, 9]}))["values"][:, 0]
    np.testing.assert_allclose(got, [-1, 0, 1], atol=1e-7)


def test_one_number_alone_and_none_at_all() -> None:
    assert values(Number("price"), [0.1] * 7, [0.1, 1.1]) == [[0, 0], [1, 0]]
    empty = fitted(Number("price"), pl.DataFrame({"price": [None]}, schema={"price": pl.Float64}))
    assert empty.encode(pl.DataFrame({"price": [2.0]}))["values"].tolist() == [[2, 0]]
    bucketed = Number("price", encoding="buckets")
    for train in ([None], [5.0, 5.0]):
        encoder = fitted(bucketed, pl.DataFrame({"price": train}, schema={"price": pl.Float64}))
        assert encoder.encode(pl.DataFrame({"price": [5.0, None]}))["rows"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("train", "wanted"),
    [
        ([1e308, -1e308], [1, -1]),
        ([0.0, 2e-200], [-1, 1]),
        ([1e200, -1e200, 0.0], [1.2247, -1.2247, 0]),
    ],
)
def test_sizes_beyond_what_squares_hold(train: list[float], wanted: list[float]) -> None:
    got = np.array(values(Number("price"), train, list(train)))[:, 0]
    np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_a_number_stands_no_farther_than_a_million_deviations() -> None:
    assert values(Number("price"), [1.0, 3.0], [1e300, -1e300]) == [[1e6, 0], [-1e6, 0]]


def test_quantiles_hold_as_many_rows_each() -> None:
    numbers = pl.DataFrame({"price": np.random.default_rng(0).lognormal(size=1000)})
    encoder = fitted(Number("price", encoding="buckets", buckets=4), numbers)
    assert np.bincount(encoder.encode(numbers)["rows"]).tolist() == [0, 250, 250, 250, 250]


def test_ranges_that_would_be_empty_are_left_out() -> None:
    encoder = fitted(
        Number("price", encoding="buckets", buckets=4), pl.DataFrame({"price": [0] * 9 + [1]})
    )
    assert encoder.encode(pl.DataFrame({"price": [0, 1]}))["rows"].tolist() == [1, 1]
    assert encoder.num_rows == 2


def test_text_that_holds_numbers_is_read_and_other_text_is_not() -> None:
    encoder = fitted(Number("price"), pl.DataFrame({"price": [1.0, 3.0]}))
    assert encoder.encode(pl.DataFrame({"price": ["4"]}))["values"].tolist() == [[2, 0]]
    with pytest.raises(DataError, match="'price' has text that is no number: got 'cheap'"):
        encoder.encode(pl.DataFrame({"price": ["4", "cheap"]}))


def test_impossible_values_are_refused() -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({"buckets": 1}, "buckets: got 1"),
        ({"edges": [1.0]}, "none unless encoding"),
        ({"encoding": "buckets", "edges": [2.0, 1.0]}, "each above the one before"),
        ({"encoding": "buckets", "edges": [NAN]}, "finite numbers"),
        ({"encoding": "periodic"}, "period: expected a number"),
        ({"period": 7.0}, "none unless encoding"),
        ({"encoding": "periodic", "period": 0.0}, "period: got 0.0"),
        ({"harmonics": 0}, "harmonics: got 0"),
        ({"table": "prices"}, "'price': table, but it has no table.*buckets"),
        ({"learning_rate": 0.5}, "learning_rate, but it has no table"),
    ]
    for keys, message in wrong:
        with pytest.raises(RecipeError, match=message):
            Number("price", **keys)  # pyright: ignore[reportArgumentType]  # that is the test
