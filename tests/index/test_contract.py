"""The contracts, on every kind of index and in each of its forms."""

from contracts.filter_contract import FilterContract
from contracts.index_contract import IndexContract


class _Contract(IndexContract, FilterContract):
    """Both."""


class TestExact(_Contract):
    kind = "exact"
    is_exact = True


class TestExactInt8(_Contract):
    """Codes are read for single queries, and the few that they leave are scored."""

    kind = "exact"
    is_exact = True
    size = 1500
    parameters = {"storage": "int8"}


class TestExactFloat16(_Contract):
    kind = "exact"
    is_exact = True
    size = 1500
    parameters = {"storage": "float16"}


class TestScann(_Contract):
    kind = "scann"
    is_exact = False


class TestFaiss(_Contract):
    kind = "faiss"
    is_exact = False


class TestScannPartitioned(_Contract):
    """Every partition is looked into and every candidate reordered: as good as exact."""

    kind = "scann"
    is_exact = False
    size = 1500
    settles_ties = False
    parameters = {"leaves": 20, "leaves_to_search": 20, "reorder": 1500}


class TestFaissPartitioned(_Contract):
    """Every list is looked into: as good as exact."""

    kind = "faiss"
    is_exact = False
    size = 1500
    settles_ties = False
    parameters = {"lists": 20, "lists_to_search": 20}


class TestFaissGraph(_Contract):
    """Every candidate is kept in sight: as good as exact."""

    kind = "faiss"
    is_exact = False
    size = 1500
    settles_ties = False
    parameters = {"links": 32, "breadth": 1500}
