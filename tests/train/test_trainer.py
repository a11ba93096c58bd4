"""The loop: determinism, early stopping, hooks, and what stops it."""

import io
import json

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from turret.data.dataset import Dataset
from turret.errors import TrainingError
from turret.recipe import Categorical, Tower, Train, TwoTower
from turret.recipe_loss import Softmax
from turret.recipe_stopping import EarlyStopping
from turret.train.hooks import EpochReport
from turret.train.json_lines import JsonLines
from turret.train.progress import ProgressBar
from turret.train.state import train_step
from turret.train.stepping import steps
from turret.train.trainer import fit, prepare

MODEL = TwoTower(
    query=Tower([Categorical("user")]), candidate=Tower([Categorical("item")]), embedding_dim=8
)


def dataset() -> Dataset:
    """Each user takes the items of the user's own colour."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 60, 4000), rng.integers(0, 40, 4000)
    same = user % 2 == item % 2
    frame = pl.DataFrame({"user": user[same], "item": item[same]})
    return Dataset.from_frames(frame, query_id="user", candidate_id="item")


def train(**options) -> Train:
    return Train(**{"batch_size": 256, "epochs": 3, "learning_rate": 0.05, "seed": 7} | options)


def test_same_seed_same_parameters_bit_for_bit():
    one, two = (fit(dataset(), MODEL, train=train()).trained.arrays() for _ in range(2))
    for name, array in one.items():
        np.testing.assert_array_equal(two[name], array)
    other = fit(dataset(), MODEL, train=train(seed=8)).trained.arrays()
    assert all((other[name] != array).any() for name, array in one.items())


def test_a_loop_of_ones_own_gives_the_same():
    settings = train()
    batches, state = prepare(dataset(), MODEL, loss=Softmax(), train=settings)
    for step in range(3 * batches.steps_per_epoch):
        state, _ = train_step(state, batches(step))
    want = fit(dataset(), MODEL, train=settings).trained.arrays()
    for name, table in state.parameters.tables.items():
        np.testing.assert_array_equal(table, want[f"tables/{name}"])


def test_steps_can_start_in_the_middle():
    batches, state = prepare(dataset(), MODEL, loss=Softmax(), train=train())
    numbers = []
    for step in steps(state, batches, start=0, stop=4):
        numbers.append(step.number)
        state = step.state
    for step in steps(state, batches, start=4, stop=6):
        numbers.append(step.number)
        state = step.state
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert int(state.step) == 6
    assert list(steps(state, batches, start=6, stop=6)) == []


def test_it_learns_the_planted_colours():
    result = fit(dataset(), MODEL, train=train(epochs=20))
    data = dataset()
    scores = result.trained.query_vectors(data.queries) @ (
        result.trained.candidate_vectors(data.candidates).T
    )
    users = data.query_ids.cast(pl.Int64).to_numpy() % 2
    items = data.candidate_ids.cast(pl.Int64).to_numpy() % 2
    same = users[:, None] == items[None, :]
    assert scores[same].min() > scores[~same].max()
    assert [report.epoch for report in result.history] == list(range(1, 21))
    assert result.best_epoch == 20
    assert not result.stopped_early


def test_early_stopping_returns_the_best_epoch():
    values = iter([0.1, 0.3, 0.2, 0.25, 0.9])
    seen = []

    def validate(trained):
        seen.append(trained.arrays()["tables/query/user"].copy())
        return {"ndcg@20": next(values)}

    settings = train(epochs=10, early_stopping=EarlyStopping(metric="ndcg@20", patience=2))
    result = fit(dataset(), MODEL, train=settings, validate=validate)
    assert [r.validation for r in result.history] == [{"ndcg@20": v} for v in (0.1, 0.3, 0.2, 0.25)]
    assert result.best_epoch == 2
    assert result.stopped_early
    np.testing.assert_array_equal(result.trained.arrays()["tables/query/user"], seen[1])
    without = fit(dataset(), MODEL, train=train(epochs=2)).trained.arrays()
    np.testing.assert_array_equal(without["tables/query/user"], seen[1])


def test_early_stopping_needs_something_to_measure():
    settings = train(early_stopping=EarlyStopping())
    with pytest.raises(TrainingError, match="nothing to measure with"):
        fit(dataset(), MODEL, train=settings)
    with pytest.raises(TrainingError, match=r"'ndcg@20'.*one of recall@5"):
        fit(dataset(), MODEL, train=settings, validate=lambda trained: {"recall@5": 0.1})


def test_a_loss_that_is_not_finite_stops_and_names_the_step():
    settings = train(optimizer="sgd", learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"step [23] \(epoch 1\) is not finite.*learning_rate"):
        fit(dataset(), MODEL, train=settings)


def test_json_lines_hold_every_step_and_epoch(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with JsonLines(path) as lines:
        result = fit(dataset(), MODEL, train=train(epochs=2, regularization=0.1), hooks=[lines])
    written = [json.loads(line) for line in path.read_text().splitlines()]
    per_epoch = [r for r in written if r["kind"] == "epoch"]
    per_step = [r for r in written if r["kind"] == "step"]
    assert [r["step"] for r in per_step] == list(range(1, result.history[-1].step + 1))
    assert [r["loss"] for r in per_epoch] == [r.losses["loss"] for r in result.history]
    for line in written:
        total = line["loss"] + line["regularization_loss"]
        assert line["total_loss"] == pytest.approx(total, rel=1e-6)
        assert line["regularization_loss"] > 0
    assert per_epoch[0]["validation"] is None


def test_progress_prints_one_line_an_epoch_where_there_is_no_terminal():
    out = io.StringIO()
    with ProgressBar(Console(file=out, width=200)) as bar:
        result = fit(dataset(), MODEL, train=train(epochs=2), hooks=[bar])
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"epoch 2/2  loss {result.history[1].losses['loss']:,.4f}")


def test_the_line_of_an_epoch_may_show_one_metric_alone():
    out = io.StringIO()
    validation = {"ndcg@20": 0.25, "recall@20": 0.5}
    each = {"loss": np.ones(3, np.float32)}
    report = EpochReport(1, 2, 3, {"loss": 1.0}, each, 1.0, 10.0, validation, 0.1)
    for metric in ("ndcg@20", None):
        with ProgressBar(Console(file=out, width=200), metric=metric) as bar:
            bar.epoch(report)
    lines = [line for line in out.getvalue().splitlines() if line]
    assert lines[0] == "epoch 1/2  loss 1.0000  10 examples/s  ndcg@20 0.2500"
    assert lines[1] == f"{lines[0]}  recall@20 0.5000"
