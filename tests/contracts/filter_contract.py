"""How every kind of index filters: allow-lists, deny-lists, exclusions and conditions."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from contracts.index_contract import IndexCase, assert_hits, names, oracle

from turret.errors import QueryError
from turret.index import reranking
from turret.index.base import Index

Keeps = Callable[[int], bool]


def table(size: int) -> pl.DataFrame:
    rows = np.arange(size)
    return pl.DataFrame(
        {"row": rows, "kind": np.where(rows % 3 == 0, "third", "other"), "none": [None] * size}
    )


class FilterContract(IndexCase):
    """Tests for one kind of index."""

    @pytest.fixture(scope="class")
    @classmethod
    def filtered(cls, vectors: np.ndarray) -> Index:
        return cls.build(names(cls.size), vectors, table(cls.size))

    @pytest.fixture(params=["few", "many"])
    def regime(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Few kept candidates are scored; as if they were many, they are found among proposals."""
        if request.param == "many":
            monkeypatch.setattr(reranking, "_FEW_KEPT", 0)

    @pytest.mark.parametrize(
        ("where", "keeps"),
        [
            ("kind = 'third'", lambda row: row % 3 == 0),
            ("row >= 290 or row = 7", lambda row: row >= 290 or row == 7),
            ("row < 2 and kind = 'other'", lambda row: row == 1),
            ("row >= 0", lambda row: True),
            ("none = 1", lambda row: False),
        ],
    )
    @pytest.mark.usefixtures("regime")
    def test_a_condition_gives_k_of_those_that_fulfil_it(
        self, filtered: Index, vectors: np.ndarray, queries: np.ndarray, where: str, keeps: Keeps
    ) -> None:
        out = [[row for row in range(self.size) if not keeps(row)]] * 5
        rows, scores = oracle(vectors, queries, 8, out)
        assert_hits(filtered.search(queries, 8, where=where), rows, scores, 8)
        single = filtered.search(queries[2:3], 8, where=where)
        assert_hits(single, rows[2:3], scores[2:3], 8)

    @pytest.mark.usefixtures("regime")
    def test_all_filters_together(
        self, filtered: Index, vectors: np.ndarray, queries: np.ndarray
    ) -> None:
        allowed, denied = range(0, 200, 2), range(0, 60, 5)
        kept = {row for row in allowed if row % 3 == 0} - set(denied)
        first = [row for row in range(self.size) if row not in kept]
        best, _ = oracle(vectors, queries, 3, [first] * 5)
        exclude = [best[0], best[1][:1], [], [0, 1, 2], list(kept)[:-4]]
        out = [first + theirs for theirs in exclude]
        rows, scores = oracle(vectors, queries, 6, out)
        hits = filtered.search(
            queries,
            6,
            exclude=[[f"item {row}" for row in theirs] for theirs in exclude],
            allow=[*(f"item {row}" for row in allowed), "no such candidate"],
            deny=[*(f"item {row}" for row in denied), "no such candidate"],
            where="kind = 'third'",
        )
        assert_hits(hits, rows, scores, 6)

    @pytest.mark.usefixtures("regime")
    def test_allowed_and_denied(self, index: Index, vectors: np.ndarray) -> None:
        queries = vectors[:2]
        rows, scores = oracle(vectors, queries, 3, [range(2, self.size)] * 2)
        assert_hits(index.search(queries, 3, allow=["item 1", "item 0"]), rows, scores, 3)
        assert_hits(index.search(queries, 3, allow=[]), [[], []], [[], []], 3)
        rows, scores = oracle(vectors, queries, 3, [[0, 1]] * 2)
        assert_hits(index.search(queries, 3, deny=["item 1", "item 0"]), rows, scores, 3)
        assert_hits(index.search(queries, 3, deny=names(self.size)), [[], []], [[], []], 3)

    @pytest.mark.usefixtures("regime")
    def test_those_kept_may_be_far_from_the_query(
        self, filtered: Index, vectors: np.ndarray
    ) -> None:
        query = vectors[:1]
        ranked = np.lexsort((np.arange(self.size), -(vectors @ query[0])))
        far = ranked[-self.size // 2 :].tolist()
        rows, scores = oracle(vectors, query, 9, [ranked[: -self.size // 2].tolist()])
        hits = filtered.search(query, 9, allow=[f"item {row}" for row in far])
        assert_hits(hits, rows, scores, 9)

    def test_a_condition_needs_columns(self, index: Index, queries: np.ndarray) -> None:
        with pytest.raises(QueryError, match="nothing is known of the candidates but their ids"):
            index.search(queries, 1, where="row > 1")

    @pytest.mark.parametrize(
        ("where", "message"),
        [
            ('kind = "third"', "where names a column that is not there.*single quotes"),
            ("row >", "where cannot be read"),
            ("row", "where is neither true nor false"),
            ("row > (select 1)", "where holds a query of its own"),
        ],
    )
    def test_refuses_what_is_no_condition(
        self, filtered: Index, queries: np.ndarray, where: str, message: str
    ) -> None:
        with pytest.raises(QueryError, match=message):
            filtered.search(queries, 1, where=where)

    def test_refuses_one_string_for_a_list(self, index: Index, queries: np.ndarray) -> None:
        with pytest.raises(QueryError, match="allow is one string"):
            index.search(queries, 1, allow="item 1")
        with pytest.raises(QueryError, match="deny is one string"):
            index.search(queries, 1, deny="item 1")
