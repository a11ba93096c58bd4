import numpy as np
import pytest

from turret.errors import CandidateIndexError, QueryError
from turret.index.base import check_search
from turret.index.candidates import Candidates
from turret.index.hits import RowHits


def test_candidates_keep_what_they_are_given() -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    candidates = Candidates(["b", "a", "c"], vectors)
    assert np.shares_memory(candidates.vectors, vectors)
    assert vectors.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        candidates.vectors[0, 0] = 1
    assert candidates.ids.to_list() == ["b", "a", "c"]
    assert (len(candidates), candidates.dim) == (3, 2)


def test_candidates_become_float32() -> None:
    assert Candidates(["a"], np.array([[0.1]])).vectors.tolist() == [[float(np.float32(0.1))]]


def test_rows_of_ids() -> None:
    candidates = Candidates(["b", "a", "c"], np.eye(3))
    assert candidates.rows(["c", "x", "b", "c"]).tolist() == [2, 0, 2]
    assert candidates.exclusions(None) is None
    exclusions = candidates.exclusions([{"a"}, [], ("x",)])
    assert exclusions is not None
    assert [rows.tolist() for rows in exclusions] == [[1], [], []]


def test_naming_puts_none_behind_the_count() -> None:
    candidates = Candidates(["b", "a"], np.eye(2))
    hits = RowHits(
        np.array([[1, 2, 2]]), np.array([[1, np.nan, np.nan]], dtype=np.float32), np.array([1])
    )
    assert candidates.name(hits).ids.tolist() == [["a", None, None]]


def test_ids_and_vectors_must_fit() -> None:
    with pytest.raises(CandidateIndexError, match=r"got '1 ids and vectors of shape \(2, 2\)'"):
        Candidates(["a"], np.eye(2))


def test_ids_must_be_distinct_strings() -> None:
    with pytest.raises(CandidateIndexError, match="occurs twice: got 'b'"):
        Candidates(["a", "b", "c", "b"], np.eye(4))
    with pytest.raises(CandidateIndexError, match="id in row 1 is not a string: got 7"):
        Candidates(iter(["a", 7]), np.eye(2))  # pyright: ignore[reportArgumentType]  (the point)


def test_vectors_must_be_finite() -> None:
    vectors = np.eye(3)
    vectors[1, 2], vectors[2, 0] = np.nan, np.inf
    with pytest.raises(CandidateIndexError, match=r"2 candidate .* first in row 1: got 'b'"):
        Candidates(["a", "b", "c"], vectors)


def test_a_search_needs_a_whole_k() -> None:
    with pytest.raises(QueryError, match="k: got True"):
        check_search(np.ones((1, 2)), dim=2, k=True, exclude=None)
