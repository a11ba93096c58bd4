"""Trainings with histories and dropped ids: no leak, to the bit; and a resume, to the bit."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from trainings import KillAt, Killed

from turret.data.dataset import Dataset
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.loss import Loss, Softmax
from turret.recipe.stopping import Checkpointing
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.checkpoint import Checkpoints
from turret.train.trainer import fit

HELD = 150


def frame() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user": rng.integers(0, 20, 400),
            "film": rng.integers(0, 30, 400),
            "time": rng.permutation(400).astype(float),
        }
    )


def training_part(events: pl.DataFrame) -> Dataset:
    names = {"query_id": "user", "candidate_id": "film", "timestamp": "time"}
    users, films = {"user": range(20)}, {"film": range(30)}
    whole = Dataset.from_frames(events, queries=users, candidates=films, **names)
    return whole.with_interactions(whole.interactions.take(np.arange(HELD, 400)))


def parameters(train: Dataset, sees, loss: Loss, **options) -> dict[str, np.ndarray]:
    met = History(
        "met", table="candidate/film", sees=sees, length=8, pooling="attention", dropout=0.2
    )
    users = Tower([Categorical("user", dropout=0.3), met])
    config = TwoTower(query=users, candidate=Tower([Categorical("film")]), embedding_dim=4)
    settings = Train(
        epochs=2,
        batch_size=64 if sees == "past" else 8,
        checkpoint=Checkpointing(steps=2, minutes=0),
    )
    return fit(train, config, loss=loss, train=settings, **options).trained.arrays()


@pytest.mark.parametrize(
    ("sees", "loss"), [("past", Softmax()), ("others", Softmax(candidates="all"))]
)
def test_held_back_events_change_no_parameter(sees, loss: Loss) -> None:
    events = frame()
    held = pl.int_range(400) < HELD
    other = {"user": [3] * 400, "film": [7] * 400, "time": np.arange(400.0)[::-1]}
    replaced = pl.DataFrame({n: pl.Series(v, dtype=events[n].dtype) for n, v in other.items()})
    shuffled = pl.concat([events[:HELD].sample(fraction=1.0, shuffle=True, seed=1), events[HELD:]])
    altered = pl.concat([replaced.filter(held), events[HELD:]])
    first = parameters(training_part(events), sees, loss)
    for version in (shuffled, altered):
        again = parameters(training_part(version), sees, loss)
        assert first.keys() == again.keys()
        assert all((first[name] == again[name]).all() for name in first)


@pytest.mark.parametrize(
    ("sees", "loss"), [("past", Softmax()), ("others", Softmax(candidates="all"))]
)
def test_killed_at_a_step_it_goes_on_to_the_same_bits(sees, loss: Loss, tmp_path: Path) -> None:
    train = training_part(frame())
    whole = parameters(train, sees, loss)
    with pytest.raises(Killed):
        parameters(train, sees, loss, checkpoints=Checkpoints(tmp_path), hooks=[KillAt(5)])
    again = parameters(train, sees, loss, checkpoints=Checkpoints(tmp_path), resume=True)
    assert all((again[name] == whole[name]).all() for name in whole)


def test_dropped_ids_train_the_row_of_the_unseen() -> None:
    trained = parameters(training_part(frame()), "others", Softmax(candidates="all"))
    assert np.abs(trained["tables/query/user"][0]).max() > 0
    assert not trained["tables/candidate/film"][0].any()
