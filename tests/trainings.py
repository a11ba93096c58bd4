"""A small data set with a planted pattern, and trainings on it, for tests of the loop."""

import numpy as np
import polars as pl

from turret.data.dataset import Dataset
from turret.recipe.features.categorical import Categorical
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.hooks import Hook, StepReport

MODEL = TwoTower(
    query=Tower([Categorical("user")]), candidate=Tower([Categorical("item")]), embedding_dim=8
)


def dataset() -> Dataset:
    """Each user takes the items of the user's own colour: 2,000 events."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 60, 4000), rng.integers(0, 40, 4000)
    same = user % 2 == item % 2
    frame = pl.DataFrame({"user": user[same], "item": item[same]})
    return Dataset.from_frames(frame.head(2000), query_id="user", candidate_id="item")


def train(**options) -> Train:
    """Three epochs of eight steps, unless told otherwise."""
    return Train(**{"batch_size": 256, "epochs": 3, "learning_rate": 0.05, "seed": 7} | options)


class Killed(Exception):
    """Stands for the end of a process."""


class KillAt(Hook):
    """Ends a training at a step."""

    def __init__(self, step: int):
        self.at = step

    def step(self, report: StepReport) -> None:
        if report.step == self.at:
            raise Killed
