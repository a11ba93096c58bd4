"""The figures of ranked scores beside those that trec_eval, by ir_measures, gives for them.

Scores are small whole numbers, so that nearly every query has ties. trec_eval lets the larger
document id come first among equal scores; ids are made so that this is the smaller row.
"""

import ir_measures
import numpy as np
import pytest
from evaluation.given_scores import GivenScores
from ir_measures import AP, RR, P, R, Rprec, Success, nDCG
from scipy.stats import mannwhitneyu

from turret.data.dataset import Interactions
from turret.evaluation.measure import views
from turret.evaluation.metrics.at_k import graded_ndcg
from turret.evaluation.metrics.figures import METRICS, sums
from turret.evaluation.metrics.rank_table import RankTable
from turret.evaluation.metrics.whole import auc, r_precision
from turret.evaluation.ranking import rank_truth
from turret.evaluation.truth import Truth

QUERIES, CANDIDATES, KS = 1000, 30, (1, 3, 10, 20)
EMPTY = 100
"""So many further queries have no truth."""
THEIRS = {
    "hit_rate": Success,
    "recall": R,
    "precision": P,
    "ndcg": nDCG,
    "map": AP,
}


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, Interactions]:
    rng = np.random.default_rng(20)
    scores = rng.integers(0, 6, size=(QUERIES, CANDIDATES)).astype(np.float32)
    sizes = rng.integers(1, 9, size=QUERIES)
    query = np.repeat(np.arange(QUERIES, dtype=np.int32), sizes)
    candidate = np.concatenate([rng.permutation(CANDIDATES)[:n] for n in sizes]).astype(np.int32)
    grade = rng.integers(1, 5, size=len(query)).astype(np.float32)
    return scores, Interactions(query, candidate, weight=grade)


@pytest.fixture(scope="module")
def ours(drawn: tuple[np.ndarray, Interactions]) -> RankTable:
    """The table of the ranks, with queries without truth behind the others."""
    scores, events = drawn
    truth = Truth.of(events, num_candidates=CANDIDATES)
    ranks = rank_truth(GivenScores(scores), truth)
    bounds = np.append(truth.indptr, np.full(EMPTY, truth.indptr[-1]))
    return RankTable.of(bounds, ranks.included, ks=KS, ranked=CANDIDATES, gains=truth.gain)


def theirs(
    drawn: tuple[np.ndarray, Interactions], measure: ir_measures.Measure, *, graded: bool = False
) -> np.ndarray:
    scores, events = drawn
    assert events.weight is not None
    grades = events.weight if graded else np.ones(len(events))
    qrels = [
        ir_measures.Qrel(str(query), f"{CANDIDATES - candidate:04}", int(grade))
        for query, candidate, grade in zip(
            events.query_row.tolist(), events.candidate_row.tolist(), grades.tolist(), strict=True
        )
    ]
    run = [
        ir_measures.ScoredDoc(str(query), f"{CANDIDATES - candidate:04}", float(score))
        for query, row in enumerate(scores)
        for candidate, score in enumerate(row)
    ]
    values = np.full(QUERIES, np.nan)
    for metric in ir_measures.iter_calc([measure], qrels, run):
        values[int(metric.query_id)] = metric.value
    return values


def check(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found[:QUERIES], expected, rtol=1e-9, atol=1e-9)
    assert np.isnan(found[QUERIES:]).all() and len(found) == QUERIES + EMPTY


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_of_the_first_k(
    drawn: tuple[np.ndarray, Interactions], ours: RankTable, name: str
) -> None:
    found = METRICS[name](ours)
    for place, k in enumerate(KS):
        if name == "mrr":
            # Of it trec_eval has only the whole.
            whole = theirs(drawn, RR)
            check(found[:, place], np.where(whole * k >= 1 - 1e-9, whole, 0.0))
        else:
            check(found[:, place], theirs(drawn, THEIRS[name] @ k))


def test_graded_ndcg(drawn: tuple[np.ndarray, Interactions], ours: RankTable) -> None:
    found = graded_ndcg(ours)
    for place, k in enumerate(KS):
        check(found[:, place], theirs(drawn, nDCG @ k, graded=True))


def test_r_precision(drawn: tuple[np.ndarray, Interactions], ours: RankTable) -> None:
    check(r_precision(ours), theirs(drawn, Rprec))


def test_auc_beside_the_statistic_of_mann_and_whitney(
    drawn: tuple[np.ndarray, Interactions], ours: RankTable
) -> None:
    scores, events = drawn
    expected = np.empty(QUERIES)
    for query in range(QUERIES):
        # Where ties are served in the order of rows, the place is what compares.
        order = np.lexsort((np.arange(CANDIDATES), -scores[query]))
        place = np.empty(CANDIDATES)
        place[order] = np.arange(CANDIDATES)
        true = np.isin(np.arange(CANDIDATES), events.candidate_row[events.query_row == query])
        area = mannwhitneyu(-place[true], -place[~true]).statistic
        expected[query] = area / (true.sum() * (~true).sum())
    check(auc(ours), expected)


def test_the_figures_of_a_report_are_their_means(
    drawn: tuple[np.ndarray, Interactions], ours: RankTable
) -> None:
    scores, events = drawn
    truth = Truth.of(events, num_candidates=CANDIDATES)
    report = views(truth, rank_truth(GivenScores(scores), truth), ks=KS).seen_included
    assert report.figures == pytest.approx(sums(ours).figures(), rel=1e-12)
    expected = np.mean(theirs(drawn, nDCG @ 10, graded=True))
    assert report.figures["graded_ndcg@10"] == pytest.approx(expected, rel=1e-9)
