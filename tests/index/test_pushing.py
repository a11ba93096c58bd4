"""Pushing to vector databases: whole or not at all, again and again, and what goes wrong."""

import gc
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from contracts.index_contract import whole_numbers
from pushed import columns, some

from turret.errors import StoreError
from turret.index.candidates import Candidates
from turret.index.stores.base import Restriction, VectorStore
from turret.index.stores.index import StoreIndex
from turret.index.stores.reading import translated
from turret.index.stores.registry import open_store
from turret.index.stores.storing import push
from turret.index.stores.table import Table


@pytest.fixture(params=["qdrant", "pgvector"])
def store(request: pytest.FixtureRequest, server: str) -> Iterator[VectorStore]:
    """An empty collection."""
    url = ":memory:" if request.param == "qdrant" else server
    with open_store(request.param, url, collection=uuid.uuid4().hex) as store:
        yield store


def test_a_push_says_what_it_did_and_a_second_one_does_nothing(store: VectorStore) -> None:
    told = list[tuple[int, int]]()
    first = push(store, some(range(2500)), progress=lambda done, total: told.append((done, total)))
    assert (first.candidates, first.written, first.dim, first.metric) == (2500, 2500, 4, "dot")
    assert (first.store, first.collection) == (store.kind, store.collection)
    assert (first.columns, first.left_out) == (("year",), ())
    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]
    again = push(store, some(range(2500)), progress=lambda done, total: pytest.fail("written"))
    assert (again.version, again.written) == (first.version, 0)


def test_what_is_not_pushed_again_is_gone(store: VectorStore) -> None:
    push(store, some(range(6)))
    later = some(range(3, 9))
    push(store, later)
    hits = StoreIndex(store, later).search(later.vectors[:1], 9)
    assert sorted(hits.ids[0, :6].tolist()) == [f"f{row}" for row in range(3, 9)]
    assert hits.counts.tolist() == [6]


def test_a_search_stays_with_its_version_until_the_push_after_the_next(store: VectorStore) -> None:
    versions = [some(range(size)) for size in (3, 4, 5)]
    push(store, versions[0])
    index = StoreIndex(store, versions[0])
    push(store, versions[1])
    assert index.search(versions[0].vectors[:1], 4).counts.tolist() == [3]
    push(store, versions[2])
    with pytest.raises(StoreError):
        index.search(versions[0].vectors[:1], 4)
    with pytest.raises(StoreError, match="does not hold the candidates as they are: got 'version"):
        StoreIndex(store, versions[0])
    # Back to one that is still there: nothing is written.
    assert push(store, versions[1]).written == 0
    assert StoreIndex(store, versions[1]).search(versions[0].vectors[:1], 9).counts.tolist() == [4]


def test_half_a_push_is_never_found(store: VectorStore) -> None:
    before, after = some(range(5)), some(range(3000))
    version = push(store, before).version

    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(store, after, progress=fail)
    assert store.current() == version
    with pytest.raises(StoreError, match="does not hold"):
        StoreIndex(store, after)
    assert StoreIndex(store, before).search(before.vectors[:1], 9).counts.tolist() == [5]
    assert push(store, after).written == 3000
    assert StoreIndex(store, after).search(before.vectors[:1], 3000).counts.tolist() == [3000]


def test_nothing_pushed_is_nothing_to_search(store: VectorStore) -> None:
    with pytest.raises(StoreError, match="got 'nothing'.*turret index BUNDLE --push"):
        StoreIndex(store, some(range(3)))


def test_columns_ids_and_vectors_change_the_version(store: VectorStore) -> None:
    base = some(range(3))
    columns = pl.DataFrame({"year": [1980, 1981, 1983]})
    others = [
        base.with_columns(columns),
        base.with_columns(columns.cast(pl.Float64)),
        Candidates(["f0", "f1", "g2"], base.vectors, columns=base.columns),
        Candidates(base.ids, base.vectors + 1, columns=base.columns),
    ]
    versions = {Table.of(one).version for one in [base, *others]}
    assert len(versions) == 5
    assert Table.of(some(range(3))).version in versions


def test_no_two_contents_share_a_version() -> None:
    base, nan, inf = some(range(3)), float("nan"), float("inf")
    columns = [pl.Series("x", [value, 1.5, 2.5]) for value in (nan, None, inf, -inf)]
    versions = {Table.of(base.with_columns(column.to_frame())).version for column in columns}
    assert len(versions) == 4


@pytest.mark.parametrize("length", [1, 1e-30, 1e30])
def test_the_length_of_a_query_changes_no_order(store: VectorStore, length: float) -> None:
    angles = np.linspace(0, 3, 40)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    candidates = Candidates([f"f{row}" for row in range(40)], vectors)
    push(store, candidates)
    queries = np.array([[length, 0]], dtype=np.float32)
    found = StoreIndex(store, candidates).search_rows(queries, 5)
    assert found.rows.tolist() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("normalized", [True, False])
def test_vectors_of_length_one_are_compared_by_cosine(store: VectorStore, normalized: bool) -> None:
    vectors = np.array([[0.6, 0.8], [0, 1], [-1, 0]], dtype=np.float32)
    vectors *= 1 if normalized else 2
    queries = np.array([[0, 3], [0, 0]], dtype=np.float32)
    candidates = Candidates(["a", "b", "c"], vectors)
    assert push(store, candidates).metric == ("cosine" if normalized else "dot")
    hits = StoreIndex(store, candidates).search(queries, 3)
    assert hits.ids.tolist() == [["b", "a", "c"], ["a", "b", "c"]]
    assert hits.scores[0].tolist() == (queries @ vectors.T)[0, [1, 0, 2]].tolist()


CONDITIONS = [
    *("year >= 1990", "year = 1990", "year <> 1990", "not year = 1990", "1990 <= year", "year < 0"),
    *("year in (1990, 2000)", "year not in (1990, 2000)", "year between 1990 and 1999"),
    *("not (year between 1990 and 1999)", "year is null", "year is not null", "year = -5"),
    *(
        "not (year is null)",
        "kind = 'it''s; DROP TABLE \"x\"'",
        "kind <> 'é'",
        "kind in ('é', 'b')",
    ),
    *(
        "kind > 'b'",
        "kind <= 'é'",
        "seen",
        "not seen",
        "seen = true",
        "seen = false",
        "seen <> true",
    ),
    *("narrow = 0.1", "narrow > 0.1", "narrow <= 0.1", "narrow <> 0.1", "narrow in (1.5)"),
    *("narrow between -2.25 and 1.5", "narrow not between -3 and 0.5", "narrow not in (1.5, -3)"),
    *("wide > 0.1", "wide = 0.1", "wide <= -2.25", "narrow < -2", "narrow = 1.5"),
    *("array_contains(genres, 'Drama')", "not array_contains(genres, 'Drama')"),
    *("array_contains(codes, 2)", "not array_contains(codes, 2)"),
    "year >= 1990 and kind = 'b' or seen",
    "not (year >= 1990 or kind = 'b') and not (seen and year < 1990)",
    "not (year >= 1990 and not (kind = 'b' and seen))",
    "year is null or kind is null or seen is null or narrow is null",
]
LEFT_TO_ROWS = [
    *("year / 10 = 199", "lower(kind) = 'é'", "kind like 'b%'", "year >= 1990.5", "strange > 1"),
    *("narrow in (0.3)", "narrow between 0.3 and 0.3", "narrow not between -3 and 0.1"),
    *("narrow < 1e300", "narrow in (-2.25, 3.4e38)", "wide < 1e400"),
    *("huge > 1", "day is null", "year = narrow", "year in (1990, null)", '"od d%" > 1'),
]


def test_a_condition_means_the_same_in_a_database(store: VectorStore) -> None:
    vectors = whole_numbers(6, 3, seed=1)
    candidates = Candidates([f"f{row}" for row in range(6)], vectors, columns=columns())
    pushed = push(store, candidates)
    assert set(pushed.left_out) == {"blob", "nothing", "_id"}
    table = store.fitted(Table.of(candidates))
    written = 0
    for condition in CONDITIONS:
        expected = np.flatnonzero(candidates.where(condition)).tolist()
        read = translated(condition, table.columns)
        if read is not None:
            written += 1
            restriction = Restriction(where=read)
            found = store.nearest(table, vectors[:1], 6, restriction=restriction)
            assert sorted(found[0].tolist()) == expected, condition
        hits = StoreIndex(store, candidates).search(vectors[:1], 6, where=condition)
        assert sorted(hits.ids[0, : hits.counts[0]].tolist()) == [f"f{row}" for row in expected]
    # Qdrant does not put texts in an order.
    assert written == len(CONDITIONS) - (2 if store.kind == "qdrant" else 0)


def test_other_conditions_become_rows(store: VectorStore) -> None:
    vectors = whole_numbers(6, 3, seed=1)
    candidates = Candidates([f"f{row}" for row in range(6)], vectors, columns=columns())
    push(store, candidates)
    index, table = StoreIndex(store, candidates), store.fitted(Table.of(candidates))
    for condition in LEFT_TO_ROWS:
        assert translated(condition, table.columns) is None, condition
        expected = np.flatnonzero(candidates.where(condition)).tolist()
        hits = index.search(vectors[:1], 6, where=condition)
        assert sorted(hits.ids[0, : hits.counts[0]].tolist()) == [f"f{row}" for row in expected]


def test_a_condition_with_lists_of_ids(store: VectorStore) -> None:
    candidates = some(range(30))
    push(store, candidates)
    index = StoreIndex(store, candidates)
    hits = index.search(
        candidates.vectors[:2],
        30,
        where="year >= 1990",
        allow=[f"f{row}" for row in range(5, 20)],
        deny=["f12", "f13"],
        exclude=[["f15"], []],
    )
    kept = {f"f{row}" for row in (10, 11, 14, 15, 16, 17, 18, 19)}
    assert set(hits.ids[0, :7].tolist()) == kept - {"f15"}
    assert set(hits.ids[1, :8].tolist()) == kept
    assert hits.counts.tolist() == [7, 8]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_folder_of_qdrant_has_one_client_at_a_time(tmp_path: Path) -> None:
    candidates = some(range(3))
    with open_store("qdrant", str(tmp_path), collection="x") as store:
        push(store, candidates)
        with pytest.raises(StoreError, match="cannot be opened: got .*already accessed"):
            open_store("qdrant", str(tmp_path), collection="x")
        gc.collect()  # the client that failed leaves its file open
    with open_store("qdrant", str(tmp_path), collection="x") as store:
        hits = StoreIndex(store, candidates).search(candidates.vectors[:1], 9)
        assert hits.counts.tolist() == [3]
