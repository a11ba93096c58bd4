"""ScaNN with a real TensorFlow installed beside it, in an environment made for that."""

import os
import subprocess
from pathlib import Path

import pytest
from tensorflow_environment import ROOT, interpreter

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
    """The interpreter of an environment with TensorFlow."""
    return interpreter()


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
