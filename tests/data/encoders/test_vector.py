import numpy as np
import polars as pl
import pytest
from contracts.feature_contract import FeatureContract, fitted

from turret.errors import DataError
from turret.recipe.features.vector import Vector

COVERS = pl.DataFrame({"cover": [[3.0, 4.0], None, [0.0, 0.0]]})


class TestVector(FeatureContract):
    feature = Vector("cover")
    train = COVERS
    met = pl.DataFrame({"cover": [[1.0, 2.0], [0.0, 0.0]]})
    unmet = pl.DataFrame({"cover": [None, None]}, schema=met.schema)
    refused = pl.DataFrame({"cover": ["1,2"]})


class TestNormalized(TestVector):
    feature = Vector("cover", normalize=True)


class TestArrays(TestVector):
    train = COVERS.cast({"cover": pl.Array(pl.Float32, 2)})


def test_over_the_root_mean_square_of_the_training_rows() -> None:
    # The mean of 9, 16, 0 and 0 is 6.25.
    values = fitted(Vector("cover"), COVERS).encode(COVERS)["values"]
    np.testing.assert_allclose(values, [[1.2, 1.6, 0], [0, 0, 1], [0, 0, 0]], rtol=1e-6)


def test_length_1_first() -> None:
    values = fitted(Vector("cover", normalize=True), COVERS).encode(COVERS)["values"]
    # The mean of 0.36, 0.64, 0 and 0 is 0.25.
    np.testing.assert_allclose(values, [[1.2, 1.6, 0], [0, 0, 1], [0, 0, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0, 2.0], [1.0]], "another width: got 1, expected 2 numbers"),
        ([[1.0, 2.0], []], "another width: got 0"),
        ([None, [1.0, None]], "missing or not finite: got .*nan"),
        ([[1.0, float("nan")]], "missing or not finite"),
        ([[1.0, float("inf")]], "missing or not finite"),
        ([["a", "b"]], "holds no numbers"),
    ],
)
def test_what_is_no_vector_is_refused(rows: list[object], message: str) -> None:
    encoder = fitted(Vector("cover"), COVERS)
    with pytest.raises(DataError, match=message):
        encoder.encode(pl.DataFrame({"cover": rows}))


def test_a_training_part_without_a_vector_is_refused() -> None:
    with pytest.raises(DataError, match="no vector in the training rows"):
        fitted(Vector("cover"), COVERS[1:2])
    with pytest.raises(DataError, match="no vector in the training rows"):
        fitted(Vector("cover"), pl.DataFrame({"cover": [[], []]}, schema=COVERS.schema))


def test_sizes_beyond_what_squares_hold() -> None:
    large = pl.DataFrame({"cover": [[3e30, 4e30], [3e-30, 4e-30]]})
    values = fitted(Vector("cover", normalize=True), large).encode(large)["values"]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-5)
    far = fitted(Vector("cover"), pl.DataFrame({"cover": [[1e-3, 1e-3]]}))
    assert far.encode(pl.DataFrame({"cover": [[3e38, 0.0]]}))["values"].tolist() == [[1e6, 0, 0]]


def test_text_that_holds_numbers_is_read() -> None:
    values = fitted(Vector("cover"), COVERS).encode(pl.DataFrame({"cover": [["3", "4"]]}))["values"]
    np.testing.assert_allclose(values, [[1.2, 1.6, 0]], rtol=1e-6)
