"""ScaNN with a real TensorFlow installed beside it, in an environment made for that."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKS = """
import sys, tempfile
from pathlib import Path
import numpy as np
if sys.argv[1] == "before":
    import tensorflow
from turret.index import registry
rng = np.random.default_rng(0)
vectors = rng.normal(size=(3000, 16)).astype(np.float32)
queries = rng.normal(size=(20, 16)).astype(np.float32)
ids = [str(row) for row in range(3000)]
want = registry.build("exact", ids=ids, vectors=vectors).search(queries, 10).ids.tolist()
for parameters in ({}, {"leaves": 30, "leaves_to_search": 30}):
    index = registry.build("scann", ids=ids, vectors=vectors, **parameters)
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
        again = registry.load(Path(folder), ids=ids, vectors=vectors)
    print(index.search(queries, 10).ids.tolist() == want)
    print(again.search(queries, 10).ids.tolist() == want)
import tensorflow
print(float(tensorflow.reduce_sum(tensorflow.constant([1.0, 2.0]))))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment with Turret and TensorFlow, kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / "turret" / "environments" / f"tensorflow-{version}"
    wanted = (ROOT / "constraints.txt").read_text() + (ROOT / "pyproject.toml").read_text()
    made_for = folder / "made-for.txt"
    interpreter = folder / "bin" / "python"
    if not made_for.exists() or made_for.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True, symlinks=True)
        install = [interpreter, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
        subprocess.run([*install, f"{ROOT}[tensorflow]"], check=True)
        subprocess.run([interpreter, "-m", "pip", "uninstall", "-y", "-q", "turret"], check=True)
        made_for.write_text(wanted)
    return interpreter


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(
        [python, "-c", *arguments], env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.environment
def test_by_itself_scann_fails_beside_it(python: Path) -> None:
    result = run(python, "import scann")
    assert result.returncode == 1
    assert "NotFoundError" in result.stderr


@pytest.mark.environment
@pytest.mark.parametrize("tensorflow", ["before", "after"])
def test_turret_uses_scann_beside_it(python: Path, tensorflow: str) -> None:
    result = run(python, WORKS, tensorflow)
    assert result.stdout.split() == ["True"] * 4 + ["3.0"], result.stderr
