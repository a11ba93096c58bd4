"""Tables of ranks."""

import numpy as np
import pytest

from turret.errors import EvaluationError
from turret.evaluation.metrics.rank_table import RankTable, check_ks


def test_found_candidates_are_ordered_by_query_and_rank() -> None:
    table = RankTable.of(
        np.array([0, 3, 3, 5]),
        np.array([9, 2, 5, 0, 6]),
        ks=[10, 5, 5],
        events=np.array([1, 2, 3, 4, 5]),
    )
    assert table.ks == (5, 10)
    assert table.truth.tolist() == [3, 0, 2]
    assert table.events.tolist() == [6, 0, 9]
    assert table.owner.tolist() == [0, 0, 0, 2]
    assert table.rank.tolist() == [2, 5, 9, 6]
    assert table.position.tolist() == [1, 2, 3, 1]
    assert table.weight.tolist() == [2, 3, 1, 5]
    assert table.hits.tolist() == [[2, 3], [0, 0], [0, 1]]


def test_ranks_behind_the_longest_list_are_left_out() -> None:
    table = RankTable.of(np.array([0, 2]), np.array([4, 3]), ks=[3])
    assert table.rank.tolist() == [3]
    assert table.truth.tolist() == [2]


def test_amounts_add_up_within_each_list() -> None:
    table = RankTable.of(np.array([0, 3]), np.array([1, 3, 4]), ks=[1, 2, 4])
    assert table.within(np.array([1.0, 10.0, 100.0])).tolist() == [[1.0, 1.0, 111.0]]


@pytest.mark.parametrize("ks", [[], [0], [1, -5], [True]])
def test_impossible_ks(ks: list[int]) -> None:
    with pytest.raises(EvaluationError, match="ks: got .*, expected whole numbers of at least 1"):
        check_ks(ks)


@pytest.mark.parametrize("indptr", [[], [1, 2], [0, 1], [0, 3, 2]])
def test_bounds_that_do_not_fit(indptr: list[int]) -> None:
    with pytest.raises(EvaluationError, match="expected numbers that ascend from 0 to 2"):
        RankTable.of(np.array(indptr, np.int64), np.array([1, 2]), ks=[1])


def test_a_negative_rank() -> None:
    with pytest.raises(EvaluationError, match="a rank is negative: got -3"):
        RankTable.of(np.array([0, 1]), np.array([-3]), ks=[1])
