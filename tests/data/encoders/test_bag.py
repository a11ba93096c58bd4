import numpy as np
import polars as pl
import pytest
from contracts.feature_contract import FeatureContract, embedded, fitted

from turret.errors import DataError, RecipeError
from turret.recipe.features.bag import Bag

GENRES = pl.DataFrame({"genres": [["Drama", "War"], ["Comedy"], None, []]})


class TestBag(FeatureContract):
    feature = Bag("genres", length=3)
    train = GENRES
    met = pl.DataFrame({"genres": [["War"], ["Drama", "unseen", None, "Comedy"]]})
    unmet = pl.DataFrame({"genres": [["unseen"], [], None, [None]]})
    refused = pl.DataFrame({"genres": ["Drama"]})


class TestTextWithASeparator(FeatureContract):
    feature = Bag("genres", separator="|", pooling="mean")
    train = pl.DataFrame({"genres": ["Drama | War", "Comedy", None]})
    met = pl.DataFrame({"genres": ["War|", "Comedy|Drama"]})
    unmet = pl.DataFrame({"genres": ["Drama War", "", "|", None]})
    refused = pl.DataFrame({"genres": [3.5]})

    def test_lists_are_read_as_well(self) -> None:
        lists = pl.DataFrame({"genres": [["War"], ["Comedy", "Drama"]]})
        text, listed = (self.encoder().encode(frame)["rows"] for frame in (self.met, lists))
        np.testing.assert_array_equal(text, listed)


class TestWeights(FeatureContract):
    feature = Bag("tags", weights="counts", pooling="sum")
    train = pl.DataFrame({"tags": [["a", "b"], ["c"]], "counts": [[1.0, 2.0], [1.0]]})
    met = pl.DataFrame({"tags": [["a", "c"], ["b"]], "counts": [[0.5, -1.0], [2.0]]})
    unmet = pl.DataFrame(
        {"tags": [["x"], [], None], "counts": [[1.0], [], None]}, schema=met.schema
    )
    refused = pl.DataFrame({"tags": ["a"], "counts": [[1.0]]})

    @pytest.mark.parametrize(
        ("pooling", "divisor"), [("sum", 1.0), ("mean", 5.0), ("sqrtn", np.sqrt(13.0))]
    )
    def test_known_answers(self, pooling: str, divisor: float) -> None:
        feature = Bag("tags", weights="counts", pooling=pooling)  # pyright: ignore[reportArgumentType]  # one of the three
        rows = pl.DataFrame({"tags": [["b", "x", "a"]], "counts": [[2.0, 9.0, -3.0]]})
        encoder = fitted(feature, self.train)
        parts = encoder.encode(rows)
        assert parts["rows"][0, :3].tolist() == [2, 1, -1]
        np.testing.assert_allclose(parts["weights"][0, :2], [2 / divisor, -3 / divisor], rtol=1e-6)
        table = np.random.default_rng(0).normal(size=(4, 4))
        expected = (2 * table[2] - 3 * table[1]) / divisor
        np.testing.assert_allclose(embedded(encoder, rows)[0], expected, rtol=1e-5)

    def test_what_does_not_fit_is_refused(self) -> None:
        encoder = self.encoder()
        for counts, message in (
            (
                [[1.0], [1.0]],
                r"'tags' and 'counts' differ in how many they hold: got '2 values and 1 weights'",
            ),
            ([[1.0, None], [1.0]], "weight that is missing or not finite"),
            ([[1.0, float("inf")], [1.0]], "weight that is missing or not finite"),
            ([["one", "two"], ["three"]], "'counts' cannot weigh values"),
        ):
            with pytest.raises(DataError, match=message):
                encoder.encode(pl.DataFrame({"tags": [["a", "b"], ["c"]], "counts": counts}))


def test_values_without_weights_weigh_alike() -> None:
    encoder = fitted(TestWeights.feature, TestWeights.train)
    rows = pl.DataFrame({"tags": [["a", "b"], ["c"]], "counts": [None, [3.0]]})
    assert encoder.encode(rows)["weights"][:, :2].tolist() == [[1, 1], [3, 0]]


def test_weights_beyond_what_squares_hold() -> None:
    feature = Bag("tags", weights="counts", length=2)
    rows = pl.DataFrame({"tags": [["a", "b"]], "counts": [[3e30, 4e30]]})
    weights = fitted(feature, rows).encode(rows)["weights"]
    np.testing.assert_allclose(weights, [[0.6, 0.8]], rtol=1e-6)


def test_categories_are_text() -> None:
    column = pl.Series("genres", ["Drama|War", "War"], dtype=pl.Categorical).to_frame()
    rows = fitted(Bag("genres", separator="|", length=2), column).encode(column)["rows"]
    assert rows.tolist() == [[1, 2], [2, -1]]


def test_the_first_known_values_are_read() -> None:
    encoder = fitted(Bag("genres", length=2, pooling="sum"), GENRES)
    frame = pl.DataFrame({"genres": [["x", "War", "War", "Drama"]]})
    assert encoder.encode(frame)["rows"].tolist() == [[3, 3]]


def test_text_without_a_separator_says_what_to_do() -> None:
    with pytest.raises(DataError, match="holds no lists.*say which `separator`"):
        fitted(Bag("genres"), pl.DataFrame({"genres": ["Drama|War"]}))


def test_impossible_values_are_refused() -> None:
    for wrong in ({"separator": ""}, {"length": 0}):
        with pytest.raises(RecipeError, match=next(iter(wrong))):
            Bag("genres", **wrong)  # pyright: ignore[reportArgumentType]  # that is the test


def test_rare_values_are_passed_over() -> None:
    encoder = fitted(Bag("genres", min_count=2), pl.concat([GENRES, GENRES[:1]]))
    assert encoder.state()["id"].to_list() == ["Drama", "War"]
