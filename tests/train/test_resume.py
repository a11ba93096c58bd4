"""A training that was ended, in whatever way, goes on to the same bits."""

import os
import signal
from typing import Any

import equinox as eqx
import jax
import msgspec
import numpy as np
import polars as pl
import pytest
from trainings import MODEL, KillAt, Killed, dataset, train

from turret.data.dataset import Dataset
from turret.errors import CheckpointError, TrainingError, TrainingInterrupted
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.schedule import Schedule
from turret.recipe.stopping import Checkpointing, EarlyStopping
from turret.recipe.towers import Tower, TwoTower
from turret.train import stepping
from turret.train.checkpoint import Checkpoints
from turret.train.hooks import EpochReport, Hook, StartReport, StepReport
from turret.train.snapshot import Snapshot
from turret.train.trainer import FitResult, fit

EVERYTHING: dict[str, Any] = {
    "config": TwoTower(
        query=Tower([Categorical("user")], body=[MLP([8], norm="layer", dropout=0.2)]),
        candidate=Tower([Categorical("item")]),
        embedding_dim=8,
    ),
    "loss": Softmax(learn_temperature=True, logq="streaming"),
    "train": train(
        optimizer="adamw",
        schedule=Schedule(kind="cosine", warmup=3),
        clip_norm=1.0,
        averaging=0.9,
        regularization=0.01,
        checkpoint=Checkpointing(steps=3),
    ),
}
"""Each kind of state that a training has."""

PLAIN: dict[str, Any] = {"config": MODEL, "train": train(checkpoint=Checkpointing(steps=3))}


def same(one: FitResult, other: FitResult) -> None:
    """Two results are the same to the bit, but for their times."""
    ours, theirs = (Snapshot.of(result.state) for result in (one, other))
    assert ours.weak == theirs.weak
    for name, array in theirs.arrays.items():
        assert ours.arrays[name].tobytes() == array.tobytes(), name
    for name, array in other.trained.arrays().items():
        assert one.trained.arrays()[name].tobytes() == array.tobytes(), name
    assert len(one.history) == len(other.history)
    for ours, theirs in zip(one.history, other.history, strict=True):
        assert (ours.epoch, ours.step, ours.losses) == (theirs.epoch, theirs.step, theirs.losses)
        assert ours.validation == theirs.validation
        for name, values in theirs.step_losses.items():
            assert ours.step_losses[name].tobytes() == values.tobytes()
    assert (one.best_epoch, one.stopped_early) == (other.best_epoch, other.stopped_early)


@pytest.fixture(scope="module")
def whole() -> FitResult:
    return fit(dataset(), **EVERYTHING)


@pytest.mark.parametrize("at", [4, 8, 13, 23])
def test_killed_at_a_step_it_goes_on_to_the_same_bits(tmp_path, whole, at):
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(Killed):
        fit(dataset(), **EVERYTHING, checkpoints=checkpoints, hooks=[KillAt(at)])
    result = fit(dataset(), **EVERYTHING, checkpoints=Checkpoints(tmp_path), resume=True)
    assert result.resumed_at == (at - 1) // 3 * 3
    same(result, whole)


def test_killed_again_and_again(tmp_path, whole):
    for at in (5, 7, 11, 17, 24):
        checkpoints = Checkpoints(tmp_path)
        with pytest.raises(Killed):
            fit(dataset(), **EVERYTHING, checkpoints=checkpoints, resume=True, hooks=[KillAt(at)])
    result = fit(dataset(), **EVERYTHING, checkpoints=Checkpoints(tmp_path), resume=True)
    assert result.resumed_at == 21
    same(result, whole)


def test_checkpoints_change_nothing_and_the_last_step_is_saved(tmp_path, whole):
    checkpoints = Checkpoints(tmp_path)
    same(fit(dataset(), **EVERYTHING, checkpoints=checkpoints), whole)
    assert checkpoints.steps() == [21, 24]
    again = fit(dataset(), **EVERYTHING, checkpoints=checkpoints, resume=True)
    assert again.resumed_at == 24
    same(again, whole)


def test_without_a_checkpoint_it_starts_from_the_beginning(tmp_path):
    told = Told()
    result = fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), resume=True, hooks=[told])
    assert result.resumed_at == 0
    assert told.start_report.notes == (
        f"There is no checkpoint in {tmp_path}: training from the start.",
    )
    with pytest.raises(TrainingError, match="nothing to resume from. Pass `checkpoints`"):
        fit(dataset(), **PLAIN, resume=True)


class Told(Hook):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def start(self, report: StartReport) -> None:
        self.start_report = report

    def step(self, report: StepReport) -> None:
        self.events.append(f"step {report.step} of epoch {report.epoch}")
        assert int(report.state.step) == report.step
        assert report.batch.pair_weight.sum() > 0

    def epoch(self, report: EpochReport) -> None:
        self.events.append(f"epoch {report.epoch}")

    def flush(self) -> None:
        self.events.append("flush")


def test_hooks_of_a_resumed_training_are_told_of_what_is_left(tmp_path):
    told = Told()
    with pytest.raises(Killed):
        fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), hooks=[told, KillAt(11)])
    assert told.events[:4] == [
        "step 1 of epoch 1",
        "step 2 of epoch 1",
        "step 3 of epoch 1",
        "flush",
    ]
    told = Told()
    fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), resume=True, hooks=[told])
    report = told.start_report
    assert (report.step, report.finished_epochs, report.epochs) == (9, 1, 3)
    assert (report.steps_per_epoch, report.examples) == (8, len(dataset().interactions))
    assert report.notes == ("Resumed after step 9, in epoch 2.",)
    assert told.events[0] == "step 10 of epoch 2"
    assert [event for event in told.events if "epoch" in event and "step" not in event] == [
        "epoch 2",
        "epoch 3",
    ]


def test_an_unfinished_training_that_is_not_resumed_is_mentioned(tmp_path):
    with pytest.raises(Killed):
        fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), hooks=[KillAt(11)])
    told = Told()
    fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), hooks=[told])
    assert told.events[0] == "step 1 of epoch 1"
    (note,) = told.start_report.notes
    assert "holds checkpoints up to step 9 of a training that did not end" in note


def test_another_recipe_and_other_data_are_refused(tmp_path):
    with pytest.raises(Killed):
        fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), hooks=[KillAt(11)])

    def resumed(data: Dataset | None = None, also: dict | None = None, **changes) -> None:
        checkpoints = Checkpoints(tmp_path, also=also)
        given = PLAIN | changes
        fit(data or dataset(), **given, checkpoints=checkpoints, resume=True, hooks=[KillAt(12)])

    other = train(checkpoint=Checkpointing(steps=3), learning_rate=0.06)
    with pytest.raises(CheckpointError, match=r"train\.learning_rate was 0\.05 and is 0\.06 now"):
        resumed(train=other)
    with pytest.raises(CheckpointError, match=r"loss\.temperature was 1\.0 and is 0\.5 now"):
        resumed(loss=Softmax(temperature=0.5))
    with pytest.raises(CheckpointError, match=r"split\.seed was None and is 3 now"):
        resumed(also={"split": {"seed": 3}})
    fewer = dataset().interactions.take(np.arange(len(dataset().interactions) - 1))
    with pytest.raises(CheckpointError, match="is of other training data"):
        resumed(dataset().with_interactions(fewer))
    # How often it is saved may change.
    with pytest.raises(Killed):
        resumed(train=train(checkpoint=Checkpointing(steps=5)))


STOPPING = train(
    epochs=8,
    early_stopping=EarlyStopping(metric="ndcg@20", patience=3),
    checkpoint=Checkpointing(steps=3),
)
VALUES = (0.1, 0.3, 0.2, float("nan"), 0.25, 0.9, 0.9, 0.9)


def validate(trained) -> dict[str, float]:
    """Depends on the model alone, as a measurement does: its epoch by a sum of its parameters."""
    return {"ndcg@20": VALUES[EPOCHS[float(np.sum(trained.arrays()["tables/query/user"]))]]}


EPOCHS: dict[float, int] = {}


@pytest.mark.parametrize("at", [18, 31, 38])
def test_early_stopping_and_the_best_weights_survive(tmp_path, at):
    if not EPOCHS:
        for number in range(8):
            settings = train(epochs=number + 1)
            table = fit(dataset(), MODEL, train=settings).trained.arrays()["tables/query/user"]
            EPOCHS[float(np.sum(table))] = number
    whole = fit(dataset(), MODEL, train=STOPPING, validate=validate)
    assert (whole.best_epoch, len(whole.history), whole.stopped_early) == (2, 5, True)
    arguments = {"config": MODEL, "train": STOPPING, "validate": validate}
    with pytest.raises(Killed):
        fit(dataset(), **arguments, checkpoints=Checkpoints(tmp_path), hooks=[KillAt(at)])
    result = fit(dataset(), **arguments, checkpoints=Checkpoints(tmp_path), resume=True)
    assert result.resumed_at == (at - 1) // 3 * 3
    best = fit(dataset(), MODEL, train=train(epochs=2)).trained.arrays()
    for name, array in best.items():
        assert result.trained.arrays()[name].tobytes() == array.tobytes()
    assert [r.validation for r in result.history][:3] == [{"ndcg@20": v} for v in VALUES[:3]]
    fourth = result.history[3].validation
    assert fourth is not None and np.isnan(fourth["ndcg@20"])
    assert (result.best_epoch, len(result.history), result.stopped_early) == (2, 5, True)
    # After its end there is nothing left to do.
    again = fit(dataset(), **arguments, checkpoints=Checkpoints(tmp_path), resume=True)
    assert (again.resumed_at, len(again.history), again.best_epoch) == (40, 5, 2)


class SignalAt(Hook):
    """Presses Ctrl-C in the middle of a step."""

    def __init__(self, step: int, number: int = signal.SIGINT):
        self.at, self.number = step, number

    def step(self, report: StepReport) -> None:
        if report.step == self.at:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(
    ("at", "number", "code"),
    [(5, signal.SIGINT, 130), (8, signal.SIGTERM, 143), (24, signal.SIGINT, 130)],
)
def test_ctrl_c_finishes_the_step_and_saves_it(tmp_path, whole, at, number, code):
    rarely = msgspec.structs.replace(EVERYTHING["train"], checkpoint=Checkpointing())
    settings = EVERYTHING | {"train": rarely}
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(TrainingInterrupted, match=f"stopped after step {at}, in epoch") as caught:
        fit(dataset(), **settings, checkpoints=checkpoints, hooks=[SignalAt(at, number)])
    assert caught.value.exit_code == code
    assert caught.value.checkpoint == str(checkpoints.path(at))
    assert checkpoints.steps() == [at]
    result = fit(dataset(), **settings, checkpoints=checkpoints, resume=True)
    assert result.resumed_at == at
    same(result, whole)


def test_ctrl_c_while_validating_does_not_wait_for_it(tmp_path):
    values = iter([0.1, 0.2, 0.3])
    pressed: list[int] = []

    def slow(trained) -> dict[str, float]:
        if len(pressed) == 1:
            pressed.append(2)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("not reached")
        pressed.append(1)
        return {"ndcg@20": next(values)}

    settings = train(early_stopping=EarlyStopping())
    arguments = {"config": MODEL, "train": settings, "validate": slow}
    with pytest.raises(TrainingInterrupted, match="after step 16, in epoch 2"):
        fit(dataset(), **arguments, checkpoints=Checkpoints(tmp_path))
    result = fit(dataset(), **arguments, checkpoints=Checkpoints(tmp_path), resume=True)
    assert [r.validation for r in result.history] == [{"ndcg@20": v} for v in (0.1, 0.2, 0.3)]


def test_without_checkpoints_ctrl_c_is_left_to_python():
    # A shell that runs the tests in the background has Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        fit(dataset(), MODEL, train=train(), hooks=[SignalAt(3)])
    signal.signal(signal.SIGINT, before)


def test_a_checkpoint_is_due_by_time_too(tmp_path, monkeypatch):
    now = 0.0
    monkeypatch.setattr("turret.train.loop.time.monotonic", lambda: now)

    class Slow(Hook):
        def step(self, report: StepReport) -> None:
            nonlocal now
            now += 60.0

    checkpoints = Checkpoints(tmp_path)
    settings = train(checkpoint=Checkpointing(minutes=5, keep=9))
    fit(dataset(), MODEL, train=settings, checkpoints=checkpoints, hooks=[Slow()])
    assert checkpoints.steps() == [5, 10, 15, 20, 24]


def test_a_short_training_writes_no_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path / "none")
    fit(dataset(), MODEL, train=train(), checkpoints=checkpoints)
    assert not (tmp_path / "none").exists()


def test_no_step_is_taken_twice(tmp_path):
    asked: list[int] = []
    with pytest.raises(Killed):
        fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), hooks=[KillAt(11)])

    class Asked(Hook):
        def step(self, report: StepReport) -> None:
            asked.append(report.step)

    fit(dataset(), **PLAIN, checkpoints=Checkpoints(tmp_path), resume=True, hooks=[Asked()])
    assert asked == list(range(10, 25))


def broken(kind: str) -> tuple[Dataset, dict]:
    data = dataset()
    if kind == "weights":
        frame = pl.DataFrame({"user": [1, 2, 3, 4] * 4, "item": list(range(16))})
        data = Dataset.from_frames(frame, query_id="user", candidate_id="item")
        weight = np.ones(16, np.float32)
        weight[5] = np.inf
        events = data.interactions
        object.__setattr__(events, "weight", weight)
        return data, {"train": train(batch_size=4)}
    if kind == "temperature":
        return data, {
            "train": train(initial_scale=1e18, optimizer="sgd", learning_rate=1e-30),
            "loss": Softmax(temperature=1e-3),
        }
    return data, {"train": train(optimizer="sgd", learning_rate=1e30)}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "rate",
            r"step [23] \(epoch 1\) is not finite: got (nan|inf).*learning_rate = 1e\+30 is too",
        ),
        ("temperature", r"step 1 \(epoch 1\).*loss\.temperature = 0\.001 is too low"),
        ("weights", r"step [1-4] \(epoch 1\).*weights of its interactions are not finite"),
    ],
)
def test_a_loss_that_is_not_finite_names_its_step_and_the_likely_cause(kind, words):
    data, arguments = broken(kind)
    with pytest.raises(TrainingError, match=words) as caught:
        fit(data, MODEL, **arguments)
    assert "No checkpoint was written before it." in str(caught.value)


class Break(Hook):
    """Makes a state unusable behind the training's back."""

    def __init__(self, step: int, monkeypatch: pytest.MonkeyPatch):
        self.at, self.taken = step, 0
        take = stepping.train_step

        def broken(state, batch):
            self.taken += 1
            state, losses = take(state, batch)
            if self.taken == step:
                tables = jax.tree.map(lambda x: x * np.nan, state.parameters.tables)
                state = eqx.tree_at(lambda one: one.parameters.tables, state, tables)
            return state, losses

        monkeypatch.setattr(stepping, "train_step", broken)


def test_the_last_good_checkpoint_is_left_and_named(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    stops: list[int] = []

    class Count(Hook):
        def step(self, report: StepReport) -> None:
            stops.append(report.step)

    with pytest.raises(TrainingError, match=r"loss of step 11 \(epoch 2\) is not fin") as caught:
        hooks = [Break(10, monkeypatch), Count()]
        fit(dataset(), **PLAIN, checkpoints=checkpoints, hooks=hooks)
    assert f"The last good checkpoint is {tmp_path}/step-000000000009." in str(caught.value)
    assert checkpoints.steps() == [6, 9]
    assert stops[-1] <= 11 + 6


@pytest.mark.parametrize("at", [9, 8])
def test_parameters_that_are_not_finite_are_never_saved(tmp_path, monkeypatch, at):
    """The losses so far were finite: step 9 is a checkpoint's, step 8 an epoch's last."""
    checkpoints = Checkpoints(tmp_path)
    names = "tables/candidate/item, tables/query/user"
    with pytest.raises(TrainingError, match=f"after step {at} parameters are not fin.*{names}"):
        fit(dataset(), **PLAIN, checkpoints=checkpoints, hooks=[Break(at, monkeypatch)])
    assert checkpoints.steps() == [3, 6]
