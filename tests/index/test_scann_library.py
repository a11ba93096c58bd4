"""ScaNN beside a TensorFlow that cannot be imported, each time in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turret.errors import MissingPartError
from turret.index.scann_library import import_scann, without_log_lines


@pytest.fixture
def broken_tensorflow(tmp_path: Path) -> Path:
    """A folder with a package `tensorflow` that fails as one of another version does."""
    package = tmp_path / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text(
        "print('tensorflow was imported')\n"
        "raise RuntimeError('undefined symbol: _ZNK10tensorflow8OpKernel11TraceStringEv')\n"
    )
    return tmp_path


def run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_library_alone_fails_beside_it(broken_tensorflow: Path) -> None:
    result = run("import scann", broken_tensorflow)
    assert result.stdout == "tensorflow was imported\n"
    assert "undefined symbol" in result.stderr


def test_ours_works_beside_it_and_leaves_no_trace(broken_tensorflow: Path) -> None:
    code = """
import sys
import numpy as np
from turret.index import registry
index = registry.build("scann", ids=["a", "b"], vectors=np.eye(2, dtype=np.float32))
print(index.search(np.float32([[1, 2]]), 1).ids[0, 0])
print("tensorflow" in sys.modules)
try:
    import tensorflow
except RuntimeError as error:
    print("as before:", error)
"""
    result = run(code, broken_tensorflow)
    assert result.stdout.splitlines() == [
        "b",
        "False",
        "tensorflow was imported",
        "as before: undefined symbol: _ZNK10tensorflow8OpKernel11TraceStringEv",
    ], result.stderr


def test_one_that_is_already_imported_stays(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("def load_op_library(path): raise OSError(path)\n")
    code = """
import sys, tensorflow
from turret.index.scann_library import import_scann
import_scann()
print(sys.modules["tensorflow"] is tensorflow)
"""
    result = run(code, tmp_path)
    assert result.stdout == "True\n", result.stderr


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scann", None)
    for name in [name for name in sys.modules if name.startswith("scann.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingPartError, match=r"scann is not installed\. Install it with"):
        import_scann()


def test_log_lines_are_dropped_and_the_rest_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with without_log_lines():
        os.write(2, b"I0000 00:00:1795572294.3 5476 partitioner.cc:58] Size of sample: 5\n")
        os.write(2, b"something else\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are ...\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "something else\nafterwards\n"
