import numpy as np
import pytest

from turret.index.best import best_of_each, best_rows


@pytest.mark.parametrize("seed", range(20))
def test_best_rows_with_many_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 1 + seed, size=50).astype(np.float32)
    for k in (1, 2, 7, 49, 50, 51):
        ranked = sorted(range(50), key=lambda row: (-scores[row], row))
        assert best_rows(scores, k).tolist() == ranked[:k]


@pytest.mark.parametrize("n", [0, 1, 50, 700, 5000])
@pytest.mark.parametrize("values", [1, 40, 10**6])
@pytest.mark.parametrize("queries", [1, 6])
def test_each_query_gets_its_best(n: int, values: int, queries: int) -> None:
    """Few and many ties, groups of every size, rows that may not be answers."""
    rng = np.random.default_rng(n + values)
    scores = rng.integers(0, values, size=(queries, n)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    scores[0, : n - 2] = -np.inf
    for k in (1, 10, 60):
        hits = best_of_each(scores, k)
        for query, one in enumerate(scores):
            possible = [row for row in range(n) if one[row] > -np.inf]
            ranked = sorted(possible, key=lambda row: (-one[row], row))[:k]
            assert hits.counts[query] == len(ranked)
            assert hits.rows[query].tolist() == ranked + [n] * (k - len(ranked))
            assert hits.scores[query, : len(ranked)].tolist() == one[ranked].tolist()
            assert np.isnan(hits.scores[query, len(ranked) :]).all()
