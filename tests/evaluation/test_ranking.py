"""Ranks against a slow count, in one block and in many."""

import numpy as np
import pytest

from turret.data.dataset import Interactions
from turret.errors import EvaluationError
from turret.evaluation.ranking import Ranks, rank_truth
from turret.evaluation.scores import VectorScores
from turret.evaluation.truth import Truth
from turret.index import registry


def drawn(
    *, queries: int, candidates: int, pairs: int, seed: int = 0, high: int = 3
) -> tuple[Truth, Interactions, np.ndarray, np.ndarray]:
    """Test pairs, seen events, and vectors of small whole numbers, so that there are many ties."""
    rng = np.random.default_rng(seed)

    def events(number: int) -> Interactions:
        rows = (rng.integers(0, most, number) for most in (queries, candidates))
        return Interactions(*(each.astype(np.int32) for each in rows))

    truth = Truth.of(events(pairs), num_candidates=candidates)
    vectors = (rng.integers(-high, high + 1, (n, 4)) for n in (queries, candidates))
    query, candidate = (each.astype(np.float32) for each in vectors)
    return truth, events(3 * pairs), query[truth.query_row], candidate


def slow(
    truth: Truth, seen: Interactions, scores: np.ndarray, *, ties: str = "row"
) -> tuple[list[int], list[int]]:
    met = set(zip(seen.query_row.tolist(), seen.candidate_row.tolist(), strict=True))
    included, excluded = [], []
    for i, query in enumerate(truth.query_row.tolist()):
        unseen = np.array([(query, c) not in met for c in range(scores.shape[1])])
        for c in truth.candidate_row[truth.indptr[i] : truth.indptr[i + 1]].tolist():
            before = scores[i] > scores[i, c]
            if ties == "row":
                before[:c] |= scores[i, :c] == scores[i, c]
            included.append(int(before.sum()) + 1)
            excluded.append(int((before & unseen).sum()) + 1 if unseen[c] else 0)
    return included, excluded


def assert_ranks(ranks: Ranks, expected: tuple[list[int], list[int]]) -> None:
    assert ranks.excluded is not None
    assert ranks.included.tolist() == expected[0]
    assert ranks.excluded.tolist() == expected[1]


@pytest.mark.parametrize("ties", ["row", "truth"])
def test_ranks_count_what_comes_before(ties) -> None:
    truth, seen, query, candidate = drawn(queries=40, candidates=60, pairs=400)
    ranks = rank_truth(VectorScores(query, candidate), truth, seen=seen, ties=ties)
    assert_ranks(ranks, slow(truth, seen, query @ candidate.T, ties=ties))


def test_many_blocks_give_the_same() -> None:
    truth, seen, query, candidate = drawn(queries=40, candidates=60, pairs=400)
    scores = VectorScores(query, candidate)
    ranks = rank_truth(scores, truth, seen=seen, block_bytes=9 * 4 * 60)
    assert_ranks(ranks, slow(truth, seen, query @ candidate.T))


def test_catalogues_of_several_chunks_and_queries_of_many_tasks() -> None:
    truth, seen, query, candidate = drawn(queries=3, candidates=4099, pairs=3000)
    assert len(truth.candidate_row) > 2 * 128 * 8 - 3 * 8
    ranks = rank_truth(VectorScores(query, candidate), truth, seen=seen)
    assert_ranks(ranks, slow(truth, seen, query @ candidate.T))


def test_counts_beyond_sixteen_bits() -> None:
    size = 70_001
    truth = Truth.of(
        Interactions(np.zeros(2, np.int32), np.array([0, size - 1], np.int32)), num_candidates=size
    )
    seen = Interactions(np.zeros(3, np.int32), np.array([1, 2, 3], np.int32))
    candidate = np.arange(size, dtype=np.float32)[:, None]
    ranks = rank_truth(VectorScores(np.ones((1, 1), np.float32), candidate), truth, seen=seen)
    assert_ranks(ranks, ([size, 1], [size - 3, 1]))


def test_without_seen_candidates_there_is_one_view() -> None:
    truth, seen, query, candidate = drawn(queries=40, candidates=60, pairs=400)
    ranks = rank_truth(VectorScores(query, candidate), truth)
    assert ranks.excluded is None
    assert ranks.included.tolist() == slow(truth, seen, query @ candidate.T)[0]


def test_no_pair_has_no_rank() -> None:
    nothing = Interactions(np.zeros(0, np.int32), np.zeros(0, np.int32))
    truth = Truth.of(nothing, num_candidates=3)
    scores = VectorScores(np.zeros((0, 2), np.float32), np.ones((3, 2), np.float32))
    assert_ranks(rank_truth(scores, truth, seen=nothing), ([], []))


def test_everything_seen_leaves_no_rank() -> None:
    rows = np.arange(3, dtype=np.int32)
    events = Interactions(np.zeros(3, np.int32), rows)
    truth = Truth.of(events, num_candidates=3)
    scores = VectorScores(np.ones((1, 1), np.float32), np.ones((3, 1), np.float32))
    assert_ranks(rank_truth(scores, truth, seen=events), ([1, 2, 3], [0, 0, 0]))


def test_negative_zero_ties_with_zero() -> None:
    truth = Truth.of(
        Interactions(np.zeros(4, np.int32), np.arange(4, dtype=np.int32)), num_candidates=4
    )
    candidate = np.array([[-0.0], [0.0], [-0.0], [-1.0]], np.float32)
    ranks = rank_truth(VectorScores(np.ones((1, 1), np.float32), candidate), truth)
    assert ranks.included.tolist() == [1, 2, 3, 4]


def test_ranks_are_those_an_exact_index_serves() -> None:
    truth, _, query, candidate = drawn(queries=40, candidates=60, pairs=400)
    index = registry.build("exact", ids=[f"c{row}" for row in range(60)], vectors=candidate)
    served = index.search_rows(query, 60).rows
    owner = np.repeat(np.arange(len(truth)), np.diff(truth.indptr))
    places = (served[owner] == truth.candidate_row[:, None]).argmax(axis=1) + 1
    assert rank_truth(VectorScores(query, candidate), truth).included.tolist() == places.tolist()


@pytest.mark.parametrize("query", [[1e30, 0.0], [1e30, 1e30]], ids=["infinite", "not a number"])
def test_a_score_that_overflows(query: list[float]) -> None:
    truth = Truth.of(Interactions(np.zeros(1, np.int32), np.zeros(1, np.int32)), num_candidates=2)
    scores = VectorScores(np.array([query], np.float32), np.array([[1, 1], [1e30, -1e30]], "f4"))
    with pytest.raises(EvaluationError, match="some scores are not finite"):
        rank_truth(scores, truth)


def test_scores_of_another_number_of_queries() -> None:
    truth, _, query, candidate = drawn(queries=40, candidates=60, pairs=400)
    with pytest.raises(EvaluationError, match=f"got '39 queries', expected {len(truth)}"):
        rank_truth(VectorScores(query[:39], candidate), truth)
