from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.stored import Block, parquet_blocks, read_candidates, write_candidates

VECTORS = np.random.default_rng(0).normal(size=(25, 4)).astype(np.float32)
IDS = [f"item {row}" for row in range(25)]
COLUMNS = pl.DataFrame({"year": [2000 + row for row in range(25)], "item_id": IDS})


def blocks() -> Iterator[Block]:
    for part in (slice(0, 10), slice(10, 11), slice(11, 25)):
        yield Block(IDS[part], VECTORS[part], COLUMNS[part])


def test_blocks_become_candidates(tmp_path: Path) -> None:
    written = write_candidates(blocks(), tmp_path)
    for candidates in (written, read_candidates(tmp_path)):
        assert candidates.ids.to_list() == IDS
        assert np.array_equal(candidates.vectors, VECTORS)
        assert candidates.columns is not None and candidates.columns.equals(COLUMNS)
    assert np.array_equal(np.load(tmp_path / "vectors.npy"), VECTORS)


@pytest.mark.parametrize("kind", ["exact", "scann", "faiss"])
def test_an_index_of_them_answers_as_one_of_arrays(kind: str, tmp_path: Path) -> None:
    index = registry.of(kind, write_candidates(blocks(), tmp_path))
    place = tmp_path / "index"
    place.mkdir()
    index.save(place)
    again = registry.load_of(place, read_candidates(tmp_path))
    plain = registry.build(kind, ids=IDS, vectors=VECTORS, columns=COLUMNS)
    for one in (index, again):
        for found, expected in zip(
            one.search(VECTORS[:3], 5, where="year > 2003"),
            plain.search(VECTORS[:3], 5, where="year > 2003"),
            strict=True,
        ):
            assert found.tolist() == expected.tolist()


def test_candidates_without_columns(tmp_path: Path) -> None:
    candidates = write_candidates([Block(["b", "a"], np.eye(2))], tmp_path)
    assert (candidates.ids.to_list(), candidates.columns) == (["b", "a"], None)
    assert not (tmp_path / "columns.parquet").exists()


@pytest.mark.parametrize("kind", [pl.Array(pl.Float32, 4), pl.List(pl.Float64)])
@pytest.mark.parametrize("size", [7, 25, 100])
def test_blocks_of_a_parquet_file(kind: pl.DataType, size: int, tmp_path: Path) -> None:
    table = COLUMNS.with_columns(vector=pl.Series(VECTORS.tolist(), dtype=kind))
    table.write_parquet(tmp_path / "items.parquet", row_group_size=4)
    read = list(parquet_blocks(tmp_path / "items.parquet", candidate_id="item_id", size=size))
    assert [len(block.vectors) for block in read[:-1]] == [size] * (len(read) - 1)
    place = tmp_path / "place"
    place.mkdir()
    candidates = write_candidates(read, place)
    assert candidates.ids.to_list() == IDS
    assert np.array_equal(candidates.vectors, VECTORS)
    assert candidates.columns is not None and candidates.columns.equals(COLUMNS)


def test_blocks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    one = Block(["a"], np.eye(2)[:1], pl.DataFrame({"year": [1]}))
    for other, message in (
        (Block(["b"], np.eye(3)[:1]), "another length: got 3, expected 2"),
        (Block(["b"], np.eye(2)[:1]), "same columns"),
        (Block(["b"], np.eye(2)[:1], pl.DataFrame({"genre": ["x"]})), "same columns"),
        (Block(["b"], np.full((1, 2), np.nan)), "not finite"),
        (Block(["a"], np.eye(2)[:1], pl.DataFrame({"year": [2]})), "occurs twice: got 'a'"),
    ):
        with pytest.raises(CandidateIndexError, match=message):
            write_candidates([one, other], tmp_path)
    with pytest.raises(CandidateIndexError, match="no block"):
        write_candidates([], tmp_path)


def test_files_that_are_missing_or_of_no_use_are_named(tmp_path: Path) -> None:
    with pytest.raises(CandidateIndexError, match=r"ids\.parquet|cannot be read"):
        read_candidates(tmp_path)
    path = tmp_path / "items.parquet"
    with pytest.raises(CandidateIndexError, match=r"items\.parquet"):
        next(parquet_blocks(path, candidate_id="item_id"))
    lists = pl.Series([[1.0], [1.0, 2.0]])
    pl.DataFrame({"item_id": ["a", "b"], "vector": lists}).write_parquet(path)
    with pytest.raises(CandidateIndexError, match="several lengths"):
        next(parquet_blocks(path, candidate_id="item_id"))
    with pytest.raises(CandidateIndexError, match="no such"):
        next(parquet_blocks(path, candidate_id="item_id", vector="no such"))
