import polars as pl
import pytest

from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.data.encoders.tower import TowerEncoder
from turret.errors import DataError
from turret.recipe.features.categorical import Categorical
from turret.recipe.towers import Tower, TwoTower

EVENTS = pl.DataFrame(
    {
        "user": ["u1", "u1", "u2", "u3", "u3"],
        "last": ["a", "a", "c", "x", "x"],
        "item": ["a", "b", "b", "c", "b"],
    }
)


def dataset(events: pl.DataFrame = EVENTS) -> Dataset:
    return Dataset.from_frames(events, query_id="user", candidate_id="item")


def ids(encoder: TowerEncoder, column: str) -> list[str]:
    return encoder.vocabularies[encoder.tables[column]].ids.to_list()


def two_towers(query: list[Categorical], candidate: list[Categorical]) -> TwoTower:
    return TwoTower(query=Tower(query), candidate=Tower(candidate))


def test_only_training_rows_are_looked_at():
    whole = dataset()
    train = whole.with_interactions(whole.interactions.take(whole.interactions.query_row[:3] * 0))
    queries, candidates = fit_encoders(
        two_towers([Categorical("user")], [Categorical("item")]), train
    )
    assert ids(queries, "user") == ["u1"]
    assert ids(candidates, "item") == ["a"]
    assert candidates.encode(whole.candidates)["item/rows"].tolist() == [1, 0, 0]


def test_a_shared_table_shares_its_vocabulary():
    config = two_towers(
        [Categorical("user"), Categorical("last", table="item")],
        [Categorical("item", table="item")],
    )
    queries, candidates = fit_encoders(config, dataset())
    assert queries.tables == {"user": "query/user", "last": "item"}
    assert ids(queries, "last") == ids(candidates, "item") == ["a", "b", "c", "x"]
    assert queries.num_rows == {"query/user": 4, "item": 5}


def test_counts_are_counts_of_interactions():
    config = two_towers([Categorical("user", min_count=2)], [Categorical("item", max_size=1)])
    queries, candidates = fit_encoders(config, dataset())
    assert ids(queries, "user") == ["u1", "u3"]
    assert ids(candidates, "item") == ["b"]


def test_known_if_any_feature_is():
    config = two_towers([Categorical("user"), Categorical("last")], [Categorical("item")])
    encoder, _ = fit_encoders(config, dataset())
    encoded = encoder.encode(
        pl.DataFrame({"user": ["u1", "new", "new", None], "last": ["new", "a", "new", None]})
    )
    assert encoded["user/rows"].tolist() == [1, 0, 0, 0]
    assert encoder.known(encoded).tolist() == [True, True, False, False]


def test_a_column_that_is_not_there():
    config = two_towers([Categorical("country")], [Categorical("item")])
    with pytest.raises(DataError, match=r"query table does not have.*country.*user, last"):
        fit_encoders(config, dataset())
    encoder, _ = fit_encoders(two_towers([Categorical("user")], [Categorical("item")]), dataset())
    with pytest.raises(DataError, match="'user' too"):
        encoder.encode(pl.DataFrame({"name": ["u1"]}))
