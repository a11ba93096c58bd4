import numpy as np

from turret.benchmarks.step_speed import Stepping
from turret.benchmarks.worlds import World
from turret.recipe.bodies.mlp import MLP


def world(rows: int, **changes: float) -> World:
    sizes = {"query_rows": rows, "candidate_rows": rows, "pairs": 400, "dim": 4, "hidden": 8}
    return World.make(**(sizes | changes))  # pyright: ignore[reportArgumentType]  # mixed kinds


def test_tables_have_the_rows_asked_for() -> None:
    made = world(50)
    assert made.query_encoder.num_rows == {"query/query": 51}
    assert made.candidate_encoder.num_rows == {"candidate/candidate": 51}
    assert made.config.query.body == (MLP([8]),)
    assert len(made.dataset.interactions) == 400


def test_larger_tables_have_the_same_batches_up_to_names() -> None:
    small = world(50, queries=50, candidates=50)
    large = world(5000, queries=50, candidates=50)
    for name in ("query_row", "candidate_row"):
        ours = getattr(small.dataset.interactions, name)
        np.testing.assert_array_equal(ours, getattr(large.dataset.interactions, name))
    assert large.query_encoder.num_rows == {"query/query": 5001}
    encoded = large.query_encoder.encode(large.dataset.queries)["query/rows"]
    np.testing.assert_array_equal(encoded, np.arange(50) * 100 + 1)
    losses = [Stepping(one, batch_size=100).batches(0) for one in (small, large)]
    np.testing.assert_array_equal(losses[0].pair_query, losses[1].pair_query)
    np.testing.assert_array_equal(losses[0].candidate_count, losses[1].candidate_count)


def test_popularity_follows_the_exponent() -> None:
    made = World.make(query_rows=5, candidate_rows=100, pairs=100_000)
    counts = np.sort(np.bincount(made.dataset.interactions.candidate_row, minlength=100))[::-1]
    weights = 1 / np.arange(1, 101)
    np.testing.assert_allclose(counts[:5] / 100_000, weights[:5] / weights.sum(), rtol=0.05)
    even = World.make(query_rows=5, candidate_rows=100, pairs=100_000, popularity=0.0)
    counts = np.bincount(even.dataset.interactions.candidate_row, minlength=100)
    np.testing.assert_allclose(counts, 1000, rtol=0.15)
