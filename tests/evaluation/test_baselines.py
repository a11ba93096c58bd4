"""Baselines, whose scores are known."""

import numpy as np
import pytest
from evaluation.planted import TEST, TRAIN

from turret.errors import EvaluationError
from turret.evaluation.baselines import BASELINES, BaselineScores, Popularity, fit_baseline
from turret.evaluation.measure import measure_baseline


def test_popularity_ranks_by_training_events_and_then_by_row() -> None:
    popularity = Popularity.fit(TRAIN)
    assert popularity.scores(np.array([0, 3], np.int32)).tolist() == [[3, 2, 1, 1, 0, 0]] * 2
    # Included: b is second, c third, e fifth, f sixth. Excluded: c leads query 0 (a and b are
    # seen), e is third of query 1 (a and c are), f sixth of query 3.
    found = measure_baseline(popularity, TEST, train=TRAIN, ks=(1, 2, 3, 5))
    assert found.seen_included.figures["top_k_accuracy@2"] == 1 / 5
    assert found.seen_included.figures["top_k_accuracy@5"] == 4 / 5
    assert found.seen_excluded is not None
    assert found.seen_excluded.figures["top_k_accuracy@1"] == 1 / 4
    assert found.seen_excluded.figures["top_k_accuracy@3"] == 3 / 4


def test_a_block_of_a_baseline_is_padded() -> None:
    scores = BaselineScores(Popularity.fit(TRAIN), np.array([0, 1, 3], np.int32))
    assert (scores.num_queries, scores.num_candidates) == (3, 6)
    block = scores.block(slice(1, 3), rows=4, columns=8)
    assert block.shape == (4, 8)
    assert block[:2, :6].tolist() == [[3, 2, 1, 1, 0, 0]] * 2
    assert not block[2:].any() and not block[:, 6:].any()


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_scores_every_candidate(name: str) -> None:
    fitted, seconds = fit_baseline(name, TRAIN)
    assert seconds >= 0
    scores = fitted.scores(np.array([2, 0], np.int32))
    assert scores.shape == (2, fitted.num_candidates) == (2, 6)
    assert np.isfinite(scores).all()


def test_an_unknown_baseline() -> None:
    with pytest.raises(EvaluationError, match="no such baseline: got 'x'. Known are: popularity"):
        fit_baseline("x", TRAIN)
