"""Recall of the approximate indexes against the exact one, with the settings chosen by size."""

import numpy as np
import pytest

from turret.index import registry
from turret.index.hits import RowHits


def clustered(rows: int, dim: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Clustered vectors with a decaying spectrum and varying norms, and 300 queries like them."""
    rng = np.random.default_rng(seed)
    spectrum = np.arange(1, dim + 1) ** -0.5
    centres = 3 * rng.normal(size=(200, dim)) * spectrum

    def draw(number: int) -> np.ndarray:
        return centres[rng.integers(0, 200, number)] + rng.normal(size=(number, dim)) * spectrum

    vectors = draw(rows) * np.exp(0.25 * rng.normal(size=(rows, 1)))
    return vectors.astype(np.float32), draw(300).astype(np.float32)


def recall(found: RowHits, truth: RowHits) -> float:
    shared = [np.isin(a, b).mean() for a, b in zip(found.rows, truth.rows, strict=True)]
    return float(np.mean(shared))


@pytest.mark.parametrize("kind", ["scann", "faiss"])
def test_all_of_a_small_catalogue_is_found(kind: str) -> None:
    vectors, queries = clustered(1682, 32, seed=1)
    ids = [str(row) for row in range(1682)]
    truth = registry.build("exact", ids=ids, vectors=vectors).search_rows(queries, 100)
    assert (
        recall(registry.build(kind, ids=ids, vectors=vectors).search_rows(queries, 100), truth)
        == 1.0
    )


@pytest.mark.parametrize("kind", ["scann", "faiss"])
def test_nearly_all_of_50_000_is_found_with_partitions(kind: str) -> None:
    vectors, queries = clustered(50_000, 64, seed=2)
    ids = [str(row) for row in range(50_000)]
    truth = registry.build("exact", ids=ids, vectors=vectors).search_rows(queries, 100)
    index = registry.build(kind, ids=ids, vectors=vectors)
    found = index.search_rows(queries, 100)
    assert recall(found, truth) >= 0.95
    assert found.counts.tolist() == [100] * 300
    single = index.search_rows(queries[:1], 100)
    assert single.rows[0].tolist() == found.rows[0].tolist()
    # A thousand exclusions, the thousand best: as many answers, none of them excluded.
    best = [
        rows[:1000]
        for rows in registry.build("exact", ids=ids, vectors=vectors)
        .search_rows(queries[:3], 1000)
        .rows
    ]
    without = index.search_rows(queries[:3], 100, exclude_rows=best)
    assert without.counts.tolist() == [100] * 3
    assert not any(np.isin(a, b).any() for a, b in zip(without.rows, best, strict=True))
