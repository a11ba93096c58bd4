import numpy as np
import pytest
from contracts.index_contract import oracle, whole_numbers

from turret.index.hits import RowHits
from turret.index.reranking import search_proposed

SIZE = 5000
VECTORS = whole_numbers(SIZE, 4, seed=5)
QUERIES = whole_numbers(3, 4, seed=6)


class Proposer:
    """Proposes the best rows, wrongly ordered, less those it is told to miss."""

    def __init__(self, *, miss: tuple[int, ...] = ()) -> None:
        self.miss = miss
        self.places: list[int] = []

    def __call__(self, queries: np.ndarray, places: int) -> tuple[np.ndarray, np.ndarray]:
        self.places.append(places)
        rows, _ = oracle(VECTORS, queries, places)
        found = np.array(rows)[:, ::-1]
        return found, ~np.isin(found, self.miss)


def search(
    proposer: Proposer, k: int, exclude: list[np.ndarray] | None = None, *, settle: bool = False
) -> RowHits:
    return search_proposed(
        VECTORS, QUERIES, k, propose=proposer, exclude_rows=exclude, settle_ties=settle
    )


def test_proposals_are_put_in_order_with_true_scores() -> None:
    proposer = Proposer()
    hits = search(proposer, 10)
    assert (hits.rows.tolist(), hits.scores.tolist()) == oracle(VECTORS, QUERIES, 10)
    assert proposer.places == [11]


def test_a_query_that_is_short_is_searched_again() -> None:
    best, scores = oracle(VECTORS, QUERIES, 12)
    hits = search(Proposer(miss=(best[1][0], best[1][1])), 10)
    assert hits.rows[1].tolist() == best[1][:10]
    assert hits.counts.tolist() == [10, 10, 10]
    assert hits.scores[0].tolist() == scores[0][:10]


def test_one_missed_candidate_is_the_price_of_approximation() -> None:
    best, _ = oracle(VECTORS, QUERIES, 11)
    hits = search(Proposer(miss=(best[1][0],)), 10)
    assert hits.rows[1].tolist() == best[1][1:11]


def test_each_query_has_room_for_its_exclusions() -> None:
    best, _ = oracle(VECTORS, QUERIES, 60)
    exclude = [np.array(best[0][:40]), np.array([], dtype=np.int64), np.array([best[2][3]] * 9)]
    proposer = Proposer()
    hits = search(proposer, 10, exclude)
    assert proposer.places == [11, 20, 51]
    assert (
        hits.rows.tolist() == oracle(VECTORS, QUERIES, 10, [rows.tolist() for rows in exclude])[0]
    )


def test_heavy_exclusions_do_not_burden_the_others() -> None:
    exclude = [np.arange(4000), np.array([2]), np.array([3])]
    proposer = Proposer()
    hits = search(proposer, 10, exclude)
    assert proposer.places == [12]
    assert (
        hits.rows.tolist() == oracle(VECTORS, QUERIES, 10, [rows.tolist() for rows in exclude])[0]
    )


def test_a_large_k_needs_no_proposals() -> None:
    proposer = Proposer()
    hits = search(proposer, 1300)
    assert proposer.places == []
    assert hits.rows.tolist() == oracle(VECTORS, QUERIES, 1300)[0]


@pytest.mark.parametrize(("settle", "expected"), [(True, [0, 1, 2]), (False, [6, 7, 8])])
def test_ties_across_the_last_place(settle: bool, expected: list[int]) -> None:
    vectors = np.ones((10, 2), dtype=np.float32)

    def propose(queries: np.ndarray, places: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.arange(10 - places, 10)[None]
        return rows, np.ones_like(rows, dtype=bool)

    hits = search_proposed(
        vectors,
        np.ones((1, 2), dtype=np.float32),
        3,
        propose=propose,
        exclude_rows=None,
        settle_ties=settle,
    )
    assert hits.rows.tolist() == [expected]


def test_blocks_of_queries_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = search(Proposer(), 10)
    monkeypatch.setattr("turret.index.reranking._BLOCK_VALUES", 1)
    assert search(Proposer(), 10).scores.tobytes() == whole.scores.tobytes()
