"""The optimizer's state in a bundle: for a later training, in nobody's way until then."""

import mmap
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from bundles import FILES, by_country

from turret.bundle.bundle import FORMAT, Bundle
from turret.errors import BundleError
from turret.pipeline.revision import rebuild_index, tune_index
from turret.recommender.live import LiveRecommender
from turret.recommender.recommender import Recommender
from turret.storage import sealed
from turret.storage.damage import MANIFEST

NAME = "optimizer.safetensors"


def state() -> dict[str, np.ndarray]:
    """A state such as Adam's, of the tables of the bundle `by_country`."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {"loss/log_temperature": np.array(-1.5, dtype=np.float32)}
    for name, table in by_country().arrays.items():
        if name.startswith("tables/"):
            slots = name.replace("tables/", "slots/")
            arrays[f"{slots}/first"] = rng.normal(size=table.shape).astype(np.float32)
            arrays[f"{slots}/count"] = rng.integers(0, 9, len(table), dtype=np.int32)
    return arrays


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return replace(by_country(), optimizer=state()).save(tmp_path / "bundle")


def require_state(optimizer: Mapping[str, np.ndarray] | None) -> None:
    assert optimizer is not None
    wanted = state()
    assert optimizer.keys() == wanted.keys()
    for name, array in wanted.items():
        assert (optimizer[name].dtype, optimizer[name].shape) == (array.dtype, array.shape)
        assert optimizer[name].tobytes() == array.tobytes()


def owner(array: np.ndarray) -> object:
    """What the memory of an array belongs to."""
    found: object = array
    while isinstance(found, np.ndarray | memoryview):
        found = found.base if isinstance(found, np.ndarray) else found.obj
    return found


def test_it_is_read_as_it_was_written(place: Path) -> None:
    assert NAME in sealed.read_manifest(place, FORMAT).files
    require_state(Bundle.open(place).optimizer)


def test_without_one_there_is_no_file(tmp_path: Path) -> None:
    place = by_country().save(tmp_path / "bundle")
    assert set(sealed.read_manifest(place, FORMAT).files) == {*FILES} - {"manifest.json"}
    assert Bundle.open(place).optimizer is None


@pytest.mark.skipif(os.name == "nt", reason="a mapped file could not be replaced there")
def test_it_stays_on_the_disk_until_it_is_used(place: Path) -> None:
    optimizer = Bundle.open(place).optimizer
    assert optimizer is not None
    for name, array in optimizer.items():
        assert isinstance(owner(array), mmap.mmap), name
        assert not array.flags.writeable
    shutil.rmtree(place)
    require_state(optimizer)


def test_a_bundle_answers_alike_without_it(place: Path, tmp_path: Path) -> None:
    plain = by_country().save(tmp_path / "plain")
    answers = [
        Recommender.load(path).recommend({"user": ["3", "nobody"], "country": ["se", "no"]}, k=5)
        for path in (place, plain)
    ]
    assert answers[0].ids.tolist() == answers[1].ids.tolist()
    assert answers[0].scores.tobytes() == answers[1].scores.tobytes()


@pytest.mark.parametrize("change", ["flip", "cut", "remove"])
def test_a_damaged_one_is_named(place: Path, change: str) -> None:
    data = bytearray((place / NAME).read_bytes())
    if change == "remove":
        (place / NAME).unlink()
    else:
        data[-1] ^= 1
        (place / NAME).write_bytes(data if change == "flip" else data[:-2])
    with pytest.raises(BundleError, match=NAME):
        Bundle.open(place)


@pytest.mark.parametrize(
    ("name", "array", "got"),
    [
        ("slots/query/user/count", np.zeros(3, np.int32), r"'int32\[3\]', expected 40 rows"),
        ("slots/query/user/count", np.zeros((), np.int32), r"'int32\[\]', expected 40 rows"),
        ("slots/query/age/count", np.zeros(3, np.int32), r"'int32\[3\]', expected 0 rows"),
    ],
)
def test_rows_that_no_table_has_are_named(
    place: Path, name: str, array: np.ndarray, got: str
) -> None:
    def fill(directory: Path) -> None:
        shutil.copytree(place, directory, dirs_exist_ok=True)
        (directory / MANIFEST).unlink()
        safetensors.numpy.save_file(state() | {name: array}, directory / NAME)

    path = sealed.seal(place.parent / "other", FORMAT, fill=fill)
    with pytest.raises(BundleError, match=f"{NAME}: the tensor {name} does not fit .* got {got}"):
        Bundle.open(path)


def compacted(place: Path) -> None:
    with LiveRecommender(place) as live:
        live.remove(["f1"])
        live.compact()


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda place: rebuild_index(place, kind="faiss"),
        lambda place: tune_index(place, target_recall=0.5, kind="exact", k=5),
        compacted,
        lambda place: Recommender.load(place).save(place),
    ],
    ids=["index", "tune", "compact", "save"],
)
def test_whatever_rewrites_a_bundle_keeps_it(
    place: Path, rewrite: Callable[[Path], object]
) -> None:
    before = sealed.identity(place)
    rewrite(place)
    assert sealed.identity(place) != before
    require_state(Bundle.open(place).optimizer)
