"""The contract, on every kind of index and on its partitioned form."""

from collections.abc import Sequence

import numpy as np
from contracts.index_contract import IndexContract

from turret.index import registry
from turret.index.base import Index


class TestExact(IndexContract):
    kind = "exact"
    is_exact = True


class TestScann(IndexContract):
    kind = "scann"
    is_exact = False


class TestFaiss(IndexContract):
    kind = "faiss"
    is_exact = False


class TestScannPartitioned(IndexContract):
    """Every partition is looked into and every candidate reordered: as good as exact."""

    kind = "scann"
    is_exact = False
    size = 1500
    settles_ties = False

    @classmethod
    def build(cls, ids: Sequence[str], vectors: np.ndarray) -> Index:
        if len(ids) < cls.size:
            return registry.build(cls.kind, ids, vectors)
        return registry.build(
            cls.kind, ids, vectors, leaves=20, leaves_to_search=20, reorder=cls.size
        )


class TestFaissPartitioned(IndexContract):
    """Every list is looked into: as good as exact."""

    kind = "faiss"
    is_exact = False
    size = 1500
    settles_ties = False

    @classmethod
    def build(cls, ids: Sequence[str], vectors: np.ndarray) -> Index:
        if len(ids) < cls.size:
            return registry.build(cls.kind, ids, vectors)
        return registry.build(cls.kind, ids, vectors, lists=20, lists_to_search=20)
