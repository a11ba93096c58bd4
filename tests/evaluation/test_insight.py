"""Neighbours and scores of a model that is known."""

import numpy as np
import pytest
from evaluation.planted import TEST, TRAIN, Planted

from turret.evaluation.insight import neighbourhoods, score_figures


class Plane(Planted):
    """Candidates a to f as directions in a plane; f has none."""

    def candidate_vectors(self, candidates: object) -> np.ndarray:
        return np.array([[1, 0], [2, 1], [0, 1], [-1, 0], [0, -3], [0, 0]], np.float32)

    def query_vectors(self, queries: object) -> np.ndarray:
        return np.array([[1, 0]] * queries.height, np.float32)  # pyright: ignore[reportAttributeAccessIssue]


def test_the_neighbours_of_the_popular() -> None:
    found = neighbourhoods(Plane(), TRAIN, number=2, nearest=2)
    # Three queries met a; b, c and d have one each.
    assert [(one.candidate, one.met_by) for one in found] == [("a", 3), ("b", 1)]
    assert [near.candidate for near in found[0].nearest] == ["b", "c"]
    assert found[0].nearest[0].cosine == pytest.approx(2 / np.sqrt(5))
    assert [near.candidate for near in found[1].nearest] == ["a", "c"]
    # What nobody met is not well known, and what has no direction is nobody's neighbour.
    every = neighbourhoods(Plane(), TRAIN, nearest=9)
    assert [one.candidate for one in every] == ["a", "b", "c", "d"]
    assert all("f" not in [near.candidate for near in one.nearest] for one in every)


def test_the_distribution_of_scores() -> None:
    found = score_figures(Plane(), TEST, seed=0, bins=4)
    assert found is not None
    # The test pairs are of c, b, e, e and f, whose scores are 0, 2, 0, 0 and 0.
    low, high = found.edges[0], found.edges[-1]
    assert high == 2.0 and low in (-1.0, 0.0)
    assert found.true[-1] == pytest.approx(1 / 5)
    assert sum(found.true) == sum(found.chance) == pytest.approx(1.0)


def test_scores_that_are_all_the_same_have_no_distribution() -> None:
    flat = Planted(np.zeros((4, 6), np.float32))
    assert score_figures(flat, TEST, seed=0) is None
