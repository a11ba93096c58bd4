"""Pushing to vector databases: whole or not at all, again and again, and what goes wrong."""

import gc
import socket
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl
import psycopg
import pytest
from contracts.index_contract import whole_numbers
from databases import PASSWORD, postgres
from qdrant_server import qdrant

from turret.errors import StoreError
from turret.index.candidates import Candidates
from turret.index.stores import pgvector_sql
from turret.index.stores.base import Restriction, VectorStore
from turret.index.stores.index import StoreIndex
from turret.index.stores.naming import collection_of, without_secret
from turret.index.stores.reading import translated
from turret.index.stores.registry import open_store
from turret.index.stores.storing import push
from turret.index.stores.table import Table


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        yield url


@pytest.fixture(params=["qdrant", "pgvector"])
def store(request: pytest.FixtureRequest, server: str) -> Iterator[VectorStore]:
    """An empty collection."""
    url = ":memory:" if request.param == "qdrant" else server
    with open_store(request.param, url, collection=uuid.uuid4().hex) as store:
        yield store


def some(rows: range, *, dim: int = 4) -> Candidates:
    frame = pl.DataFrame({"year": [1980 + row for row in rows]})
    vectors = whole_numbers(max(rows) + 1, dim, seed=3)[list(rows)]
    return Candidates([f"f{row}" for row in rows], vectors, columns=frame)


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


ODD = 'it\'s; DROP TABLE "x"'
NARROW = [0.1, 0.1, 1.5, -2.25, None, 0.30000001192092896]
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


def columns() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "year": [1990, 1999, None, 2000, -5, 1990],
            "kind": [ODD, "b", "é", None, "B", "a"],
            "seen": [True, False, None, True, False, None],
            "narrow": pl.Series(NARROW, dtype=pl.Float32),
            "wide": [0.1, 0.1 + 1e-17, 0.10000000149, -2.25, None, 0.2],
            "genres": [["Drama"], [], None, ["Drama", "War"], ["War"], ["drama"]],
            "codes": [[1, 2], [2], None, [], [3], [22]],
            "strange": [float("nan"), 1.0, 2.0, 3.0, None, float("inf")],
            "huge": [2**60, 2**60 + 1, 1, 2, None, 3],
            "day": [date(1999, 1, 2), None, *[date(2024, 2, 29)] * 4],
            "at": [datetime(1999, 1, 2, 3, 4, 5), None, *[datetime(2024, 2, 29)] * 4],
            "od d%": [1, 2, 3, 4, 5, 6],
            "blob": [b"1"] * 6,
            "nothing": [None] * 6,
            "_id": ["taken"] * 6,
        },
        strict=False,
    )


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


@pytest.mark.parametrize("name", ["a/b", "", "a" * 49, "a.b", 'a"b'])
def test_names_that_no_collection_has(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a collection"):
        open_store("qdrant", str(tmp_path), collection=name)


def test_the_name_of_a_collection_where_none_is_given(tmp_path: Path) -> None:
    assert collection_of(tmp_path / "my films") == "my_films"
    assert collection_of(tmp_path / "films" / "12") == "films"


def test_there_is_no_such_database() -> None:
    with pytest.raises(StoreError, match="got 'quadrant', expected one of qdrant, pgvector"):
        open_store("quadrant", "http://localhost", collection="x")


@pytest.fixture
def refused_port() -> Iterator[int]:
    """A port at which nobody listens, nor can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_no_database_at_the_address_and_no_secret_in_the_sentence(refused_port: int) -> None:
    port = refused_port
    with pytest.raises(StoreError, match="PostgreSQL at .* cannot be reached") as failed:
        open_store("pgvector", f"postgresql://me:s3cret@127.0.0.1:{port}/films", collection="x")
    assert f"postgresql://127.0.0.1:{port}/films" in str(failed.value)
    assert "s3cret" not in str(failed.value)
    with pytest.raises(StoreError, match="this is no address") as failed:
        open_store("pgvector", "postgresql://me:s3cret@h/x?nonsense=1", collection="x")
    assert "s3cret" not in str(failed.value) and failed.value.__cause__ is None
    assert without_secret("host=h password=s3cret") == "the database"


# libpq takes passwords with such signs, and Qdrant may have keys with them.
@pytest.mark.parametrize("sign", ["/", "#", "?", "@", "[", "]", ":", "%2F"])
def test_a_secret_with_odd_signs_is_not_shown(sign: str, refused_port: int) -> None:
    for kind, scheme in [("pgvector", "postgresql"), ("qdrant", "http"), ("qdrant", "https")]:
        url = f"{scheme}://:s3{sign}cret@127.0.0.1:{refused_port}/films"
        with pytest.raises(StoreError) as failed:
            open_store(kind, url, collection="x")
        assert "s3" not in str(failed.value) and "cret" not in str(failed.value)
    assert without_secret(f"postgresql:///films?password=s3{sign}cret").partition("s3")[1] == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:6333", "http://localhost:6333"),
        ("https://u:p@h.x-y.com:6333/pre/fix", "https://h.x-y.com:6333/pre/fix"),
        ("postgresql://me@h1:1,h2:2/db?sslmode=require", "postgresql://h1:1,h2:2/db"),
        ("http://[::1]:6333", "http://[::1]:6333"),
        ("here/qdrant", "here/qdrant"),
        ("http://secret:secret", "the database"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert without_secret(url) == shown


@pytest.mark.parametrize("url", ["localhost:6333", "127.0.0.1:6333/"])
def test_an_address_without_its_scheme_is_no_folder(url: str) -> None:
    with pytest.raises(StoreError, match=f"neither a folder nor .* Write http://{url} for"):
        open_store("qdrant", url, collection="x")


def test_qdrant_out_of_reach_or_with_another_key(refused_port: int) -> None:
    with pytest.raises(StoreError, match="Qdrant at .* cannot be reached") as failed:
        open_store("qdrant", f"http://:s3cret@127.0.0.1:{refused_port}", collection="x")
    assert "s3cret" not in str(failed.value)
    with qdrant() as url, pytest.raises(StoreError, match="refuses the key.*QDRANT_API_KEY"):
        open_store("qdrant", url.replace("://", "://:wrong@"), collection="x")


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


def test_a_collection_of_somebody_else_is_left_alone(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (a int)")
    with open_store("pgvector", server, collection="theirs") as store:
        with pytest.raises(StoreError, match="'theirs' that is none of Turret's.*--collection"):
            push(store, some(range(3)))
    from qdrant_client import QdrantClient, models

    from turret.index.stores.qdrant import QdrantStore

    client = QdrantClient(":memory:")
    vectors = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("theirs", vectors_config=vectors)
    with QdrantStore(client, collection="theirs", place="Qdrant") as store:
        with pytest.raises(StoreError, match="'theirs' that is none of Turret's.*--collection"):
            push(store, some(range(3)))


def test_a_view_in_another_schema_is_left_alone(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE VIEW elsewhere AS SELECT 7 AS a")
        connection.execute("CREATE SCHEMA mine")
        with open_store(
            "pgvector", f"{server}&options=-csearch_path%3Dmine,public", collection="elsewhere"
        ) as store:
            push(store, some(range(3)))
        assert connection.execute("SELECT a FROM public.elsewhere").fetchall() == [(7,)]
        assert connection.execute("SELECT count(*) FROM mine.elsewhere").fetchall() == [(3,)]


def test_whoever_could_read_the_view_still_can(server: str) -> None:
    with (
        open_store("pgvector", server, collection="read") as store,
        psycopg.connect(server, autocommit=True) as connection,
    ):
        push(store, some(range(3)))
        connection.execute('CREATE ROLE "a reader"')
        connection.execute('GRANT SELECT ON read TO "a reader", PUBLIC')
        connection.execute("CREATE VIEW on_it AS SELECT * FROM read")
        push(store, some(range(4)))
        assert connection.execute("SELECT count(*) FROM on_it").fetchall() == [(4,)]
        connection.execute("DROP VIEW on_it")
        push(store, Candidates(["a"], np.ones((1, 2))))
        granted = "SELECT grantee FROM information_schema.role_table_grants WHERE table_name = %s"
        readers = connection.execute(f"{granted} AND privilege_type = 'SELECT'", ["read"])
        assert sorted(readers.fetchall()) == [("PUBLIC",), ("a reader",), ("turret",)]


def test_what_stands_in_postgresql(server: str) -> None:
    candidates = Candidates(["a", "b"], np.eye(2), columns=columns()[:2])
    with open_store("pgvector", server, collection="Shown-1") as store:
        push(store, candidates)
    with psycopg.connect(server) as connection:
        shown = connection.execute('SELECT * FROM "Shown-1" ORDER BY _row').fetchall()
    day, at = date(1999, 1, 2), datetime(1999, 1, 2, 3, 4, 5)
    first = (0, "a", "[1,0]", 1990, ODD, True, pytest.approx(0.1), 0.1, ["Drama"], [1, 2])
    assert shown[0][:10] == first
    assert shown[0][11:] == (2**60, day, at, 1)
    assert shown[1][3:6] == (1999, "b", False) and shown[1][12:14] == (None, None)


def test_postgresql_says_what_it_lacks(server: str) -> None:
    secret = quote(PASSWORD, safe="")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE USER guarded PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE bare")
    guarded = server.replace("turret@", f"guarded:{secret}@")
    open_store("pgvector", guarded, collection="x").close()
    with pytest.raises(
        StoreError, match="does not let us in: got .*authentication failed"
    ) as failed:
        open_store("pgvector", guarded.replace(secret, "wr0ng"), collection="x")
    assert "wr0ng" not in str(failed.value)
    bare = guarded.replace("/postgres?", "/bare?")
    with open_store("pgvector", bare, collection="x") as store:
        with pytest.raises(StoreError, match="lacks the extension pgvector.*CREATE EXTENSION"):
            push(store, some(range(3)))
    nowhere = server.replace("/postgres?", "/bare?") + "&options=-cextension_control_path%3D/none"
    with open_store("pgvector", nowhere, collection="x") as store:
        with pytest.raises(StoreError, match="lacks the extension pgvector: got .*not available"):
            push(store, some(range(3)))


def test_postgresql_has_no_room_for_everything(server: str) -> None:
    with open_store("pgvector", server, collection="x") as store:
        with pytest.raises(StoreError, match="no room for such vectors: got '16001 numbers each'"):
            push(store, Candidates(["a"], np.ones((1, 16_001))))
        with pytest.raises(StoreError, match="no text with the character NUL"):
            push(store, Candidates(["a\0"], np.ones((1, 2))))
        frame = pl.DataFrame(
            {"nul": ["a\0"], "nuls": [["\0"]], "é" * 32: [1], "xmin": [1], "y": [1]}
        )
        pushed = push(store, Candidates(["a"], np.ones((1, 2)), columns=frame))
        assert pushed.columns == ("y",)


def test_a_connection_that_was_lost_is_made_again(server: str) -> None:
    candidates = some(range(4))
    with open_store("pgvector", server, collection="lost") as store:
        push(store, candidates)
        index = StoreIndex(store, candidates)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'turret'"
            )
        assert index.search(candidates.vectors[:1], 9).counts.tolist() == [4]


def test_many_candidates_get_an_index_and_filters_still_give_k(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector_sql, "ANN_FROM", 1000)
    candidates = some(range(3000), dim=8)
    with open_store("pgvector", server, collection="many") as store:
        push(store, candidates)
        with psycopg.connect(server) as connection:
            made = connection.execute("SELECT indexdef FROM pg_indexes WHERE tablename ~ '^many'")
            assert any("USING hnsw (_vector vector_ip_ops)" in text for (text,) in made)
        index = StoreIndex(store, candidates)
        for where, fewest in [("year >= 4970", 10), ("year >= 3480", 1500), ("year <> 1980", 2999)]:
            kept = set(candidates.ids.filter(pl.Series(candidates.where(where))))
            for k in (5, 10, 400):
                hits = index.search(candidates.vectors[:3], k, where=where)
                assert hits.counts.tolist() == [min(k, fewest)] * 3
                assert set(hits.ids[0, : hits.counts[0]].tolist()) <= kept


def test_looking_at_every_row_finds_them_all_however_often_it_was_asked(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector_sql, "ANN_FROM", 1000)
    vectors = np.random.default_rng(0).normal(size=(6000, 8)).astype(np.float32)
    candidates = Candidates([f"f{row}" for row in range(6000)], vectors)
    kept = "-chnsw.max_scan_tuples%3D50%20-cplan_cache_mode%3Dforce_generic_plan"
    few = f"{server}&options={kept}"
    with open_store("pgvector", few, collection="often") as store:
        push(store, candidates)
        table = store.fitted(Table.of(candidates))
        for limit, exact in [(10, False)] * 8 + [(1500, True)] * 3:
            found = store.nearest(table, vectors[:1], limit, restriction=Restriction(), exact=exact)
            assert found[0].shape[0] == limit
