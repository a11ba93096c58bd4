import json
import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from trainings import MODEL, dataset, train

from turret.train.hooks import EpochReport, StartReport, StepReport
from turret.train.json_lines import JsonLines
from turret.train.state import Losses
from turret.train.trainer import fit


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def start(step: int, epochs: int) -> StartReport:
    return StartReport(step, epochs, epochs=3, steps_per_epoch=4, examples=100)


def step(number: int, loss: float = 0.5) -> StepReport:
    losses = Losses(*(jnp.float32(value) for value in (loss, 0.0, loss)))
    epoch = (number - 1) // 4 + 1
    nothing: Any = None
    return StepReport(number, epoch, 4, losses=losses, state=nothing, batch=nothing)


def epoch(number: int, value: float = 0.5) -> EpochReport:
    return EpochReport(
        epoch=number,
        epochs=3,
        step=4 * number,
        losses={"loss": 0.5},
        step_losses={},
        seconds=1.0,
        examples_per_second=10.0,
        validation={"ndcg@20": value},
        validation_seconds=1.0,
    )


def test_every_step_and_epoch_is_a_line(tmp_path):
    path = tmp_path / "made" / "metrics.jsonl"
    with JsonLines(path) as lines:
        result = fit(dataset(), MODEL, train=train(epochs=2, regularization=0.1), hooks=[lines])
    written = read(path)
    per_epoch = [r for r in written if r["kind"] == "epoch"]
    per_step = [r for r in written if r["kind"] == "step"]
    assert [r["step"] for r in per_step] == list(range(1, result.history[-1].step + 1))
    assert [r["loss"] for r in per_epoch] == [r.losses["loss"] for r in result.history]
    assert [r["loss"] for r in per_step] == [
        loss for r in result.history for loss in r.step_losses["loss"].tolist()
    ]
    for line in written:
        total = line["loss"] + line["regularization_loss"]
        assert line["total_loss"] == pytest.approx(total, rel=1e-6)
        assert line["regularization_loss"] > 0
    assert per_epoch[0]["validation"] is None


def test_a_training_that_starts_anew_writes_the_file_anew_with_its_first_step(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("old\n")
    with JsonLines(path) as lines:
        lines.start(start(0, 0))
        assert path.read_text() == "old\n"
        lines.step(step(1))
        lines.flush()
        assert [line["step"] for line in read(path)] == [1]
    assert [line["step"] for line in read(path)] == [1]


def test_a_resumed_training_cuts_the_file_back_to_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with JsonLines(path) as lines:
        lines.start(start(0, 0))
        for number in range(1, 9):
            lines.step(step(number))
            if number == 4:
                lines.epoch(epoch(1))
        lines.epoch(epoch(2))
    with path.open("a") as file:
        file.write('{"kind": "step", "step": 9, "epo')
    with JsonLines(path) as lines:
        lines.start(start(6, 1))
        lines.step(step(7, loss=0.25))
        lines.step(step(8))
        lines.epoch(epoch(2))
    written = read(path)
    assert [(line["kind"], line["step"]) for line in written] == [
        *[("step", number) for number in (1, 2, 3, 4)],
        ("epoch", 4),
        *[("step", number) for number in (5, 6, 7, 8)],
        ("epoch", 8),
    ]
    assert written[7]["loss"] == 0.25
    assert [other.name for other in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_checkpoint_before_an_epochs_validation_lets_it_be_written_again(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with JsonLines(path) as lines:
        lines.start(start(0, 0))
        for number in range(1, 5):
            lines.step(step(number))
        lines.epoch(epoch(1))
    with JsonLines(path) as lines:
        lines.start(start(4, 0))
        lines.epoch(epoch(1))
    assert [line["kind"] for line in read(path)] == ["step"] * 4 + ["epoch"]


def test_what_json_cannot_say_is_null(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with JsonLines(path) as lines:
        lines.start(start(0, 0))
        lines.step(step(1, loss=math.nan))
        lines.epoch(epoch(1, value=math.nan))
    first, second = read(path)
    assert first["loss"] is None
    assert second["validation"] == {"ndcg@20": None}
