"""Figures by how often training met the candidate and the query."""

import math

import numpy as np
import pytest
from evaluation.planted import TEST, TRAIN, Planted, dataset

from turret.data.dataset import Dataset
from turret.data.parts import Split
from turret.data.splits import random_split
from turret.data.synthetic import synthetic
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.evaluate import evaluate
from turret.evaluation.measure import Views, measure, measure_baseline
from turret.evaluation.metrics.figures import parse_label
from turret.evaluation.parts import Figures, SliceFigures
from turret.evaluation.report import Report
from turret.evaluation.retrieved import measure_index
from turret.evaluation.slices import BANDS, slices_of
from turret.evaluation.truth import Truth
from turret.index import registry


def test_bands_meet_each_number_once() -> None:
    for count in range(300):
        assert (
            sum(
                low <= count <= math.inf if high is None else low <= count <= high
                for low, high in BANDS
            )
            == 1
        )


def test_known_slices_and_figures() -> None:
    """Training has a in three pairs, b, c, d in one each, repeated or not; e and f are new."""
    report = evaluate(Planted(), (TRAIN, TEST), ks=(1, 2), bootstrap=0, train_queries=0)
    found = {(one.of, one.least, one.most): one for one in report.slices}
    assert list(found) == [
        ("candidates", 0, 0),
        ("candidates", 1, 4),
        ("queries", 0, 0),
        ("queries", 1, 4),
    ]
    assert [(one.pairs, one.queries) for one in report.slices] == [(3, 2), (2, 1), (1, 1), (4, 2)]
    recall = [
        (one.model.seen_included["recall@2"], one.model.seen_excluded["recall@2"])
        for one in report.slices
    ]
    assert recall == [(0.5, 0.5), (1.0, 1.0), (1.0, 1.0), (0.5, 0.5)]
    # (1, e) happened twice, and its rank is 5 and 3; (3, f) is first.
    new = found["candidates", 0, 0]
    assert new.model.seen_included["top_k_accuracy@2"] == pytest.approx(1 / 3)
    assert {parse_label(name)[1] for name in new.model.seen_included} == {2, None}
    # By popularity a comes first, then b, which happened twice; query 0 has seen both.
    theirs = [one.baselines["popularity"].seen_included["recall@2"] for one in report.slices]
    assert theirs == [0.0, 0.5, 0.0, 0.25]
    assert evaluate(Planted(), (TRAIN, TEST), ks=(1,), bootstrap=0, slices=False).slices == ()


@pytest.fixture(scope="module")
def parts() -> Split:
    world = synthetic(num_queries=60, num_candidates=50, num_interactions=1500, zipf=1.5, seed=1)
    return random_split(world.dataset, test_fraction=0.3, seed=0)


class Drawn:
    """Random vectors, the same for the same ids."""

    def __init__(self, dataset: Dataset) -> None:
        self.query_id, self.ids = dataset.query_id, dataset.query_ids.to_list()

    def query_vectors(self, queries):
        rows = [self.ids.index(name) for name in queries[self.query_id]]
        return np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)[rows]

    def candidate_vectors(self, candidates):
        return np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)

    def known_queries(self, queries):
        return np.ones(len(queries), np.bool_)


def require_alone(views: Views, parts: Split, measured) -> None:
    """The figures of a slice are those of a test part that has its pairs alone."""
    truth = Truth.of(parts.test.interactions, num_candidates=50)
    slices = slices_of(truth, parts.train)
    assert len(slices) >= 6
    for of in ("candidates", "queries"):
        together = np.sum([one.pairs for one in slices if one.of == of], axis=0)
        assert (together == 1).all()
    owner = np.repeat(truth.query_row, np.diff(truth.indptr))
    kept = set[tuple[int, int]]()
    events = parts.test.interactions
    for one in slices:
        kept = set(zip(owner[one.pairs], truth.candidate_row[one.pairs], strict=True))
        pairs = zip(events.query_row, events.candidate_row, strict=True)
        alone = parts.test.with_interactions(
            events.take(np.flatnonzero([pair in kept for pair in pairs]))
        )
        wanted, found = measured(alone), views.among(one.pairs, ks=(5, 20))
        for view in ("seen_included", "seen_excluded"):
            ours, theirs = getattr(found, view), getattr(wanted, view)
            assert (ours.queries, ours.pairs) == (theirs.queries, theirs.pairs)
            assert ours.figures == pytest.approx(theirs.figures, nan_ok=True)


def test_a_slice_is_an_evaluation_of_its_pairs(parts: Split) -> None:
    def popular(test: Dataset) -> Views:
        return measure_baseline(Popularity.fit(parts.train), test, train=parts.train, ks=(5, 20))

    require_alone(popular(parts.test), parts, popular)


def test_so_it_is_by_what_an_index_answers(parts: Split) -> None:
    ids = parts.test.candidate_ids.to_list()
    model = Drawn(parts.test)
    index = registry.build("exact", ids=ids, vectors=model.candidate_vectors(None))

    def answered(test: Dataset) -> Views:
        return measure_index(model, index, test=test, train=parts.train, ks=(5, 20))

    require_alone(answered(parts.test), parts, answered)


def test_without_anything_seen_there_is_one_view() -> None:
    views = measure(Planted(), TEST, ks=(2,))
    found = views.among(np.array([True, False, False, False]), ks=(2,))
    assert found.seen_excluded is None
    assert found.seen_included.figures["recall@2"] == 1.0
    assert (found.seen_included.queries, found.seen_included.pairs) == (1, 1)


def figures(value: float) -> Figures:
    return Figures(seen_included={"recall@20": 0.5}, seen_excluded={"recall@20": value})


SLICED = Report(
    model=figures(0.5),
    slices=(
        SliceFigures(of="candidates", least=0, most=0, queries=1, pairs=1200, model=figures(0.25)),
        SliceFigures(of="candidates", least=1, most=4, queries=1, pairs=9, model=figures(math.nan)),
        SliceFigures(of="queries", least=100, most=None, queries=1, pairs=5, model=figures(0.125)),
    ),
    queries=9,
    pairs=1209,
    candidates=5,
    seconds=0.1,
)
TABLE = """\
recall@20, seen excluded, by training pairs  test pairs   model
new candidates                                    1,200  0.2500
candidates of 1 to 4                                  9       -
queries of 100 and more                               5  0.1250"""


def test_slices_are_drawn_and_kept() -> None:
    assert TABLE in SLICED.to_table(plain=True)
    shown = SLICED.to_dict()["slices"]
    assert isinstance(shown, list)
    assert shown[1]["model"]["seen_excluded"] == {"recall@20": None}
    assert (shown[2]["least"], shown[2]["most"]) == (100, None)
    again = Report.from_json(SLICED.to_json())
    assert again.to_json() == SLICED.to_json()
    assert math.isnan(again.slices[1].model.seen_excluded["recall@20"])
    assert again.slices[2].most is None


def test_training_pairs_count_once_however_often_they_occur() -> None:
    often = dataset([(0, 0)] * 7 + [(1, 1)])
    truth = Truth.of(dataset([(0, 0), (2, 5)]).interactions, num_candidates=6)
    assert [(one.of, one.least) for one in slices_of(truth, often)] == [
        ("candidates", 0),
        ("candidates", 1),
        ("queries", 0),
        ("queries", 1),
    ]
