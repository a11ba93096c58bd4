"""What every ranking metric must do: subclass `MetricContract` and write the metric down slowly."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from turret.evaluation.metrics.figures import METRICS, sums
from turret.evaluation.metrics.rank_table import RankTable

KS = (1, 2, 5, 20)


def draw(seed: int, *, queries: int = 12, most: int = 30) -> list[list[int]]:
    """The ranks of the truth of some queries: distinct, in any order, 0 where not retrieved."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(queries):
        ranks = rng.permutation(np.arange(1, most + 1))[: rng.integers(0, 9)]
        drawn.append(np.where(rng.random(len(ranks)) < 0.2, 0, ranks).tolist())
    return drawn


def table(ranks: list[list[int]], ks: tuple[int, ...] = KS) -> RankTable:
    indptr = np.cumsum([0] + [len(each) for each in ranks])
    return RankTable.of(indptr, np.array([r for each in ranks for r in each], np.int64), ks=ks)


class MetricContract(ABC):
    """Tests for one metric."""

    name: ClassVar[str]

    @staticmethod
    @abstractmethod
    def oracle(ranks: list[int], k: int) -> float:
        """The metric of one query with a truth, by its definition."""

    def values(self, ranks: list[list[int]], ks: tuple[int, ...] = KS) -> np.ndarray:
        return METRICS[self.name](table(ranks, ks))

    def test_is_its_definition(self) -> None:
        for seed in range(50):
            ranks = draw(seed)
            found = self.values(ranks)
            assert found.shape == (len(ranks), len(KS))
            assert found.dtype == np.float64
            for query, each in enumerate(ranks):
                for place, k in enumerate(KS):
                    expected = self.oracle(each, k) if each else math.nan
                    np.testing.assert_allclose(found[query, place], expected, rtol=1e-12)

    def test_is_undefined_without_truth(self) -> None:
        assert np.isnan(self.values([[], [1]])).tolist() == [[True] * len(KS), [False] * len(KS)]

    def test_of_no_query(self) -> None:
        assert self.values([]).shape == (0, len(KS))

    def test_a_truth_that_is_not_retrieved_is_worth_nothing(self) -> None:
        assert self.values([[0, 0]]).tolist() == [[0.0] * len(KS)]

    def test_the_order_of_the_ranks_does_not_matter(self) -> None:
        assert self.values([[3, 1, 9]]).tolist() == self.values([[9, 3, 1]]).tolist()

    def test_depends_on_no_other_query(self) -> None:
        ranks = draw(7)
        alone = [self.values([each])[0] for each in ranks]
        np.testing.assert_array_equal(self.values(ranks), alone)

    def test_depends_on_no_other_k(self) -> None:
        ranks = draw(7)
        alone = [self.values(ranks, (k,))[:, 0] for k in KS]
        # The same terms, added up in another order.
        np.testing.assert_allclose(self.values(ranks).T, alone, rtol=1e-15)

    def test_its_average_leaves_out_queries_without_truth(self) -> None:
        ranks = draw(3)
        assert [] in ranks
        figures = sums(table(ranks)).figures()
        for k in KS:
            known = [self.oracle(each, k) for each in ranks if each]
            np.testing.assert_allclose(figures[f"{self.name}@{k}"], sum(known) / len(known))
