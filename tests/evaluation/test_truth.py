"""Pairs of queries and candidates."""

import numpy as np
import pytest

from turret.data.dataset import Interactions
from turret.evaluation.truth import Truth


def events(queries: list[int], candidates: list[int]) -> Interactions:
    return Interactions(np.array(queries, np.int32), np.array(candidates, np.int32))


def pairs(truth: Truth) -> list[tuple[int, int, int]]:
    owner = np.repeat(truth.query_row, np.diff(truth.indptr))
    columns = (owner.tolist(), truth.candidate_row.tolist(), truth.events.tolist())
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize("num_candidates", [7, 2**30])
def test_each_pair_once_with_its_events(num_candidates: int) -> None:
    rng = np.random.default_rng(0)
    queries, candidates = rng.integers(0, 9, 200).tolist(), rng.integers(0, 7, 200).tolist()
    listed = list(zip(queries, candidates, strict=True))
    truth = Truth.of(events(queries, candidates), num_candidates=num_candidates)
    assert pairs(truth) == [(q, c, listed.count((q, c))) for q, c in sorted(set(listed))]
    assert truth.query_row.tolist() == sorted(set(queries))
    assert len(truth) == len(set(queries))


def test_of_no_event() -> None:
    truth = Truth.of(events([], []), num_candidates=3)
    assert (len(truth), truth.indptr.tolist(), pairs(truth)) == (0, [0], [])


def test_take_keeps_whole_queries() -> None:
    truth = Truth.of(events([1, 1, 4, 6, 6], [3, 0, 2, 1, 1]), num_candidates=5)
    some = truth.take(np.array([0, 2]))
    assert pairs(some) == [(1, 0, 1), (1, 3, 1), (6, 1, 2)]
    assert some.query_row.tolist() == [1, 6]


def test_bounds_keep_queries_that_lose_everything() -> None:
    truth = Truth.of(events([1, 1, 4, 6], [3, 0, 2, 1]), num_candidates=5)
    kept = np.array([True, False, False, True])
    assert truth.bounds(kept).tolist() == [0, 1, 1, 2]
