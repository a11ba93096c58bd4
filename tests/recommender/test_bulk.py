import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bundles import QUERIES, by_country, by_id, called

from turret.errors import DataError, QueryError
from turret.recommender.answer import RowAnswer
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
    with pytest.raises(KeyboardInterrupt):
        recommend_all(Recommender(by_id()), path, k=2, block=10, progress=stop_at(20, done))
    assert done == [10, 20]
    assert path.read_text() == "old"
    assert parts(path) == ["00000000", "00000001", "run.json"]
    recommend_all(Recommender(by_id()), path, k=2, block=10)
    recommend_all(Recommender(by_id()), tmp_path / "other.csv", k=2, block=10)
    assert path.read_bytes() == (tmp_path / "other.csv").read_bytes()
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "other.csv"]


def parts(path: Path) -> list[str]:
    """What is in the folder of the parts of a file."""
    return sorted(each.name for each in path.with_name(f"{path.name}.parts").iterdir())


def stop_at(queries: int, done: list[int]) -> Callable[[int], None]:
    """A listener that ends the run when so many queries are done."""

    def listen(so_far: int) -> None:
        done.append(so_far)
        if so_far >= queries:
            raise KeyboardInterrupt

    return listen


def half_done(path: Path, **settings: Any) -> None:
    """Leaves two parts of ten queries."""
    with pytest.raises(KeyboardInterrupt):
        recommend_all(Recommender(by_id()), path, block=10, progress=stop_at(20, []), **settings)


def test_a_run_goes_on_behind_the_parts_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole = tmp_path / "all.parquet", tmp_path / "whole.parquet"
    recommend_all(Recommender(by_id()), whole, k=3, exclude_seen=True, block=10)
    half_done(path, k=3, exclude_seen=True)
    recommender = Recommender(by_id())
    asked: list[int] = []
    answer_rows = recommender.answer_rows

    def counted(queries: pl.DataFrame, *given: Any, **named: Any) -> RowAnswer:
        asked.append(queries.height)
        return answer_rows(queries, *given, **named)

    monkeypatch.setattr(recommender, "answer_rows", counted)
    said: list[str] = []
    recommend_all(recommender, path, k=3, exclude_seen=True, block=10, say=said.append)
    assert asked == [10, 10]
    assert said == [f"Going on behind the 2 parts in {path}.parts."]
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"k": 4}, "k = 3 instead of 4"),
        ({"exclude_seen": True}, "exclude_seen = False instead of True"),
        ({"where": "title < 'Film № 5'"}, """where = None instead of "title < 'Film № 5'\""""),
        ({"block": 7, "k": 2}, "k = 3 instead of 2, block = 10 instead of 7"),
    ],
)
def test_a_run_with_other_settings_begins_anew(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    path, whole = tmp_path / "all.parquet", tmp_path / "whole.parquet"
    half_done(path, k=3)
    told: list[str] = []
    settings: dict[str, Any] = {"k": 3, "block": 10, **changed}
    recommend_all(Recommender(by_id()), path, **settings, say=told.append)
    assert told == [f"{path}.parts was left by a run with {said}: beginning anew."]
    recommend_all(Recommender(by_id()), whole, **settings)
    assert path.read_bytes() == whole.read_bytes()


def test_a_run_of_another_bundle_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    half_done(path, k=3)
    told: list[str] = []
    recommend_all(Recommender(by_country()), path, k=3, block=10, say=told.append)
    assert told == [f"{path}.parts was left by a run with another bundle: beginning anew."]
    half_done(path, k=3)
    (tmp_path / "all.csv.parts" / "run.json").write_text("{")
    recommend_all(Recommender(by_id()), path, k=3, block=10, say=told.append)
    assert "settings that cannot be read" in told[1]


@pytest.mark.parametrize("damage", ["flipped", "short", "missing", "manifest", "more"])
def test_a_damaged_part_is_made_again(tmp_path: Path, damage: str) -> None:
    path, whole = tmp_path / "all.parquet", tmp_path / "whole.parquet"
    recommend_all(Recommender(by_id()), whole, k=3, block=10)
    half_done(path, k=3)
    part = tmp_path / "all.parquet.parts" / "00000001"
    file = part / "answers.safetensors"
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[-5] ^= 4
        file.write_bytes(content)
    elif damage == "short":
        file.write_bytes(content[:-5])
    elif damage == "missing":
        file.unlink()
    elif damage == "manifest":
        (part / "manifest.json").write_text("[]")
    else:
        (part / "more").write_text("")
    told: list[str] = []
    recommend_all(Recommender(by_id()), path, k=3, block=10, say=told.append)
    assert len(told) == 2 and "00000001" in told[1] and told[1].endswith("It is made again.")
    assert path.read_bytes() == whole.read_bytes()


KILLED = """
import os, sys
from turret.recommender.bulk import recommend_all
from turret.recommender.recommender import Recommender
bundle, path, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
flush, count = os.fsync, 0
def counted(file):
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), 9)
    flush(file)
os.fsync = counted
recommend_all(Recommender.load(bundle), path, k=5, exclude_seen=True, block=10)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_killed_again_and_again_the_bytes_are_the_same(tmp_path: Path) -> None:
    # Every write is followed by a flush: the process is killed at one of them.
    Recommender(by_id()).save(tmp_path / "bundle")
    whole, path = tmp_path / "whole.parquet", tmp_path / "all.parquet"
    recommend_all(Recommender.load(tmp_path / "bundle"), whole, k=5, exclude_seen=True, block=10)
    codes: list[int] = []
    for at in (1, 3, 9, 6, 1000):
        assert not path.exists()
        run = [sys.executable, "-c", KILLED, str(tmp_path / "bundle"), str(path), str(at)]
        codes.append(subprocess.run(run, check=False).returncode)
    assert codes == [-9] * 4 + [0]
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["all.parquet", "bundle", whole.name]


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"

    def another(done: int) -> None:
        with pytest.raises(DataError, match=r"Another process is filling .*all.csv.parts"):
            recommend_all(Recommender(by_id()), path, k=2)

    assert recommend_all(Recommender(by_id()), path, k=2, progress=another) == QUERIES


def test_a_condition_that_cannot_be_used_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="where"):
        recommend_all(Recommender(by_id()), tmp_path / "all.csv", where="none = 1")
    assert list(tmp_path.iterdir()) == []


def test_only_candidates_that_fulfil_the_condition(tmp_path: Path) -> None:
    recommender = Recommender(by_id())
    where = "title < 'Film № 2'"
    recommend_all(recommender, tmp_path / "all.parquet", k=50, exclude_seen=True, where=where)
    table = pl.read_parquet(tmp_path / "all.parquet")
    hits = recommender.recommend(recommender.queries, 50, exclude_seen=True, where=where)
    counts: list[int] = hits.counts.tolist()
    assert table["film"].to_list() == [
        name
        for names, count in zip(hits.ids.tolist(), counts, strict=True)
        for name in names[:count]
    ]
    assert 0 < min(counts) and max(counts) < 50


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    recommender = Recommender(by_id())
    with pytest.raises(DataError, match=r"names no format: got '.xls', expected .parquet or"):
        recommend_all(recommender, tmp_path / "all.xls")
    with pytest.raises(DataError, match="does not exist"):
        recommend_all(recommender, tmp_path / "none" / "all.csv")


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    path, folder = tmp_path / "all.csv", tmp_path / "all.csv.parts"
    for name in ("letters.txt", "20261127", ".hidden"):
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(DataError, match=rf"holds something else: got '{name}'"):
            recommend_all(Recommender(by_id()), path, k=2)
        assert (folder / name).read_text() == "mine"
        (folder / name).unlink()
        folder.rmdir()
    half_done(path)
    (folder / "letters.txt").write_text("mine")
    with pytest.raises(DataError, match="Move it away"):
        recommend_all(Recommender(by_id()), path, block=10)
    (folder / "letters.txt").unlink()
    # What was refused did not keep its lock.
    assert recommend_all(Recommender(by_id()), path, block=10) == QUERIES
    assert list(tmp_path.iterdir()) == [path]


def test_ids_that_are_called_like_other_columns(tmp_path: Path) -> None:
    recommender = called("rank", "score")
    recommend_all(recommender, tmp_path / "all.parquet", k=1)
    table = pl.read_parquet(tmp_path / "all.parquet")
    assert table.columns == ["rank", "rank_", "score", "score_", "fallback"]
    hits = recommender.recommend({"rank": ["a", "b"]}, 1)
    assert table["score"].to_list() == hits.ids[:, 0].tolist()
    np.testing.assert_allclose(table["score_"].to_numpy(), hits.scores[:, 0], rtol=1e-6)


def test_a_place_inside_of_a_bundle_and_a_folder_are_refused(tmp_path: Path) -> None:
    bundle = by_id().save(tmp_path / "bundle")
    with pytest.raises(DataError, match="nothing is written there"):
        recommend_all(Recommender(by_id()), bundle / "all.csv")
    (tmp_path / "all.csv").mkdir()
    with pytest.raises(DataError, match="all.csv' is a folder"):
        recommend_all(Recommender(by_id()), tmp_path / "all.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv", "bundle"]
    Recommender.load(bundle)
