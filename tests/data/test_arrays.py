from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turret.data import sources
from turret.data.arrays import with_arrays
from turret.errors import DataError, RecipeError
from turret.recipe.data import Data

TABLE = pl.DataFrame({"item": ["b", "a", "c"]})


def write(path: Path, values: object) -> str:
    np.save(path, np.asarray(values))
    return str(path)


def test_row_by_row(tmp_path: Path) -> None:
    path = write(tmp_path / "v.npy", np.arange(6, dtype=np.float64).reshape(3, 2))
    assert with_arrays(TABLE, {"v": path})["v"].to_list() == [[0, 1], [2, 3], [4, 5]]
    whole = write(tmp_path / "w.npy", np.arange(3).reshape(3, 1))
    assert with_arrays(TABLE, {"w": whole})["w"].to_list() == [[0], [1], [2]]


def test_a_recipe_joins_them_to_its_table(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["u", "u"], "item": ["a", "b"]}).write_csv(tmp_path / "events.csv")
    TABLE.write_csv(tmp_path / "items.csv")
    data = Data(
        files=str(tmp_path / "events.csv"),
        query_id="user",
        candidate_id="item",
        candidates=str(tmp_path / "items.csv"),
        candidate_arrays={"cover": write(tmp_path / "v.npy", np.arange(6.0).reshape(3, 2))},
    )
    found = sources.load(data).candidates
    assert dict(zip(found["item"], found["cover"].to_list(), strict=True)) == {
        "a": [2, 3],
        "b": [0, 1],
        "c": [4, 5],
    }


def test_without_a_table_there_is_nothing_to_join(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="data.query_arrays.*none without data.queries"):
        Data(files="e.csv", query_id="a", candidate_id="b", query_arrays={"v": "v.npy"})


def test_what_is_no_array_of_vectors_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.npy"
    text.write_text("1,2")
    pickled = tmp_path / "objects.npy"
    np.save(pickled, np.array([{}, {}, {}], dtype=object), allow_pickle=True)
    for path, message in (
        (str(tmp_path / "none.npy"), "cannot be read as an .npy file"),
        (str(text), "cannot be read as an .npy file"),
        (str(pickled), "cannot be read as an .npy file"),
        (write(tmp_path / "flat.npy", np.arange(3.0)), "holds no vectors: got 'float64"),
        (write(tmp_path / "text2.npy", [["a"], ["b"], ["c"]]), "holds no vectors"),
        (write(tmp_path / "short.npy", np.zeros((2, 2))), "another number of rows.*got 2"),
    ):
        with pytest.raises(DataError, match=message):
            with_arrays(TABLE, {"v": path})
    with pytest.raises(DataError, match="column that the table has: got 'item'"):
        with_arrays(TABLE, {"item": write(tmp_path / "v.npy", np.zeros((3, 2)))})
