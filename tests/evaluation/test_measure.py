"""The figures of models whose ranks are known."""

import numpy as np
import polars as pl
import pytest
from evaluation.planted import EXCLUDED, INCLUDED, QUERIES, TEST, TRAIN, Planted, dataset

from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.measure import View, measure, views
from turret.evaluation.ranking import Ranks
from turret.evaluation.truth import Truth


def planted(included: list[int], excluded: list[int]) -> Ranks:
    """These ranks among six candidates, of which the queries 0, 1 and 3 have seen 2, 2 and 0."""
    ranks = (np.array(one, np.int32) for one in (included, excluded))
    return Ranks(*ranks, num_candidates=6, num_unseen=np.array([4, 4, 6]))


def test_both_views_of_a_model() -> None:
    found = measure(Planted(), TEST, train=TRAIN, ks=(1, 2, 3))
    included, excluded = found.seen_included, found.seen_excluded
    assert excluded is not None
    assert (included.queries, included.pairs) == (3, 5)
    assert (excluded.queries, excluded.pairs) == (3, 4)
    assert included.figures["top_k_accuracy@1"] == 2 / 5
    assert included.figures["top_k_accuracy@2"] == 3 / 5
    assert excluded.figures["top_k_accuracy@1"] == 2 / 4
    assert excluded.figures["top_k_accuracy@3"] == 4 / 4
    assert included.figures["recall@1"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert excluded.figures["recall@1"] == pytest.approx((1 + 0 + 1) / 3)
    assert excluded.figures["mrr@3"] == pytest.approx((1 + 1 / 3 + 1) / 3)


def test_the_ranks_are_those_of_the_planted_world() -> None:
    found = measure(Planted(), TEST, train=TRAIN, ks=(1, 2, 3))
    truth = Truth.of(TEST.interactions, num_candidates=6)
    expected = planted(INCLUDED, EXCLUDED)
    known = views(truth, expected, ks=(1, 2, 3))
    assert found.seen_included.figures == known.seen_included.figures
    assert found.seen_excluded is not None and known.seen_excluded is not None
    assert found.seen_excluded.figures == known.seen_excluded.figures


def test_without_training_data_there_is_one_view() -> None:
    assert measure(Planted(), TEST, ks=(1,)).seen_excluded is None


def test_ties_may_favour_the_truth() -> None:
    found = measure(Planted(), TEST, train=TRAIN, ks=(1,), ties="truth")
    assert found.seen_included.figures["top_k_accuracy@1"] == 4 / 5


@pytest.mark.parametrize("queries", [2, 3, 4])
def test_only_queries_of_the_truth_matter(queries: int) -> None:
    test = dataset([(3, 5), (3, 0)][: max(1, queries - 2)])
    found = measure(Planted(), test, train=TRAIN, ks=(1,)).seen_included
    assert found.queries == 1
    assert found.figures["hit_rate@1"] == 1.0


def test_few_queries_of_a_table_are_encoded_alone() -> None:
    asked: list[int] = []

    class Watching(Planted):
        def query_vectors(self, queries: pl.DataFrame) -> np.ndarray:
            asked.append(queries.height)
            return super().query_vectors(queries)

    measure(Watching(), dataset([(3, 5)]), ks=(1,))
    measure(Watching(), TEST, ks=(1,))
    assert asked == [1, QUERIES.height]


def test_a_truth_that_is_all_seen_is_undefined() -> None:
    found = measure(Planted(), TRAIN, train=TRAIN, ks=(1,)).seen_excluded
    assert isinstance(found, View)
    assert (found.queries, found.pairs) == (0, 0)
    assert all(np.isnan(value) for value in found.figures.values())


# Training events of the candidates a to f: 3, 2, 1, 1, 0, 0. Query 0 has seen a and b.
POPULAR = planted([2, 3, 5, 6], [0, 1, 3, 6])


def test_queries_of_which_nothing_is_known_are_served_the_popular() -> None:
    found = measure(Planted(unknown=("u0", "u3")), TEST, train=TRAIN, ks=(1, 2, 3, 6))
    truth = Truth.of(TEST.interactions, num_candidates=6)
    expected = views(truth, POPULAR, ks=(1, 2, 3, 6), fallbacks=2)
    assert found.fallbacks == 2
    assert found.seen_included.figures == expected.seen_included.figures
    assert found.seen_excluded is not None and expected.seen_excluded is not None
    assert found.seen_excluded.figures == expected.seen_excluded.figures


def test_the_popularity_may_be_given() -> None:
    upside_down = Popularity(np.arange(6, dtype=np.float32))
    model = Planted(unknown=("u3",))
    found = measure(model, TEST, ks=(1,), popularity=upside_down).seen_included
    assert found.figures["top_k_accuracy@1"] == 2 / 5
    # Without any the candidates are equally popular: the smallest row is first.
    assert measure(model, TEST, ks=(1,)).seen_included.figures["top_k_accuracy@1"] == 1 / 5
    assert measure(model, dataset([(3, 0)]), ks=(1,)).seen_included.figures["mrr@1"] == 1.0
