import io
from typing import Any

from rich.console import Console
from trainings import MODEL, dataset, train

from turret.train.hooks import EpochReport, StartReport, StepReport
from turret.train.progress import ProgressBar
from turret.train.trainer import fit


def shown(terminal: bool = False, **options) -> tuple[ProgressBar, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=terminal, _environ={})
    return ProgressBar(console, **options), out


def step_report(step: int, epoch: int) -> StepReport:
    nothing: Any = None
    return StepReport(step, epoch, 10, losses=nothing, state=nothing, batch=nothing)


def epoch(number: int, of: int) -> EpochReport:
    return EpochReport(
        epoch=number,
        epochs=of,
        step=3,
        losses={"loss": 1.0},
        step_losses={},
        seconds=1.0,
        examples_per_second=10.0,
        validation={"ndcg@20": 0.25, "recall@20": 0.5},
        validation_seconds=0.1,
    )


def test_one_line_an_epoch_where_there_is_no_terminal():
    bar, out = shown()
    with bar:
        result = fit(dataset(), MODEL, train=train(epochs=2), hooks=[bar])
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"epoch 2/2  loss {result.history[1].losses['loss']:,.4f}")


def test_the_line_may_show_one_metric_alone():
    for metric, line in (
        ("ndcg@20", "epoch 1/2  loss 1.0000  10 examples/s  ndcg@20 0.2500\n"),
        (None, "epoch 1/2  loss 1.0000  10 examples/s  ndcg@20 0.2500  recall@20 0.5000\n"),
    ):
        bar, out = shown(metric=metric)
        bar.epoch(epoch(1, 2))
        assert out.getvalue() == line


def test_many_epochs_get_few_lines_and_the_last_has_one():
    bar, out = shown(lines=3)
    for number in range(1, 11):
        bar.epoch(epoch(number, 10))
    assert [line.split()[1] for line in out.getvalue().splitlines()] == ["4/10", "8/10", "10/10"]


def test_the_bar_knows_where_a_resumed_training_stands_and_how_fast_it_is(monkeypatch):
    bar, out = shown(terminal=True)
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress = bar.progress
    progress.get_time = lambda: now
    start = StartReport(
        step=20, finished_epochs=2, epochs=4, steps_per_epoch=10, examples=640, notes=("Hello.",)
    )
    bar.start(start)
    (task,) = progress.tasks
    assert (task.completed, task.total, task.fields["epoch"]) == (20, 40, 3)
    assert "Note: Hello." in out.getvalue()
    for step in (21, 22, 23):
        now += 0.5
        bar.step(step_report(step, 3))
    assert task.completed == 23
    # Two steps of 64 examples a second, and 17 steps to go.
    rate: Any = progress.columns[4]
    assert str(rate.render(task)) == "128 examples/s"
    assert task.time_remaining == 9


def test_steps_move_the_bar_only_so_often(monkeypatch):
    bar, _ = shown(terminal=True)
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bar.start(StartReport(0, 0, 1, 1000, 1000))
    for step in range(1, 101):
        now += 0.001
        bar.step(step_report(step, 1))
    assert bar.progress.tasks[0].completed == 51
