"""What the columns of a bundle are called and spelled as in an exported model."""

import keyword

import polars as pl
import pytest
from bundles import model

from turret.data.dataset import Dataset
from turret.export.columns import columns_of
from turret.export.display import shown

# Names as data have them; two that differ in case alone are one to TensorFlow.
NAMES = ("user", "from", "self", "age", "AGE", "K", "movie title", "1st", "ü", "from_")


def test_inputs_have_names_that_python_and_tensorflow_take() -> None:
    queries = {name: ["a", "b"] for name in NAMES}
    data = Dataset.from_frames(
        {"user": ["a", "b"], "film": ["x", "y"]},
        query_id="user",
        candidate_id="film",
        queries=queries,
    )
    trained = model(data, query=NAMES)
    columns = columns_of("user", trained.query_encoder, data.queries)
    found = {column.name: column.input for column in columns}
    assert found == {
        "user": "user",
        "from": "from_",
        "self": "self_",
        "age": "age",
        "AGE": "AGE_",
        "K": "K_",
        "movie title": "movie_title",
        "1st": "column_1st",
        "ü": "column__",
        "from_": "from__",
    }
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in found.values())


@pytest.mark.parametrize(
    ("column", "want"),
    [
        (pl.Series([1, 2], dtype=pl.UInt8), [1, 2]),
        (pl.Series([2**63 - 1, -(2**63)]), [2**63 - 1, -(2**63)]),
        (pl.Series([2**63, 1], dtype=pl.UInt64), ["9223372036854775808", "1"]),
        (pl.Series([2**64 - 1, None], dtype=pl.UInt64), ["18446744073709551615", ""]),
        (pl.Series([True, None]), ["true", ""]),
        (pl.Series(['a"', None]), ['a"', ""]),
    ],
)
def test_how_candidates_are_shown(column: pl.Series, want: list[object]) -> None:
    assert shown(column).tolist() == want
