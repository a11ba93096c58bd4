"""Bundles whose writers are killed, and whose bits flip: some of `benchmarks/bundle_faults.py`."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from stored import make

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bundle_faults.py"
STORED = Path(make.__file__).parent / "version-1"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle_faults", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform != "linux", reason="directories are exchanged at once on Linux")
def test_killed_at_any_moment_a_save_leaves_the_old_or_the_new(
    script: ModuleType, tmp_path: Path
) -> None:
    found = list(
        script.kills(STORED / "by-tower", STORED / "everything", number=24, seed=0, folder=tmp_path)
    )
    assert len(found) == 24 and all(one["right"] for one in found), found
    # Whatever the moments were, what was there before is not lost where it is to be replaced.
    assert {one["found"] for one in found if one["replaces"]} <= {"old", "new"}


@pytest.mark.parametrize("only", ["", "manifest.json"])
def test_every_flipped_bit_is_told_and_its_file_named(
    script: ModuleType, tmp_path: Path, only: str
) -> None:
    found = list(
        script.flips(STORED / "everything", number=300, seed=7, folder=tmp_path, only=only)
    )
    assert [one for one in found if not one["named"]] == []
    files = {one["file"] for one in found}
    assert files == {only} if only else len(files) > 15
