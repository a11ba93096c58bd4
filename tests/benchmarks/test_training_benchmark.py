"""What the benchmark with peers gives them: all they need to compute the same losses."""

import importlib
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from turret.benchmarks.step_speed import Stepping
from turret.benchmarks.worlds import World
from turret.errors import BenchmarkError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("training", "common"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("training")


def stepping() -> Stepping:
    world = World.make(query_rows=40, candidate_rows=10, pairs=64, dim=4, hidden=6)
    return Stepping(world, batch_size=32)


def loss(folder: Path, rows: slice) -> float:
    """The loss of the usual implementation, all pairs with one another, from the files alone."""
    vectors = []
    for tower in ("query", "candidate"):
        parts = {
            path.stem.removeprefix(f"{tower}_"): np.load(path).astype(np.float64)
            for path in folder.glob(f"{tower}_*.npy")
        }
        x = parts["table"][parts["rows"].astype(int)[rows]]
        x = np.maximum(x @ parts["0_weight"] + parts["0_bias"], 0)
        vectors.append(x @ parts["1_weight"] + parts["1_bias"])
    scores = vectors[0] @ vectors[1].T
    return float((np.log(np.exp(scores).sum(axis=1)) - np.diagonal(scores)).sum())


def test_peers_can_compute_the_same_loss(training: ModuleType, tmp_path: Path) -> None:
    ours = stepping()
    training.write_task(ours, tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 12
    assert ours.take(1)[1] == [pytest.approx(loss(tmp_path, slice(0, 32)), rel=1e-5)]


def test_a_peer_that_trains_another_model_is_refused(training: ModuleType) -> None:
    training.Peers.check("other", [1.0, 2.0], [1.00001, 2.0])
    with pytest.raises(BenchmarkError, match="other does not train the same model"):
        training.Peers.check("other", [1.0, 2.1], [1.0, 2.0])


def test_an_environment_without_a_peer_is_named(training: ModuleType) -> None:
    with pytest.raises(BenchmarkError, match="neither torch nor tensorflow_recommenders"):
        training.Peers([sys.executable], 1, ExitStack())
    with pytest.raises(BenchmarkError, match="cannot run"):
        training.Peers(["no/such/python"], 1, ExitStack())
