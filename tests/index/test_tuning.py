import numpy as np
import pytest

from turret.errors import CandidateIndexError
from turret.index import registry
from turret.index.candidates import Candidates
from turret.index.exact import search_exactly
from turret.index.proposing import ProposingIndex
from turret.index.tuning import Point, frontier, recall_of, tune


def clustered(rows: int, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = 3 * np.random.default_rng(0).normal(size=(50, 16))
    return (centres[rng.integers(0, 50, rows)] + rng.normal(size=(rows, 16))).astype(np.float32)


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    return Candidates([str(row) for row in range(21_000)], clustered(21_000, seed=1))


@pytest.mark.parametrize("kind", ["scann", "faiss"])
def test_the_cheapest_that_reaches_the_target_is_chosen(kind: str, candidates: Candidates) -> None:
    queries = clustered(200, seed=2)
    index, curve = tune(candidates, queries, kind=kind, target_recall=0.9, k=20)
    assert index.kind == curve.kind == kind
    assert index.settings == curve.chosen.parameters
    assert curve.queries == (100, 100)
    tried = {tuple(point.parameters.items()): point for point in curve.points}
    assert len(tried) == len(curve.points)
    mine = tried[tuple(index.settings.items())]
    assert mine.recall >= 0.9
    cheaper = [point for point in curve.points if point.p50_ms < mine.p50_ms]
    # Of a cheaper one the recall, less its standard error, is below.
    assert all(point.recall < 0.9 + 0.05 for point in cheaper)
    # The reported recall is of other queries, and is what a search of them gives.
    order = np.random.default_rng(0).permutation(200)[100:]
    truth = search_exactly(candidates.vectors, queries[order], k=20).rows
    found = index.search_rows(queries[order], 20).rows
    assert curve.chosen.recall == pytest.approx(recall_of(found, truth, size=21_000).mean())


def test_what_searches_everything_needs_no_choice(candidates: Candidates) -> None:
    index, curve = tune(candidates, clustered(10, seed=2), kind="exact", target_recall=1.0, k=5)
    assert (index.kind, len(curve.points), curve.chosen.recall) == ("exact", 1, 1.0)


def test_a_target_out_of_reach_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Candidates([str(row) for row in range(3000)], clustered(3000, seed=1))
    index = registry.of("faiss", few, lists=50, lists_to_search=1)
    assert isinstance(index, ProposingIndex)
    monkeypatch.setattr(registry, "of", lambda kind, candidates, **given: index)
    monkeypatch.setattr(type(index.parameters), "searches", lambda self, k: [{}])
    with pytest.raises(CandidateIndexError, match=r"no settings of faiss reach .*got 1\.0, exp"):
        tune(few, clustered(10, seed=2), kind="faiss", target_recall=1.0, k=50)


@pytest.mark.parametrize("target", [0.0, 1.5, float("nan")])
def test_an_impossible_target_is_refused(target: float, candidates: Candidates) -> None:
    with pytest.raises(CandidateIndexError, match="target_recall"):
        tune(candidates, clustered(4, seed=2), kind="exact", target_recall=target)


def test_no_queries_are_refused(candidates: Candidates) -> None:
    with pytest.raises(CandidateIndexError, match="two queries"):
        tune(candidates, clustered(1, seed=2), kind="exact", target_recall=0.9)


def test_recall_of_known_answers() -> None:
    found = np.array([[1, 2, 3], [4, 5, 9], [9, 9, 9]])
    truth = np.array([[3, 1, 0], [4, 9, 9], [9, 9, 9]])
    shares = recall_of(found, truth, size=9)
    assert shares[:2].tolist() == [2 / 3, 1.0]
    assert np.isnan(shares[2])


def test_the_frontier_leaves_out_what_another_surpasses() -> None:
    made = [
        Point(parameters={"n": n}, recall=recall, p50_ms=ms)
        for n, recall, ms in [(0, 0.5, 2.0), (1, 0.9, 3.0), (2, 0.5, 1.0), (3, 0.8, 4.0)]
    ]
    assert [point.parameters["n"] for point in frontier(made)] == [2, 1]
