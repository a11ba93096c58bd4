from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bundles import QUERIES, by_country, by_id

from turret.errors import DataError
from turret.recommender.bulk import SUFFIXES, recommend_all
from turret.recommender.recommender import Recommender


@pytest.mark.parametrize("block", [7, 40, 1000])
def test_every_query_is_answered_as_alone(tmp_path: Path, block: int) -> None:
    recommender = Recommender(by_id())
    path = tmp_path / "all.parquet"
    assert recommend_all(recommender, path, k=4, exclude_seen=True, block=block) == QUERIES
    table = pl.read_parquet(path)
    assert dict(table.schema) == {
        "user": pl.String,
        "rank": pl.Int32,
        "film": pl.String,
        "score": pl.Float32,
        "fallback": pl.Boolean,
    }
    ids = recommender.queries["user"].to_list()
    assert table["user"].unique(maintain_order=True).to_list() == ids
    for user, answers in table.group_by("user", maintain_order=True):
        hits = recommender.recommend({"user": [user[0]]}, 4, exclude_seen=True)
        assert answers["rank"].to_list() == [1, 2, 3, 4]
        assert answers["film"].to_list() == hits.ids[0].tolist()
        np.testing.assert_allclose(answers["score"].to_numpy(), hits.scores[0], rtol=1e-6)
        assert answers["fallback"].to_list() == [user[0] == "39"] * 4


def test_lists_are_as_long_as_there_are_answers(tmp_path: Path) -> None:
    recommender = Recommender(by_country())
    recommend_all(recommender, tmp_path / "all.parquet", k=500, exclude_seen=True)
    table = pl.read_parquet(tmp_path / "all.parquet")
    hits = recommender.recommend(recommender.queries, 500, exclude_seen=True)
    assert table.group_by("user", maintain_order=True).len()["len"].to_list() == list(hits.counts)


def test_every_format_holds_the_same(tmp_path: Path) -> None:
    recommender = Recommender(by_id())
    readers = {".parquet": pl.read_parquet, ".csv": pl.read_csv}
    tables: list[pl.DataFrame] = []
    for suffix in SUFFIXES:
        path = tmp_path / f"all{suffix}"
        recommend_all(recommender, path, k=2, block=9)
        table = readers.get(suffix, pl.read_ndjson)(path)
        tables.append(table.select(pl.col("user").cast(pl.String), "film", "rank", "fallback"))
    for table in tables[1:]:
        assert table.rows() == tables[0].rows()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"all{suffix}" for suffix in SUFFIXES
    )


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("old")
    done: list[int] = []

    def stop(queries: int) -> None:
        done.append(queries)
        if queries >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recommend_all(Recommender(by_id()), path, k=2, block=10, progress=stop)
    assert done == [10, 20]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    recommender = Recommender(by_id())
    with pytest.raises(DataError, match=r"names no format: got '.xls', expected .parquet or"):
        recommend_all(recommender, tmp_path / "all.xls")
    with pytest.raises(DataError, match="does not exist"):
        recommend_all(recommender, tmp_path / "none" / "all.csv")
