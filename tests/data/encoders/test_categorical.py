import numpy as np
import polars as pl
import pytest
from contracts.feature_contract import FeatureContract, fitted

from turret.data.hashing import bucket_rows, text_hashes
from turret.errors import RecipeError
from turret.recipe.features.categorical import Categorical

CITIES = pl.DataFrame({"city": ["Oslo", "Bergen", "Oslo", "Ålesund"]})


class TestCategorical(FeatureContract):
    feature = Categorical("city")
    train = CITIES
    met = pl.DataFrame({"city": ["Oslo", "Ålesund"]})
    unmet = pl.DataFrame({"city": ["Bodø", "", None]})
    refused = pl.DataFrame({"city": [["Oslo"]]})


class TestOutOfVocabularyBuckets(TestCategorical):
    feature = Categorical("city", oov_buckets=3)

    def test_the_unseen_share_rows_by_their_hash(self) -> None:
        encoder = self.encoder()
        assert encoder.num_rows == 3 + 3
        unseen = pl.Series("city", [f"town {number}" for number in range(300)])
        rows = encoder.encode(unseen.to_frame())["rows"]
        # The first bucket is row 0, the others stand behind the three cities.
        bucket = bucket_rows(text_hashes(unseen), buckets=3, seed=0)
        assert rows.tolist() == [{1: 0, 2: 4, 3: 5}[int(one)] for one in bucket]
        assert all(np.bincount(rows, minlength=6)[[0, 4, 5]] > 60)

    def test_a_missing_value_has_row_0(self) -> None:
        assert self.encoder().encode(pl.DataFrame({"city": [None]}))["rows"].tolist() == [0]


class TestHashes(TestCategorical):
    feature = Categorical("city", hash_buckets=1000)

    def test_a_value_has_two_rows_and_the_unmet_row_0(self) -> None:
        rows = self.encoder().encode(pl.DataFrame({"city": ["Oslo", "Bodø", None]}))["rows"]
        own = [
            bucket_rows(text_hashes(pl.Series(["Oslo"])), buckets=1000, seed=seed)[0]
            for seed in (0, 1)
        ]
        assert rows.tolist() == [own, [0, 0], [0, 0]]


def test_numbers_and_text_are_one_id() -> None:
    for feature in (Categorical("n"), Categorical("n", hash_buckets=64)):
        encoder = fitted(feature, pl.DataFrame({"n": [7, 8]}))
        numbers, text = (
            encoder.encode(pl.DataFrame({"n": values}))["rows"] for values in ([7, 9], ["7", "9"])
        )
        np.testing.assert_array_equal(numbers, text)


def test_impossible_values_are_refused() -> None:
    with pytest.raises(RecipeError, match="oov_buckets: got 0"):
        Categorical("city", oov_buckets=0)
    with pytest.raises(RecipeError, match="hash_buckets: got 0"):
        Categorical("city", hash_buckets=0)
    with pytest.raises(RecipeError, match="hash_buckets beside min_count"):
        Categorical("city", hash_buckets=8, min_count=2)
