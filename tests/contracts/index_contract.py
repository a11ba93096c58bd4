"""What every kind of index must do: subclass `IndexContract` and say how one is built.

All vectors hold small whole numbers, so inner products are exact in float32 and every expected
answer is known to the bit. `oracle` is the slow reference.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turret.errors import CandidateIndexError, QueryError
from turret.index import registry
from turret.index.base import Index
from turret.index.hits import Hits


def whole_numbers(rows: int, dim: int, *, seed: int, high: int = 999) -> np.ndarray:
    """Vectors of whole numbers in [-high, high]."""
    drawn = np.random.default_rng(seed).integers(-high, high + 1, size=(rows, dim))
    return drawn.astype(np.float32)


def oracle(
    vectors: np.ndarray, queries: np.ndarray, k: int, exclude: Sequence[Sequence[int]] | None = None
) -> tuple[list[list[int]], list[list[float]]]:
    """Rows and scores of the best, by sorting all of them in Python."""
    rows: list[list[int]] = []
    scores: list[list[float]] = []
    for number, query in enumerate(queries):
        out = set() if exclude is None else set(exclude[number])
        ranked = sorted(
            (-float(np.dot(query.astype(np.int64), vector.astype(np.int64))), row)
            for row, vector in enumerate(vectors)
            if row not in out
        )[:k]
        rows.append([row for _, row in ranked])
        scores.append([-score for score, _ in ranked])
    return rows, scores


def names(rows: int) -> list[str]:
    return [f"item {row}" for row in range(rows)]


def assert_hits(hits: Hits, rows: list[list[int]], scores: list[list[float]], k: int) -> None:
    assert hits.counts.tolist() == [len(found) for found in rows]
    for query, found in enumerate(rows):
        missing = k - len(found)
        assert hits.ids[query].tolist() == [f"item {row}" for row in found] + [None] * missing
        assert hits.scores[query, : len(found)].tolist() == scores[query]
        assert np.isnan(hits.scores[query, len(found) :]).all()
    assert hits.ids.shape == hits.scores.shape == (len(rows), k)
    assert hits.scores.dtype == np.float32
    assert hits.counts.dtype == np.int64


class IndexCase:
    """One kind of index. `size` candidates are enough for its interesting regime."""

    kind: str
    is_exact: bool
    size: int = 300
    dim: int = 8

    parameters: Mapping[str, int | float | str] = {}
    """How it is built of `size` candidates or more; fewer are left to the kind."""

    @classmethod
    def build(
        cls, ids: Sequence[str], vectors: np.ndarray, columns: pl.DataFrame | None = None
    ) -> Index:
        parameters = cls.parameters if len(ids) >= cls.size else {}
        return registry.build(cls.kind, ids=ids, vectors=vectors, columns=columns, **parameters)

    @pytest.fixture(scope="class")
    @classmethod
    def vectors(cls) -> np.ndarray:
        return whole_numbers(cls.size, cls.dim, seed=1)

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, vectors: np.ndarray) -> Index:
        return cls.build(names(cls.size), vectors)

    @pytest.fixture(scope="class")
    @classmethod
    def queries(cls) -> np.ndarray:
        return whole_numbers(5, cls.dim, seed=2)


class SearchContract(IndexCase):
    """What every index answers, wherever its search is done."""

    def test_says_what_it_is(self, index: Index, vectors: np.ndarray) -> None:
        assert (index.kind, index.is_exact) == (self.kind, self.is_exact)
        assert (len(index), index.dim) == (self.size, self.dim)
        assert index.ids.to_list() == names(self.size)
        assert np.array_equal(index.vectors, vectors)
        assert not index.vectors.flags.writeable

    @pytest.mark.parametrize("k", [1, 7, 40])
    def test_best_first_with_true_scores(
        self, index: Index, vectors: np.ndarray, queries: np.ndarray, k: int
    ) -> None:
        rows, scores = oracle(vectors, queries, k)
        assert_hits(index.search(queries, k), rows, scores, k)

    def test_k_beyond_the_candidates(
        self, index: Index, vectors: np.ndarray, queries: np.ndarray
    ) -> None:
        k = self.size + 3
        rows, scores = oracle(vectors, queries, k)
        assert_hits(index.search(queries, k), rows, scores, k)

    def test_a_batch_answers_as_its_queries_one_by_one(
        self, index: Index, queries: np.ndarray
    ) -> None:
        batch = index.search(np.tile(queries, (30, 1)), 9)
        for number in range(150):
            single = index.search(queries[number % 5][None], 9)
            assert batch.ids[number].tolist() == single.ids[0].tolist()
            assert batch.scores[number].tolist() == single.scores[0].tolist()

    def test_exclusions_by_id_still_give_k(
        self, index: Index, vectors: np.ndarray, queries: np.ndarray
    ) -> None:
        best, _ = oracle(vectors, queries, 20)
        out = [best[0], best[1][:5], [], best[3][3:9] + best[3][3:9], list(range(0, self.size, 2))]
        rows, scores = oracle(vectors, queries, 10, out)
        by_id = [[f"item {row}" for row in excluded] for excluded in out]
        by_id[2] = ["no such candidate"]
        assert_hits(index.search(queries, 10, exclude=by_id), rows, scores, 10)

    def test_exclusions_by_row(self, index: Index, queries: np.ndarray) -> None:
        out = [np.array([3, 1, 3]), *[np.empty(0, dtype=np.int32)] * 4]
        by_row = index.search_rows(queries, 6, exclude_rows=out)
        by_id = index.search(queries, 6, exclude=[["item 1", "item 3"], [], [], [], []])
        assert [[f"item {row}" for row in found] for found in by_row.rows] == by_id.ids.tolist()
        assert np.array_equal(by_row.scores, by_id.scores)

    def test_few_left_after_exclusions(
        self, index: Index, vectors: np.ndarray, queries: np.ndarray
    ) -> None:
        out = [[row for row in range(self.size) if row not in (4, 9, 17)]] * 5
        rows, scores = oracle(vectors, queries, 10, out)
        by_id = [[f"item {row}" for row in excluded] for excluded in out]
        assert_hits(index.search(queries, 10, exclude=by_id), rows, scores, 10)

    def test_everything_excluded(self, index: Index, queries: np.ndarray) -> None:
        hits = index.search(queries, 4, exclude=[names(self.size)] * 5)
        assert_hits(hits, [[]] * 5, [[]] * 5, 4)

    def test_behind_the_count_a_row_is_no_row(self, index: Index, queries: np.ndarray) -> None:
        hits = index.search_rows(queries[:1], self.size + 1)
        assert hits.rows[0, -1] == self.size
        assert sorted(hits.rows[0].tolist()) == list(range(self.size + 1))

    def test_no_queries(self, index: Index) -> None:
        hits = index.search(np.empty((0, self.dim), dtype=np.float32), 3)
        assert hits.ids.shape == hits.scores.shape == (0, 3)
        assert hits.counts.shape == (0,)

    def test_no_candidates(self, queries: np.ndarray) -> None:
        empty = self.build([], np.empty((0, self.dim), dtype=np.float32))
        assert_hits(empty.search(queries, 2), [[]] * 5, [[]] * 5, 2)

    def test_a_single_candidate(self) -> None:
        index = self.build(["item 0"], np.array([[2, 3]], dtype=np.float32))
        hits = index.search(np.array([[5, -1]], dtype=np.float32), 2)
        assert_hits(hits, [[0]], [[7.0]], 2)

    def test_zero_query_ties_with_everything(self, index: Index) -> None:
        hits = index.search(np.zeros((1, self.dim), dtype=np.float32), 3)
        assert hits.scores.tolist() == [[0.0, 0.0, 0.0]]
        if self.settles_ties:
            assert hits.ids.tolist() == [["item 0", "item 1", "item 2"]]

    settles_ties: bool = True
    """Whether ties across the last place are settled too: not promised between partitions."""

    def test_ties_go_to_the_smallest_row(self) -> None:
        vectors = np.repeat(np.array([[1, 0], [0, 1]], dtype=np.float32), 20, axis=0)
        index = self.build(names(40), vectors)
        hits = index.search(np.array([[0, 2], [1, 1]], dtype=np.float32), 25)
        assert_hits(
            hits,
            [[*range(20, 40), *range(5)], list(range(25))],
            [[2.0] * 20 + [0.0] * 5, [1.0] * 25],
            25,
        )

    oddest: str = "\x00"
    """PostgreSQL does not have this one."""

    def test_ids_in_any_unicode(self) -> None:
        ids = ["", "na\u00efve", "nai\u0308ve", "日本", "🎬", "a\nb", self.oddest, "42"]
        index = self.build(ids, np.eye(8, dtype=np.float32))
        hits = index.search(np.eye(8, dtype=np.float32), 1)
        assert hits.ids[:, 0].tolist() == ids
        out = index.search(np.eye(8, dtype=np.float32)[:1], 8, exclude=[["🎬", self.oddest]])
        assert out.ids[0].tolist() == [*ids[:3], "日本", "a\nb", "42", None, None]

    @pytest.mark.parametrize("k", [0, -1])
    def test_refuses_an_impossible_k(self, index: Index, queries: np.ndarray, k: int) -> None:
        with pytest.raises(QueryError, match=f"k: got {k}, expected a whole number of at least 1"):
            index.search(queries, k)

    def test_refuses_queries_of_another_length(self, index: Index) -> None:
        with pytest.raises(CandidateIndexError, match=r"shape \(2, 9\).*expected .*, 8\]"):
            index.search(np.ones((2, 9), dtype=np.float32), 1)

    def test_refuses_a_query_that_is_not_finite(self, index: Index, queries: np.ndarray) -> None:
        broken = queries.copy()
        broken[2, 1] = np.nan
        with pytest.raises(QueryError, match="vector of query 2 is not finite"):
            index.search(broken, 1)

    def test_refuses_exclusions_that_do_not_fit(self, index: Index, queries: np.ndarray) -> None:
        with pytest.raises(QueryError, match="got 1, expected 5"):
            index.search(queries, 1, exclude=[["item 1"]])
        with pytest.raises(QueryError, match="one string"):
            index.search(queries[:1], 1, exclude=["item 1"])


class IndexContract(SearchContract):
    """Tests for one kind of index that bundles hold: it is saved and loaded, too."""

    def test_no_candidates_saved_and_loaded(self, queries: np.ndarray, tmp_path: Path) -> None:
        empty = self.build([], np.empty((0, self.dim), dtype=np.float32))
        empty.save(tmp_path)
        again = registry.load(tmp_path, ids=[], vectors=empty.vectors)
        assert_hits(again.search(queries, 2), [[]] * 5, [[]] * 5, 2)

    def test_saved_and_loaded_answers_bit_equal(self, index: Index, tmp_path: Path) -> None:
        index.save(tmp_path)
        again = registry.load(tmp_path, ids=names(self.size), vectors=index.vectors.copy())
        assert type(again) is type(index)
        rng = np.random.default_rng(3)
        queries = rng.normal(size=(70, self.dim)).astype(np.float32)
        exclude = [names(number) for number in range(70)]
        for left, right in (
            (index.search(queries, 12), again.search(queries, 12)),
            (index.search(queries[:1], 12), again.search(queries[:1], 12)),
            (
                index.search(queries, 12, exclude=exclude),
                again.search(queries, 12, exclude=exclude),
            ),
        ):
            assert left.ids.tolist() == right.ids.tolist()
            assert left.scores.tobytes() == right.scores.tobytes()
            assert left.counts.tolist() == right.counts.tolist()

    def test_nothing_saved_is_a_pickle(self, index: Index, tmp_path: Path) -> None:
        index.save(tmp_path)
        for path in tmp_path.rglob("*"):
            assert path.suffix != ".pkl"
            assert path.read_bytes()[:2] not in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")

    def test_loading_refuses_other_candidates(self, index: Index, tmp_path: Path) -> None:
        index.save(tmp_path)
        with pytest.raises(CandidateIndexError, match="belongs to other candidates"):
            registry.load(tmp_path, ids=names(self.size - 1), vectors=index.vectors[1:])

    def test_loading_refuses_a_missing_description(self, index: Index, tmp_path: Path) -> None:
        with pytest.raises(CandidateIndexError, match=r"index\.json"):
            registry.load(tmp_path, ids=names(self.size), vectors=index.vectors)

    def test_refuses_an_unknown_parameter(self, vectors: np.ndarray) -> None:
        with pytest.raises(CandidateIndexError, match="parameter"):
            registry.build(self.kind, ids=names(self.size), vectors=vectors, no_such_parameter=1)
