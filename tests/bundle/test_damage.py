"""Bundles that are not as they were written, each with a message that names the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import safetensors.numpy
from bundles import FILES, by_country

from turret.bundle.bundle import FORMAT, Bundle
from turret.errors import BundleError
from turret.storage import sealed


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_country().save(tmp_path_factory.mktemp("bundles") / "saved")


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(copied: Path, name: str) -> None:
    damaged = bytearray((copied / name).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (copied / name).write_bytes(damaged)
    # A manifest with a flipped bit misnames a file, or is no JSON any more.
    pattern = name if name != "manifest.json" else "manifest|damaged|missing|belong"
    with pytest.raises(BundleError, match=pattern):
        Bundle.open(copied)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}( is missing|$|\.)"):
        Bundle.open(copied)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(copied: Path, name: str) -> None:
    whole = (copied / name).read_bytes()
    (copied / name).write_bytes(whole[:-2])
    with pytest.raises(BundleError, match=name):
        Bundle.open(copied)


def test_an_extra_file_is_named(copied: Path) -> None:
    (copied / "index" / "scann_docids.pkl").touch()
    with pytest.raises(BundleError, match=r"index/scann_docids\.pkl does not belong to it"):
        Bundle.open(copied)


def test_a_newer_format_is_refused_in_a_sentence(copied: Path) -> None:
    manifest = json.loads((copied / "manifest.json").read_bytes())
    manifest["format_version"] = 2
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError) as caught:
        Bundle.open(copied)
    assert str(caught.value) == (
        f"The bundle at {copied} has a format version that this Turret cannot read, says "
        "its manifest.json: got 2, expected 1. Upgrade Turret, or train again with this version."
    )


def resealed(path: Path, change: Callable[[Path], object]) -> Path:
    """A bundle by another writer: changed, with a manifest that fits."""

    def fill(directory: Path) -> None:
        shutil.copytree(path, directory, dirs_exist_ok=True)
        (directory / "manifest.json").unlink()
        change(directory)

    return sealed.seal(path.parent / "resealed", FORMAT, fill=fill)


def shorter(name: str, tensor: str) -> Callable[[Path], object]:
    def change(directory: Path) -> None:
        tensors = safetensors.numpy.load_file(directory / name)
        tensors[tensor] = np.ascontiguousarray(tensors[tensor][:-1])
        safetensors.numpy.save_file(tensors, directory / name)

    return change


def without_column(directory: Path) -> None:
    table = pl.read_parquet(directory / "queries.parquet")
    table.drop("country").write_parquet(directory / "queries.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: (p / "seen.safetensors").unlink(), "seen.safetensors is missing"),
        (lambda p: (p / "model.json").write_text("{}"), "model.json cannot be read.*query_id"),
        (lambda p: (p / "queries.parquet").write_bytes(b"PAR1"), "queries.parquet cannot be read"),
        (lambda p: (p / "seen.safetensors").write_bytes(b""), "seen.safetensors cannot be read"),
        (lambda p: (p / "encoders/query-1.parquet").unlink(), "encoders/query-1.parquet"),
        (lambda p: (p / "recipe.toml").write_text("data = 1"), "recipe.toml cannot be read"),
        (lambda p: (p / "report.json").write_text("[]"), "report.json cannot be read"),
        (lambda p: (p / "index/index.json").write_text("{}"), "index cannot be read"),
        (without_column, "queries.parquet lacks the column 'country'"),
        (
            shorter("vectors.safetensors", "candidates"),
            r"the tensor candidates does not fit .* got 'float32\[119, 8\]', expected float32\[120",
        ),
        (
            shorter("seen.safetensors", "indptr"),
            r"the tensor indptr does not fit .* got 'int64\[40\]', expected int64\[41\]",
        ),
    ],
)
def test_files_that_do_not_fit_are_named(
    copied: Path, change: Callable[[Path], object], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        Bundle.open(resealed(copied, change))


def test_a_file_of_a_later_writer_is_passed_over(copied: Path) -> None:
    path = resealed(copied, lambda p: (p / "notes.txt").write_text("hello"))
    assert Bundle.open(path).query_id == "user"
