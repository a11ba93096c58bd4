"""Id drop-out: which ids a training step takes for unseen ones."""

import numpy as np
import polars as pl
import pytest

from turret.data.batches import Batches
from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.errors import RecipeError
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower


def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    events = pl.DataFrame({"user": rng.integers(0, 50, 600), "film": rng.integers(0, 30, 600)})
    users = pl.DataFrame({"user": range(50), "country": ["no", "se"] * 25})
    return Dataset.from_frames(events, query_id="user", candidate_id="film", queries=users)


def batches(data: Dataset, *, user: float = 0.0, film: float = 0.0, **settings) -> Batches:
    users = Tower([Categorical("user", dropout=user), Categorical("country")])
    config = TwoTower(query=users, candidate=Tower([Categorical("film", dropout=film)]))
    return Batches(data, *fit_encoders(config, data), batch_size=64, seed=3, **settings)


def rows_of(batch, side: str, name: str, table: str) -> np.ndarray:
    """Rows of the whole table, padding left out."""
    count = batch.candidate_count if side == "candidate" else np.ones(len(batch.query[name]))
    rows = getattr(batch, side)[name][count > 0]
    whole = batch.table_rows[table]
    return rows if whole is None else whole[rows]


@pytest.mark.parametrize("candidates", ["batch", "all"])
def test_the_share_that_is_dropped_and_nothing_else(candidates) -> None:
    data, loss = dataset(), Softmax(candidates=candidates)
    plain = batches(data, loss=loss, dropout=True)
    some = batches(data, user=0.3, film=0.2, loss=loss, dropout=True)
    lost = {"query": list[float](), "candidate": list[float]()}
    for step in range(40):
        one, two = plain(step), some(step)
        queries = len(np.unique(one.pair_query[one.pair_weight > 0]))
        for side, name, table in (
            ("query", "user/rows", "query/user"),
            ("candidate", "film/rows", "candidate/film"),
        ):
            before, after = (rows_of(b, side, name, table) for b in (one, two))
            if side == "query":
                before, after = before[:queries], after[:queries]
            assert ((after == before) | (after == 0)).all()
            lost[side].append(float((after == 0).mean()))
        assert (one.pair_query == two.pair_query).all()
        assert (one.pair_candidate == two.pair_candidate).all()
        country = [rows_of(b, "query", "country/rows", "query/country") for b in (one, two)]
        assert (country[0][:queries] == country[1][:queries]).all()
    assert abs(np.mean(lost["query"]) - 0.3) < 0.03
    assert abs(np.mean(lost["candidate"]) - 0.2) < 0.03


def test_the_same_step_drops_the_same_and_another_does_not() -> None:
    data = dataset()
    one = batches(data, user=0.5, dropout=True)
    two = batches(data, user=0.5, dropout=True)
    two(4)
    for name, rows in one(1).query.items():
        assert (rows == two(1).query[name]).all()
    events = np.arange(64)
    rows = [
        rows_of(one.of(events, step=step), "query", "user/rows", "query/user") for step in (1, 2)
    ]
    assert (rows[0] != rows[1]).any()


def test_a_measurement_drops_nothing() -> None:
    data = dataset()
    for step in range(3):
        one, two = batches(data)(step), batches(data, user=0.9, film=0.9)(step)
        assert all((one.query[name] == two.query[name]).all() for name in one.query)
        assert all((one.candidate[name] == two.candidate[name]).all() for name in one.candidate)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_impossible_shares(share: float) -> None:
    with pytest.raises(RecipeError, match="feature 'user': dropout"):
        Categorical("user", dropout=share)


def test_all_rows_of_the_unseen_are_trained() -> None:
    data = dataset()
    users = Tower([Categorical("user", dropout=0.5, oov_buckets=3)])
    config = TwoTower(query=users, candidate=Tower([Categorical("film")]))
    made = Batches(data, *fit_encoders(config, data), batch_size=64, seed=3, dropout=True)
    known = made.query_encoder.vocabularies["query/user"].num_rows
    drawn = np.concatenate(
        [rows_of(made(step), "query", "user/rows", "query/user") for step in range(40)]
    )
    counts = np.bincount(drawn, minlength=known + 2)
    unseen = counts[[0, known, known + 1]]
    # Row 0 pads, too.
    assert unseen[1:].min() > 0.1 * counts.sum()
    assert abs(unseen[1] - unseen[2]) < 0.2 * unseen[1]
    assert unseen[0] >= 0.8 * unseen[1]
