"""A small world in files, with its parts given, and a recipe for it."""

from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from turret import toml
from turret.pipeline.tuning.trials import Trial
from turret.recipe.recipe import Recipe

RECIPE = """
[data]
files = "FOLDER/events.csv"
candidates = "FOLDER/items.csv"
queries = "FOLDER/users.csv"
query_id = "user"
candidate_id = "item"
part = "part"

[split]
kind = "given"
validation = "validation"

[model]
embedding_dim = 8

[[model.query.features]]
kind = "categorical"
column = "user"

[[model.candidate.features]]
kind = "categorical"
column = "item"

[train]
epochs = 3
batch_size = 256
early_stopping = { metric = "ndcg@5" }

[evaluation]
ks = [5]
bootstrap = 0
baselines = []

[tune.space]
"train.learning_rate" = { low = 0.001, high = 0.3, log = true }
"train.b1" = { low = 0.8, high = 0.95, step = 0.05 }
"""


def write_world(folder: Path, *, test: str = "same") -> None:
    """Sixty users, each of whom takes the items of the user's own colour.

    `test` says what the rows of the test hold: the same as others, other items, or fewer.
    """
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 60, 4000), rng.integers(0, 40, 4000)
    same = user % 2 == item % 2
    user, item = user[same], item[same]
    part = rng.choice(["train", "validation", "test"], size=len(user), p=[0.7, 0.15, 0.15])
    tested = part == "test"
    if test == "other":
        item[tested] = np.random.default_rng(1).integers(0, 40, tested.sum())
    frame = pl.DataFrame({"user": user, "item": item, "part": part})
    if test == "fewer":
        frame = frame.filter((pl.col("part") != "test") | (pl.col("user") < 5))
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_csv(folder / "events.csv")
    pl.DataFrame({"item": range(40)}).write_csv(folder / "items.csv")
    pl.DataFrame({"user": range(60)}).write_csv(folder / "users.csv")


def recipe(folder: Path, space: str | None = None) -> Recipe:
    text = RECIPE.replace("FOLDER", str(folder))
    if space is not None:
        text = text.partition("[tune.space]")[0] + space
    return toml.loads(text)


def timeless(trials: tuple[Trial, ...]) -> list[Trial]:
    """The trials, but for how long they took."""
    return [msgspec.structs.replace(trial, seconds=0.0) for trial in trials]
