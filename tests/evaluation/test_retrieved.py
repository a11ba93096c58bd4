"""Evaluation of what an index answers."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from evaluation.planted import CANDIDATES, TEST, TRAIN, Planted

from turret.errors import EvaluationError
from turret.evaluation.measure import Views, measure
from turret.evaluation.metrics.figures import WHOLE
from turret.evaluation.retrieved import measure_index
from turret.index import registry
from turret.index.hits import RowHits

NAMES = CANDIDATES["item"].to_list()


def both(views: Views) -> list[dict[str, float]]:
    """The figures of both views, but for those of whole rankings, which no index answers."""
    assert views.seen_excluded is not None
    figures = [views.seen_included.figures, views.seen_excluded.figures]
    return [{name: v for name, v in view.items() if name not in WHOLE} for view in figures]


@pytest.mark.parametrize("ks", [(1, 3), (2, 50)])
def test_an_exact_index_gives_the_figures_of_the_model(ks: tuple[int, int]) -> None:
    index = registry.build("exact", ids=NAMES, vectors=np.eye(6, dtype=np.float32))
    found = both(measure_index(Planted(), index, test=TEST, train=TRAIN, ks=ks))
    assert found == both(measure(Planted(), TEST, train=TRAIN, ks=ks))


@pytest.mark.parametrize("unknown", [("u3",), ("u0", "u3"), ("u0", "u1", "u3")])
def test_queries_of_which_nothing_is_known_are_served_the_popular(unknown: tuple[str, ...]) -> None:
    index = registry.build("exact", ids=NAMES, vectors=np.eye(6, dtype=np.float32))
    model = Planted(unknown=unknown)
    found = measure_index(model, index, test=TEST, train=TRAIN, ks=(1, 3))
    assert found.fallbacks == len(unknown)
    assert both(found) == both(measure(model, TEST, train=TRAIN, ks=(1, 3)))


def test_the_rows_of_the_index_may_be_in_another_order() -> None:
    model = Planted(np.array([[3, 4, 5, 2, 1, 0]] * 4, np.float32))
    index = registry.build("exact", ids=NAMES[::-1], vectors=np.eye(6, dtype=np.float32)[::-1])
    found = both(measure_index(model, index, test=TEST, train=TRAIN, ks=(1, 3)))
    assert found == both(measure(model, TEST, train=TRAIN, ks=(1, 3)))


class Answers:
    """Answers two rows whatever is asked, leaving out what is excluded."""

    is_exact: ClassVar[bool] = False

    def __init__(self, ids: Sequence[str], rows: Sequence[int]) -> None:
        self.ids = pl.Series(ids, dtype=pl.String)
        self.rows = rows
        self.asked: list[int] = []

    def search_rows(
        self, queries: np.ndarray, k: int, *, exclude_rows: Sequence[np.ndarray] | None = None
    ) -> RowHits:
        self.asked.append(k)
        rows = np.full((len(queries), k), len(self.ids), dtype=np.int64)
        for query in range(len(queries)):
            out = [] if exclude_rows is None else exclude_rows[query].tolist()
            kept = [row for row in self.rows if row not in out][:k]
            rows[query, : len(kept)] = kept
        counts = (rows < len(self.ids)).sum(axis=1)
        return RowHits(rows, np.zeros(rows.shape, np.float32), counts)


def test_what_is_not_answered_was_not_retrieved() -> None:
    index = Answers(NAMES, [2, 1])
    whole = measure_index(Planted(), index, test=TEST, train=TRAIN, ks=(1, 2)).seen_included
    assert np.isnan([whole.figures[name] for name in WHOLE]).all()
    included, excluded = both(measure_index(Planted(), index, test=TEST, train=TRAIN, ks=(1, 2)))
    assert index.asked == [2] * 4
    assert included["top_k_accuracy@1"] == 1 / 5
    assert included["top_k_accuracy@2"] == 2 / 5
    assert excluded["top_k_accuracy@2"] == 1 / 4


def test_ids_that_are_no_candidate_take_a_place() -> None:
    index = Answers(["stranger", "c"], [0, 1])
    included, _ = both(measure_index(Planted(), index, test=TEST, train=TRAIN, ks=(1, 2)))
    assert (included["top_k_accuracy@1"], included["top_k_accuracy@2"]) == (0.0, 1 / 5)


def test_an_index_of_other_candidates() -> None:
    with pytest.raises(EvaluationError, match="no candidate of the index is one of the data set"):
        measure_index(Planted(), Answers(["x"], [0]), test=TEST, train=TRAIN, ks=(1,))
