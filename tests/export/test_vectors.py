"""The plain files of vectors, against the bundle and the recommender."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bundles import CANDIDATES, by_country, by_id, called

from turret.export import formats, vectors
from turret.index.changes import ChangeLog, forgetting, put, removal, sight
from turret.index.stored import parquet_blocks
from turret.recommender.changes import identity_of, log_of
from turret.recommender.recommender import Recommender


def read(folder: Path, name: str) -> tuple[list[str], np.ndarray]:
    """Ids and vectors, the same in both files."""
    table = pl.read_parquet(folder / f"{name}.parquet")
    plain = np.load(folder / f"{name}.npy", allow_pickle=False)
    assert plain.dtype == np.dtype("<f4")
    assert dict(table.schema) == {table.columns[0]: pl.String, "vector": pl.Array(pl.Float32, 8)}
    np.testing.assert_array_equal(table["vector"].to_numpy(), plain)
    return table[table.columns[0]].to_list(), plain


@pytest.mark.parametrize("values", [8, 7 * 8, 1 << 22])
def test_they_are_those_of_the_bundle(
    tmp_path: Path, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_BLOCK_VALUES", values)
    bundle = by_id()
    formats.export(bundle.save(tmp_path / "bundle"), tmp_path / "out", format="vectors")
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "candidates.npy",
        "candidates.parquet",
        "manifest.json",
        "queries.npy",
        "queries.parquet",
    ]
    ids, found = read(out, "candidates")
    assert list(pl.read_parquet_schema(out / "candidates.parquet")) == ["film", "vector"]
    assert ids == bundle.index.ids.to_list() and len(ids) == CANDIDATES
    np.testing.assert_array_equal(found, bundle.index.vectors)
    ids, found = read(out, "queries")
    # The user 39 has no interaction, so nothing is known of it.
    assert ids == [name for name in bundle.queries["user"] if name != "39"]
    np.testing.assert_array_equal(found, Recommender(bundle).query_vectors({"user": ids}))


def test_inner_products_are_the_scores(tmp_path: Path) -> None:
    bundle = by_country()
    formats.export(bundle.save(tmp_path / "bundle"), tmp_path / "out", format="vectors")
    queries, left = read(tmp_path / "out", "queries")
    candidates, right = read(tmp_path / "out", "candidates")
    hits = Recommender(bundle).recommend({"user": queries}, 5)
    scores = left @ right.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    assert [[candidates[row] for row in rows] for rows in best.tolist()] == hits.ids.tolist()
    np.testing.assert_allclose(np.take_along_axis(scores, best, 1), hits.scores, rtol=1e-5)


def test_changes_count(tmp_path: Path) -> None:
    bundle = by_id()
    place = bundle.save(tmp_path / "bundle")
    new = np.arange(16, dtype=np.float32).reshape(2, 8)
    log_of(place, bundle).parent.mkdir()
    log = ChangeLog(log_of(place, bundle), belongs_to=identity_of(bundle))
    log.append(put(("new", "f3"), new), removal(("f5",)), forgetting("4"), sight("6", ("f1",)))
    log.close()
    formats.export(place, tmp_path / "out", format="vectors")
    ids, found = read(tmp_path / "out", "candidates")
    kept = [name for name in bundle.index.ids if name not in ("f3", "f5")]
    assert ids == [*kept, "new", "f3"]
    recommender = Recommender.load(place)
    np.testing.assert_array_equal(found, recommender.candidate_vectors(ids))
    np.testing.assert_array_equal(found[-2:], new)
    ids, _ = read(tmp_path / "out", "queries")
    assert ids == [name for name in bundle.queries["user"] if name not in ("4", "39")]


def test_an_index_reads_them_back(tmp_path: Path) -> None:
    bundle = by_id()
    formats.export(bundle.save(tmp_path / "bundle"), tmp_path / "out", format="vectors")
    blocks = parquet_blocks(tmp_path / "out" / "candidates.parquet", candidate_id="film", size=50)
    again = list(blocks)
    np.testing.assert_array_equal(
        np.concatenate([block.vectors for block in again]), bundle.index.vectors
    )


def test_ids_that_are_called_like_the_vectors(tmp_path: Path) -> None:
    called("vector", "film").save(tmp_path / "bundle")
    formats.export(tmp_path / "bundle", tmp_path / "out", format="vectors")
    table = pl.read_parquet(tmp_path / "out" / "queries.parquet")
    assert table.columns == ["vector", "vector_"] and table["vector"].to_list() == ["a", "b"]
