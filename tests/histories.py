"""A small log with times, and models whose queries have histories of it."""

import numpy as np
import polars as pl

from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.data.histories import Histories, with_histories
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.towers import Tower, TwoTower

LENGTH = 4


def events(seed: int = 0, n: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {"user": (20, "u"), "film": (15, "f")}
    named = {k: [f"{c}{v:02}" for v in rng.integers(0, m, n)] for k, (m, c) in columns.items()}
    return pl.DataFrame({**named, "time": rng.integers(0, 40, n).astype(float)})


def dataset(frame: pl.DataFrame | None = None, timestamp: str | None = "time") -> Dataset:
    frame = events() if frame is None else frame
    names = {"query_id": "user", "candidate_id": "film"}
    return Dataset.from_frames(frame, timestamp=timestamp, **names)


def model(table: str | None = "candidate/film", **options) -> TwoTower:
    met = History("met", table=table, **{"length": LENGTH, **options})
    return TwoTower(query=Tower([Categorical("user"), met]), candidate=Tower([Categorical("film")]))


def histories(data: Dataset, **options) -> Histories:
    config = model(**options)
    query, _ = fit_encoders(config, with_histories(data, config, train=data))
    found = Histories.of(data, query, seed=5)
    assert found is not None
    return found


def in_time(data: Dataset, query: int | np.integer | np.ndarray) -> list[int]:
    """The events of a query in time, then as they stand, one by one."""
    rows = [i for i, row in enumerate(data.interactions.query_row) if row == query]
    times = data.interactions.timestamp
    return rows if times is None else sorted(rows, key=lambda i: (times[i], i))


def entries(row: np.ndarray) -> list[int]:
    assert (np.diff((row >= 0).astype(int)) >= 0).all()  # at the end of the row
    return [int(value) - 1 for value in row if value >= 0]  # all 15 films have rows, by name


def by_pair(found) -> np.ndarray:
    """The rows of each pair's history, whichever pair it is shared with."""
    first, history, parts = found
    assert (history[first] == np.arange(len(first))).all()
    return parts["rows"][history]
