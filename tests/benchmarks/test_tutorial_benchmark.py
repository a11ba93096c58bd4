"""The benchmark against the reference tutorial, on few events and with a stand-in for the peer."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import pytest

from turret.benchmarks.workers import Worker
from turret.data.dataset import Dataset
from turret.errors import BenchmarkError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PEER = """
import json, pathlib, sys
folder, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
pairs = (folder / "pairs.tsv").read_text(encoding="utf-8").splitlines()
titles = (folder / "titles.txt").read_text(encoding="utf-8").splitlines()
print(json.dumps({"pairs": len(pairs), "train": number, "titles": len(titles)}), flush=True)
for line in sys.stdin:
    if MESSAGE:
        sys.exit(MESSAGE)
    print(json.dumps({"seconds": 2.0, "top_k_accuracy": {"100": 0.5}}), flush=True)
"""


class Lens:
    """Stands for MovieLens: 60 users, of whom one is 42, and 40 films."""

    def dataset(self, **columns: str) -> Dataset:
        assert columns == {"candidate_id": "movie_title", "timestamp": "timestamp"}
        rng = np.random.default_rng(0)
        events = {
            "user_id": np.append(rng.integers(1, 60, 600), 42),
            "movie_title": [f"Film № {n}" for n in rng.integers(0, 40, 601)],
        }
        return Dataset.from_frames(events, query_id="user_id", candidate_id="movie_title")


@pytest.fixture
def tutorial(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("tutorial", "common"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("tutorial")
    train = msgspec.structs.replace(module.RECIPE.train, batch_size=100)
    monkeypatch.setattr(module, "RECIPE", msgspec.structs.replace(module.RECIPE, train=train))
    monkeypatch.setattr(module, "movielens", lambda name, path: Lens())
    return module


def pretend(monkeypatch: pytest.MonkeyPatch, module: ModuleType, message: str = "") -> None:
    def peer(python: str, script: str, *arguments: str) -> Worker:
        assert (BENCHMARKS / "peers" / script).exists()
        return Worker([python, "-c", PEER.replace("MESSAGE", repr(message)), *arguments])

    monkeypatch.setattr(module.common, "peer", peer)


def test_ours_and_a_peer_are_measured(
    tutorial: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, tutorial)
    result = json.loads(json.dumps(tutorial.run(sys.executable, None, 2)))
    figures, settings = result["figures"], result["settings"]
    for key in ("epoch", "evaluation", "query"):
        own, theirs = figures[f"{key}_seconds"], figures[f"reference_{key}_seconds"]
        assert own > 0 and theirs == 2.0
        assert figures[f"{key}_ratio"] == pytest.approx(theirs / own)
    # Of 40 films each is among the first 100.
    assert (figures["top_100"], figures["reference_top_100"]) == (1.0, 0.5)
    assert settings["rounds"] == 2
    assert (settings["pairs"], settings["train"], settings["titles"]) == (601, 481, 40)


def test_a_peer_that_dies_says_why(tutorial: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, tutorial, message="no such layer")
    with pytest.raises(BenchmarkError, match="It wrote last: no such layer"):
        tutorial.run(sys.executable, None, 1)
    monkeypatch.setattr(sys, "argv", ["tutorial.py", "--peer", sys.executable, "--rounds", "1"])
    with pytest.raises(SystemExit, match="Error: A measuring process ended with code 1"):
        tutorial.main()
