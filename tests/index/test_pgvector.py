"""What is peculiar to PostgreSQL: its rights, its names, its connections and its plans."""

from datetime import date, datetime
from urllib.parse import quote

import numpy as np
import polars as pl
import psycopg
import pytest
from databases import PASSWORD
from pushed import ODD, columns, some

from turret.errors import StoreError
from turret.index.candidates import Candidates
from turret.index.stores import pgvector_sql
from turret.index.stores.base import Restriction
from turret.index.stores.index import StoreIndex
from turret.index.stores.registry import open_store
from turret.index.stores.storing import push
from turret.index.stores.table import Table


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
