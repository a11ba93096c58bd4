import numpy as np
import polars as pl
import pytest

from turret.data.splits import random_split
from turret.data.synthetic import SyntheticWorld, synthetic
from turret.errors import DataError


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return synthetic(num_queries=300, num_candidates=120, num_interactions=60_000, seed=3)


def slow_probabilities(world: SyntheticWorld, query: int, time: float) -> np.ndarray:
    """The formula of the module's text, taste by taste."""
    logits = world.query_taste[query].astype(np.float64)
    chances = np.zeros(world.dataset.num_candidates)
    powers = [
        np.exp(logit + world.drift * np.sin(2 * np.pi * (time + phase)))
        for logit, phase in zip(logits, world.phase, strict=True)
    ]
    for power, given in zip(powers, world.candidate_given_taste, strict=True):
        chances += power / sum(powers) * given
    return chances


@pytest.mark.parametrize("time", [0.0, 0.3, 1.0])
def test_probabilities(world: SyntheticWorld, time: float) -> None:
    rows = np.array([0, 17, 299])
    found = world.probabilities(rows, time=time)
    slow = np.stack([slow_probabilities(world, row, time) for row in rows])
    np.testing.assert_allclose(found, slow, rtol=2e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)


def test_best(world: SyntheticWorld) -> None:
    rows = np.array([5, 250])
    chances = world.probabilities(rows)
    best = world.best(rows, k=4)
    for chance, four in zip(chances, best, strict=True):
        assert chance[four].tolist() == sorted(chance, reverse=True)[:4]


def test_same_seed_same_world(world: SyntheticWorld) -> None:
    again = synthetic(num_queries=300, num_candidates=120, num_interactions=60_000, seed=3)
    other = synthetic(num_queries=300, num_candidates=120, num_interactions=60_000, seed=4)
    assert again.dataset.fingerprint() == world.dataset.fingerprint()
    assert other.dataset.fingerprint() != world.dataset.fingerprint()


def test_tables(world: SyntheticWorld) -> None:
    dataset = world.dataset
    assert dataset.query_ids.to_list() == sorted(str(i) for i in range(1, 301))
    assert dataset.candidate_ids.to_list() == sorted(f"item {i}" for i in range(1, 121))
    assert dataset.queries.columns == ["user_id", "country"]
    assert dataset.candidates.columns == ["item_id", "genre"]
    assert dataset.notes == ("Synthetic interactions, drawn with seed 3",)
    named = synthetic(num_queries=3, num_candidates=2, query_id="u", candidate_id="movie_title")
    assert (named.dataset.query_id, named.dataset.candidates.columns[0]) == ("u", "movie_title")


def test_events_follow_the_probabilities(world: SyntheticWorld) -> None:
    """Observed and expected counts of the candidates, summed over all events."""
    events = world.dataset.interactions
    assert events.timestamp is not None
    assert (np.diff(events.timestamp) >= 0).all()
    times = (events.timestamp - 1_704_067_200) / (366 * 86_400)
    expected = np.zeros(120)
    for time in np.linspace(0.005, 0.995, 100):
        near = np.abs(times - time) <= 0.005
        expected += world.probabilities(events.query_row[near], time=time).sum(axis=0)
    observed = np.bincount(events.candidate_row, minlength=120)
    # 120 cells: the statistic has mean 119 and standard deviation 15.4.
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert 60 < statistic < 200


def test_hints_tell_of_taste(world: SyntheticWorld) -> None:
    strongest = pl.Series(world.query_taste.argmax(axis=1) % 8)
    table = world.dataset.queries.with_columns(strongest=strongest)
    mode = table.group_by("strongest").agg(pl.col("country").mode().first())
    agreeing = table.join(mode, on="strongest").filter(pl.col("country") == pl.col("country_right"))
    # Four of five follow, and an eighth of the others by chance.
    assert 0.72 < agreeing.height / 300 < 0.92


def test_knowing_tastes_beats_popularity(world: SyntheticWorld) -> None:
    parts = random_split(world.dataset, test_fraction=0.2, seed=0)
    test = parts.test.interactions
    counts = np.bincount(parts.train.interactions.candidate_row, minlength=120)
    popular = np.argsort(-counts, kind="stable")[:10]
    best = world.best(np.arange(300), k=10, time=0.5)
    by_popularity = np.isin(test.candidate_row, popular).mean()
    by_taste = (best[test.query_row] == test.candidate_row[:, None]).any(axis=1).mean()
    assert by_taste > by_popularity + 0.08


def test_without_sharpness_and_drift_all_queries_are_alike() -> None:
    world = synthetic(num_queries=5, num_candidates=9, num_interactions=9, sharpness=0.0, drift=0.0)
    early, late = world.probabilities(np.arange(5), time=0.0), world.probabilities(np.arange(5))
    np.testing.assert_allclose(early, np.broadcast_to(early[:1], early.shape), rtol=1e-6)
    np.testing.assert_allclose(early, late, rtol=1e-6)
    zipf = np.sort(early[0])[::-1]
    np.testing.assert_allclose(zipf / zipf[0], np.arange(1, 10) ** -0.6, rtol=1e-5)


def test_one_of_each() -> None:
    world = synthetic(num_queries=1, num_candidates=1, num_interactions=1, tastes=1, dim=1)
    assert world.probabilities(np.array([0])).tolist() == [[1.0]]
    assert world.dataset.interactions.candidate_row.tolist() == [0]


def test_refuses_an_empty_world() -> None:
    with pytest.raises(DataError, match="at least one of each"):
        synthetic(num_queries=0)
    with pytest.raises(DataError, match="at least one of each"):
        synthetic(tastes=0)
