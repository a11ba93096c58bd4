"""What is written for TensorBoard, read back by TensorBoard itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trainings import MODEL, KillAt, Killed, dataset, train

from turret.errors import MissingPartError
from turret.recipe.schedule import Schedule
from turret.recipe.stopping import Checkpointing, EarlyStopping
from turret.train.checkpoint import Checkpoints
from turret.train.hooks import Hook, StepReport
from turret.train.tensorboard import TensorBoard
from turret.train.trainer import fit


def read(folder: Path) -> dict[str, dict[int, float]]:
    """For each name the values by step; a step that stands twice fails."""
    events = EventAccumulator(str(folder))
    events.Reload()
    found: dict[str, dict[int, float]] = {}
    for name in events.Tags()["scalars"]:
        scalars = events.Scalars(name)
        found[name] = {one.step: one.value for one in scalars}
        assert len(found[name]) == len(scalars), name
    return found


class Norms(Hook):
    """Each step's mean length of touched rows, computed on the host."""

    def __init__(self) -> None:
        self.of: dict[int, dict[str, float]] = {}

    def step(self, report: StepReport) -> None:
        self.of[report.step] = {}
        for name, table in report.state.parameters.tables.items():
            rows = report.batch.table_rows[name]
            assert rows is not None
            touched = np.array(table)[rows[rows < len(table)]]
            self.of[report.step][name] = float(np.linalg.norm(touched, axis=1).mean())


def test_the_reader_finds_what_was_written(tmp_path):
    values: Iterator[float] = iter([0.25, 0.5, 0.75])
    norms = Norms()
    settings = train(
        schedule=Schedule(kind="linear", warmup=4),
        early_stopping=EarlyStopping(metric="ndcg@20"),
        regularization=0.01,
    )
    with TensorBoard(tmp_path, every=5) as board:
        result = fit(
            dataset(),
            MODEL,
            train=settings,
            hooks=[norms, board],
            validate=lambda trained: {"ndcg@20": next(values), "recall@20": float("nan")},
        )
    found = read(tmp_path)
    losses = {
        name: np.concatenate([report.step_losses[name] for report in result.history])
        for name in ("loss", "regularization_loss", "total_loss")
    }
    steps = [5, 10, 15, 20]
    for name, all_values in losses.items():
        assert found[f"step/{name}"] == {step: float(all_values[step - 1]) for step in steps}
        assert found[f"epoch/{name}"] == {
            report.step: pytest.approx(report.losses[name]) for report in result.history
        }
    for name in ("query/user", "candidate/item"):
        want = {step: pytest.approx(norms.of[step][name], rel=1e-5) for step in steps}
        assert found[f"norm/{name}"] == want
    # Of the step to come: a line from the full rate at step 4 to nothing at step 24.
    want = {step: pytest.approx(0.05 * (24 - step) / 20, rel=1e-5) for step in steps}
    assert found["step/learning_rate"] == want
    # Of a stretch between two written steps of one epoch: here 10 to 15.
    assert set(found["step/examples_per_second"]) == {15}
    rates = {r.step: pytest.approx(r.examples_per_second) for r in result.history}
    assert found["epoch/examples_per_second"] == rates
    assert found["validation/ndcg_20"] == {8: 0.25, 16: 0.5, 24: 0.75}
    assert all(np.isnan(value) for value in found["validation/recall_20"].values())
    assert set(found["epoch/validation_seconds"]) == {8, 16, 24}


def test_a_resumed_training_takes_back_what_came_after_the_checkpoint(tmp_path):
    settings = train(checkpoint=Checkpointing(steps=10))
    with pytest.raises(Killed), TensorBoard(tmp_path / "board", every=4) as board:
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        hooks = [board, KillAt(19)]
        fit(dataset(), MODEL, train=settings, hooks=hooks, checkpoints=checkpoints)
    before = read(tmp_path / "board")
    assert list(before["step/loss"]) == [4, 8, 12, 16]
    with TensorBoard(tmp_path / "board", every=4) as board:
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        fit(dataset(), MODEL, train=settings, hooks=[board], checkpoints=checkpoints, resume=True)
    found = read(tmp_path / "board")
    assert list(found["step/loss"]) == [4, 8, 12, 16, 20, 24]
    assert list(found["epoch/loss"]) == [8, 16, 24]
    assert found["step/loss"][12] == before["step/loss"][12]


def test_without_the_library_its_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingPartError, match=r"turret\[tensorboard\]"):
        TensorBoard(tmp_path)
