import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.scann import ScannIndex, ScannParameters

IDS = [str(row) for row in range(1000)]
VECTORS = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index")
    registry.build("scann", ids=IDS, vectors=VECTORS, leaves=10, leaves_to_search=3).save(path)
    return path


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved, tmp_path / "copy")
    return tmp_path / "copy"


def test_settings_are_kept(copied: Path) -> None:
    index = registry.load(copied, ids=IDS, vectors=VECTORS)
    assert isinstance(index, ScannIndex)
    assert index.parameters == ScannParameters(
        leaves=10,
        leaves_to_search=3,
        reorder=1000,
        dimensions_per_block=1,
        threshold=0.2,
        training_sample=100_000,
    )


def test_a_moved_index_needs_nothing_from_where_it_was(copied: Path) -> None:
    moved = copied.rename(copied.parent / "moved")
    assert registry.load(moved, ids=IDS, vectors=VECTORS).search(
        VECTORS[:1], 1
    ).counts.tolist() == [1]


def test_a_pickle_beside_it_is_not_opened(copied: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return pytest.fail, ("the pickle was opened",)

    (copied / "scann_docids.pkl").write_bytes(pickle.dumps(Trap()))
    assert len(registry.load(copied, ids=IDS, vectors=VECTORS)) == 1000


def test_a_file_outside_is_refused(copied: Path) -> None:
    assets = copied / "scann_assets.pbtxt"
    assets.write_text(assets.read_text().replace('"dataset.npy"', '"../dataset.npy"'))
    with pytest.raises(CandidateIndexError, match=r"got '\.\./dataset\.npy'"):
        registry.load(copied, ids=IDS, vectors=VECTORS)


@pytest.mark.parametrize("name", ["dataset.npy", "scann_assets.pbtxt"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(CandidateIndexError, match=name.replace(".", r"\.")):
        registry.load(copied, ids=IDS, vectors=VECTORS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("serialized_partitioner.pb", b"no partitioner"),
        ("ah_codebook.pb", b""),
        # Of a configuration with another number here or there the library dies.
        ("scann_config.pb", b"\x18\x00"),
    ],
)
def test_files_that_scann_would_not_write_are_made_anew(
    copied: Path, name: str, content: bytes
) -> None:
    whole = registry.load(copied, ids=IDS, vectors=VECTORS)
    (copied / name).write_bytes(content)
    loaded = registry.load(copied, ids=IDS, vectors=VECTORS)
    assert loaded.settings == whole.settings
    every = {"leaves_to_search": int(whole.settings["leaves"]), "reorder": len(IDS)}
    assert isinstance(loaded, ScannIndex) and isinstance(whole, ScannIndex)
    left = loaded.searching_with(**every).search_rows(VECTORS[:20], 5)
    right = whole.searching_with(**every).search_rows(VECTORS[:20], 5)
    assert left.rows.tolist() == right.rows.tolist()


def test_centres_that_are_no_numbers_are_made_anew(copied: Path) -> None:
    path = copied / "ah_codebook.pb"
    data = bytearray(path.read_bytes())
    at = data.index(b"\x08\x02\x22") + 4
    data[at : at + 4] = np.float32("nan").tobytes()
    path.write_bytes(data)
    loaded = registry.load(copied, ids=IDS, vectors=VECTORS)
    assert loaded.search_rows(VECTORS[:1], 1).counts.tolist() == [1]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"leaves": -1}, r"`int` >= 0 - at `\$\.leaves`: got \{'leaves': -1\}"),
        ({"leaves_to_search": 1.5}, r"Expected `int`, got `float` - at `\$\.leaves_to_search`"),
        ({"dimensions_per_block": 0}, r"`int` >= 1 - at `\$\.dimensions_per_block`"),
        ({"threshold": 1.0}, r"`float` < 1.0 - at `\$\.threshold`"),
        ({"leaves": 2000}, "ScaNN cannot build this index: .*less than the number of clusters"),
    ],
)
def test_an_impossible_setting_is_refused(setting: dict[str, int | float], message: str) -> None:
    with pytest.raises(CandidateIndexError, match=message):
        registry.build("scann", ids=IDS, vectors=VECTORS, columns=None, **setting)


def test_the_partitions_searched_follow_their_number() -> None:
    index = registry.build("scann", ids=IDS, vectors=VECTORS, leaves=12)
    assert isinstance(index, ScannIndex)
    assert (index.parameters.leaves, index.parameters.leaves_to_search) == (12, 3)
