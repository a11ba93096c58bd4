from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turret.data.dataset import Dataset
from turret.data.sources import load
from turret.data.writing import interactions_table, write_tables
from turret.errors import DataError
from turret.recipe.data import Data

EVENTS = pl.DataFrame(
    {
        "user": ["b", "a", "b"],
        "item": ["7", "8", "8"],
        "when": [3, 1, 2],
        "stars": [1.0, 2.0, 0.5],
        "country": ["NL", "PL", "NL"],
    }
)


def dataset() -> Dataset:
    return Dataset.from_frames(
        EVENTS, query_id="user", candidate_id="item", timestamp="when", weight="stars"
    )


def test_events_as_ids() -> None:
    table = interactions_table(dataset())
    assert table.columns == ["user", "item", "timestamp", "weight"]
    assert table.rows() == [("b", "7", 3.0, 1.0), ("a", "8", 1.0, 2.0), ("b", "8", 2.0, 0.5)]


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "tables"
    paths = write_tables(dataset(), folder)
    assert [path.name for path in paths] == [
        "interactions.parquet",
        "queries.parquet",
        "candidates.parquet",
    ]
    assert sorted(folder.iterdir()) == sorted(paths)
    again = load(
        Data(
            files=str(paths[0]),
            query_id="user",
            candidate_id="item",
            timestamp="timestamp",
            weight="weight",
            queries=str(paths[1]),
            candidates=str(paths[2]),
        )
    )
    assert again.queries.equals(dataset().queries)
    assert again.candidates.equals(dataset().candidates)
    assert again.fingerprint() == dataset().fingerprint()
    assert again.interactions.timestamp is not None
    np.testing.assert_array_equal(again.interactions.timestamp, [3.0, 1.0, 2.0])


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written to"):
        write_tables(dataset(), tmp_path / "file" / "tables")
