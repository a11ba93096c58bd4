"""Scores from vectors."""

import numpy as np
import pytest

from turret.errors import EvaluationError
from turret.evaluation.scores import VectorScores


def test_scores_are_padded_inner_products() -> None:
    queries = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    candidates = np.array([[1, 0], [0, 1]], np.float32)
    scores = VectorScores(queries, candidates)
    assert (scores.num_queries, scores.num_candidates) == (3, 2)
    block = np.asarray(scores.block(slice(1, 3), rows=4, columns=3))
    assert block.tolist() == [[3, 4, 0], [5, 6, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite(bad: float) -> None:
    good = np.ones((3, 2), np.float32)
    wrong = good.copy()
    wrong[1, 0] = bad
    with pytest.raises(EvaluationError, match="1 query vectors are not finite"):
        VectorScores(wrong, good)
    with pytest.raises(EvaluationError, match="1 candidate vectors are not finite"):
        VectorScores(good, wrong)


def test_vectors_of_other_lengths() -> None:
    with pytest.raises(EvaluationError, match="differ in length: got 3, expected 2"):
        VectorScores(np.ones((1, 3), np.float32), np.ones((1, 2), np.float32))
