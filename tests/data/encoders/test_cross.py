import polars as pl
import pytest
from contracts.feature_contract import FeatureContract, fitted

from turret.errors import RecipeError
from turret.recipe.features.cross import Cross


class TestCross(FeatureContract):
    feature = Cross(["country", "month"], hash_buckets=4096)
    train = pl.DataFrame({"country": ["NO", "NO", "SE", None], "month": [1, 2, 1, 2]})
    met = pl.DataFrame({"country": ["NO", "SE", None], "month": [2, 1, 2]})
    unmet = pl.DataFrame({"country": ["SE", "NO", None], "month": [2, 3, None]})
    refused = pl.DataFrame({"country": [["NO"]], "month": [1]})

    def test_order_tells_and_neighbours_do_not_run_together(self) -> None:
        train = pl.DataFrame({"country": ["a", "b", "ab", "a"], "month": ["b", "a", "c", "bc"]})
        rows = fitted(self.feature, train).encode(train)["rows"]
        assert len({tuple(row) for row in rows.tolist()}) == 4


def test_impossible_values_are_refused() -> None:
    with pytest.raises(RecipeError, match="two or more, each once"):
        Cross(["country"])
    with pytest.raises(RecipeError, match="two or more, each once"):
        Cross(["country", "country"])
    with pytest.raises(RecipeError, match="hash_buckets: got 0"):
        Cross(["a", "b"], hash_buckets=0)
