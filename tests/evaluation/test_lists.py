"""The lists that queries are shown, and their figures in a report."""

import numpy as np
import pytest
from evaluation.given_scores import GivenScores
from evaluation.planted import CANDIDATES, TEST, TRAIN, Planted

from turret.data.dataset import Interactions
from turret.errors import EvaluationError
from turret.evaluation.evaluate import evaluate
from turret.evaluation.lists import list_figures, top_lists
from turret.evaluation.measure import model_scores
from turret.evaluation.retrieved import index_lists
from turret.evaluation.scores import VectorScores
from turret.evaluation.truth import Truth
from turret.index import registry

QUERIES, CANDIDATE_ROWS = 50, 13


def slow(scores: np.ndarray, seen: set[int], k: int) -> list[int]:
    """Sorted by score, then by row; filled up with -1."""
    rows = [row for row in range(len(scores)) if row not in seen]
    best = sorted(rows, key=lambda row: (-scores[row], row))[:k]
    return best + [-1] * (k - len(best))


@pytest.mark.parametrize(("k", "block_bytes"), [(4, 1 << 24), (4, 1), (20, 1 << 24)])
def test_the_best_without_and_with_the_seen(k: int, block_bytes: int) -> None:
    rng = np.random.default_rng(3)
    scores = rng.integers(-3, 4, size=(QUERIES, CANDIDATE_ROWS)).astype(np.float32)
    query = np.repeat(np.arange(QUERIES, dtype=np.int32), 5)
    candidate = rng.integers(0, CANDIDATE_ROWS, size=len(query)).astype(np.int32)
    events = Interactions(query, candidate)
    truth = Truth.of(events, num_candidates=CANDIDATE_ROWS)
    found = top_lists(GivenScores(scores), truth, seen=events, k=k, block_bytes=block_bytes)
    for row in range(QUERIES):
        met = set(candidate[query == row].tolist())
        assert found.included[row].tolist() == slow(scores[row], set(), k)
        assert found.excluded[row].tolist() == slow(scores[row], met, k)


def test_zeros_of_either_sign_are_equal_scores() -> None:
    # As in a ranking: the smaller row comes first.
    events = Interactions(np.zeros(1, np.int32), np.zeros(1, np.int32))
    truth = Truth.of(events, num_candidates=3)
    scores = GivenScores(np.array([[-0.0, 0.0, -0.0]], np.float32))
    found = top_lists(scores, truth, seen=events, k=3)
    assert found.included.tolist() == [[0, 1, 2]]
    assert found.excluded.tolist() == [[1, 2, -1]]


def test_scores_of_other_queries_are_refused() -> None:
    truth = Truth.of(TEST.interactions, num_candidates=6)
    scores = VectorScores(np.ones((1, 2), np.float32), np.ones((6, 2), np.float32))
    with pytest.raises(EvaluationError, match="not of the queries of the truth"):
        top_lists(scores, truth, seen=TRAIN.interactions, k=2)


@pytest.mark.parametrize("unknown", [(), ("u0", "u3")])
def test_an_exact_index_answers_the_same_lists(unknown: tuple[str, ...]) -> None:
    model = Planted(unknown=unknown)
    truth = Truth.of(TEST.interactions, num_candidates=6)
    names = CANDIDATES["item"].to_list()
    index = registry.build("exact", ids=names, vectors=np.eye(6, dtype=np.float32))
    scores, known = model_scores(model, TEST, train=TRAIN, truth=truth)
    own = top_lists(scores, truth, seen=TRAIN.interactions, k=3)
    answered, also = index_lists(model, index, test=TEST, train=TRAIN, truth=truth, k=3)
    assert answered.included.tolist() == own.included.tolist()
    assert answered.excluded.tolist() == own.excluded.tolist()
    assert known.tolist() == also.tolist()


def test_known_figures_of_lists() -> None:
    report = evaluate(Planted(), (TRAIN, TEST), ks=(2,), bootstrap=0, train_queries=0)
    assert report.lists is not None
    assert (report.lists.k, report.lists.queries) == (2, 3)
    # The queries 0, 1 and 3 are shown c b, a b and f e; a, b, c and d are met by 3, 1, 1 and 1 of
    # three queries, e and f by none.
    assert report.lists.model.seen_included == pytest.approx(
        {
            "coverage@2": 5 / 6,
            "gini@2": (-5 * 0 + -3 + -1 + 1 + 3 + 5 * 2) / (6 * 6),
            "mean_popularity@2": (1 + 2 + 0) / 3,
            "novelty@2": np.log2(3) * (1 + 1 / 2 + 1) / 3,
            "diversity@2": 1.0,
        }
    )
    # Without the seen c d, b d and f e.
    assert report.lists.model.seen_excluded["coverage@2"] == 5 / 6
    # Popularity shows everyone the same two, and the first that query 0 and 1 have not seen.
    popular = report.lists.baselines["popularity"]
    assert popular.seen_included["coverage@2"] == 2 / 6
    assert popular.seen_included["mean_popularity@2"] == pytest.approx(2.0)
    assert evaluate(Planted(), (TRAIN, TEST), ks=(2,), bootstrap=0, lists=False).lists is None


def test_figures_of_empty_lists_are_undefined() -> None:
    empty = np.full((2, 3), -1, np.int32)
    figures = list_figures(empty, train=TRAIN, vectors=np.eye(6, dtype=np.float32))
    assert figures.pop("coverage@3") == 0.0
    assert set(figures) == {"gini@3", "mean_popularity@3", "novelty@3", "diversity@3"}
    assert np.isnan(list(figures.values())).all()


def test_the_table_shows_the_lists() -> None:
    report = evaluate(Planted(), (TRAIN, TEST), ks=(2,), bootstrap=0, train_queries=0)
    lines = report.to_table(plain=True).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("Lists of 2, seen excluded"))
    assert lines[place].split()[-2:] == ["model", "popularity"]
    assert lines[place + 1].split()[:2] == ["coverage@2", "0.8333"]
