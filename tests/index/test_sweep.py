from collections.abc import Sequence

import numpy as np
import pytest
from contracts.index_contract import whole_numbers

from turret.index import sweep
from turret.index.exact import search_exactly
from turret.index.filters import Filter
from turret.index.hits import RowHits
from turret.index.sweep import Sweep
from turret.products import products_by_one

SIZE, QUERIES = 5000, 300


def truth(
    vectors: np.ndarray,
    queries: np.ndarray,
    k: int,
    exclude: Sequence[np.ndarray] | None = None,
    mask: np.ndarray | None = None,
) -> tuple[list[list[int]], list[list[float]]]:
    """Rows and scores of the best by sorting all of them."""
    scores = queries.astype(np.int64) @ vectors.astype(np.int64).T
    rows: list[list[int]] = []
    for number, each in enumerate(scores):
        there = np.ones(len(vectors), dtype=bool) if mask is None else mask.copy()
        if exclude is not None:
            there[exclude[number]] = False
        order = np.lexsort((np.arange(len(vectors)), -each))
        rows.append(order[there[order]][:k].tolist())
    return rows, [scores[number][found].tolist() for number, found in enumerate(rows)]


def assert_hits(hits: RowHits, rows: list[list[int]], scores: list[list[float]]) -> None:
    counts = [len(found) for found in rows]
    assert hits.counts.tolist() == counts
    found = zip(hits.rows.tolist(), hits.scores.tolist(), counts, strict=True)
    for number, (some, theirs, count) in enumerate(found):
        assert some[:count] == rows[number]
        assert theirs[:count] == scores[number]
        assert some[count:] == [SIZE] * (len(some) - count)
        assert np.isnan(theirs[count:]).all()


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return whole_numbers(SIZE, 6, seed=1)


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return whole_numbers(QUERIES, 6, seed=2)


@pytest.mark.parametrize("k", [1, 10, 60])
@pytest.mark.parametrize("block", [64, 512])
def test_the_true_best(
    vectors: np.ndarray, queries: np.ndarray, k: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_QUERIES", block)
    assert Sweep.pays(queries=QUERIES, size=SIZE, k=k)
    assert_hits(search_exactly(vectors, queries, k=k), *truth(vectors, queries, k))


@pytest.mark.parametrize("processors", [1, 3])
def test_nearly_all_queries_are_answered_by_their_first_threshold(
    vectors: np.ndarray, queries: np.ndarray, processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "cores", lambda: processors)
    monkeypatch.setattr(sweep, "_QUERIES", 50)
    hits, left = Sweep(vectors, k=20).search(queries)
    rows, scores = truth(vectors, queries, 20)
    answered = np.setdiff1d(np.arange(QUERIES), left)
    assert len(answered) > 0.9 * QUERIES
    assert hits.rows[answered].tolist() == [rows[number] for number in answered]
    assert hits.scores[answered].tolist() == [scores[number] for number in answered]
    assert (hits.counts[left] == 0).all() and (hits.rows[left] == SIZE).all()


def test_of_equal_scores_the_smallest_rows(queries: np.ndarray) -> None:
    vectors = whole_numbers(SIZE, 2, seed=3, high=12)
    few = whole_numbers(QUERIES, 2, seed=4, high=2)
    assert_hits(search_exactly(vectors, few, k=50), *truth(vectors, few, 50))


def test_minus_zero_is_zero() -> None:
    vectors = np.zeros((SIZE, 1), dtype=np.float32)
    vectors[::2] = -0.0
    vectors[::7] = -1
    ones = np.ones((QUERIES, 1), dtype=np.float32)
    ones[::3] = -1
    assert_hits(search_exactly(vectors, ones, k=30), *truth(vectors, ones, 30))


def test_where_everything_is_equal_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    whole = sweep.np.concatenate

    def watched(parts: list[np.ndarray]) -> np.ndarray:
        kept.append(sum(len(part) for part in parts))
        return whole(parts)

    equal, queries = np.ones((SIZE, 3), np.float32), whole_numbers(QUERIES, 3, seed=5)
    monkeypatch.setattr(sweep.np, "concatenate", watched)
    _, left = Sweep(equal, k=10).search(queries)
    monkeypatch.undo()
    assert left.tolist() == list(range(QUERIES))
    assert max(kept) < QUERIES * SIZE
    assert_hits(search_exactly(equal, queries, k=10), *truth(equal, queries, 10))


def test_crowded_queries_leave_the_others_alone(vectors: np.ndarray) -> None:
    queries = whole_numbers(QUERIES, 6, seed=6)
    queries[::4] = 0
    _, left = Sweep(vectors, k=10).search(queries)
    assert set(range(0, QUERIES, 4)) <= set(left.tolist()) and len(left) < QUERIES / 3
    assert_hits(search_exactly(vectors, queries, k=10), *truth(vectors, queries, 10))


def test_excluded_rows_are_no_answers(vectors: np.ndarray, queries: np.ndarray) -> None:
    rng = np.random.default_rng(7)
    best = search_exactly(vectors, queries, k=120).rows
    exclude = [rng.permutation(found)[: rng.integers(0, 120)] for found in best]
    exclude[3] = np.repeat(exclude[3], 2)
    exclude[5] = np.arange(SIZE)
    exclude[6] = np.arange(4, SIZE)
    hits = search_exactly(vectors, queries, k=15, exclude_rows=exclude)
    assert_hits(hits, *truth(vectors, queries, 15, exclude))
    assert hits.counts[[5, 6]].tolist() == [0, 4]


@pytest.mark.parametrize("share", [0.9, 0.82])
def test_only_rows_of_a_filter(vectors: np.ndarray, queries: np.ndarray, share: float) -> None:
    mask = np.random.default_rng(8).random(SIZE) < share
    assert Sweep.pays(queries=QUERIES, size=int(mask.sum()), k=25)
    best = search_exactly(vectors, queries, k=40).rows
    for exclude in (None, list(best[:, ::3])):
        hits = search_exactly(vectors, queries, k=25, exclude_rows=exclude, among=Filter(mask))
        assert_hits(hits, *truth(vectors, queries, 25, exclude, mask))


def test_candidates_in_order_of_their_scores() -> None:
    # All answers are in the first block, or in the last.
    rising = np.arange(SIZE, dtype=np.float32)[:, None]
    queries = np.array([[1], [-1]] * (QUERIES // 2), dtype=np.float32)
    assert_hits(search_exactly(rising, queries, k=40), *truth(rising, queries, 40))


@pytest.mark.parametrize(
    ("queries", "size", "k"), [(10, 10**6, 10), (10**6, 1000, 10), (10**6, 5000, 1000)]
)
def test_where_it_does_not_pay(queries: int, size: int, k: int) -> None:
    assert not Sweep.pays(queries=queries, size=size, k=k)


def test_products_use_as_many_processors_as_before() -> None:
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with products_by_one():
        with products_by_one():
            pass
        assert threads() == [1] * len(before)
    assert threads() == before
