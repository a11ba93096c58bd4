"""PostgreSQL with the extension pgvector."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, LiteralString, TypeVar

import numpy as np
from jaxtyping import Float32, Int64

from turret.errors import MissingPartError, StoreError
from turret.index.stores.base import Progress, Restriction, VectorStore
from turret.index.stores.naming import without_secret
from turret.index.stores.pgvector_sql import (
    ID,
    ROW,
    VECTOR,
    conditions_of,
    create_table,
    search_of,
)
from turret.index.stores.table import Column, Table

try:
    import psycopg
    from pgvector import Vector
    from pgvector.psycopg import register_vector
    from psycopg import sql
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
except ModuleNotFoundError as missing:
    raise MissingPartError(missing.name or "psycopg", extra="pgvector") from missing

__all__ = ["PgvectorStore"]

T = TypeVar("T")

_CONNECT_SECONDS = 10
_PORTS = re.compile(r"[\d,]*")
_MOST_NUMBERS, _MOST_INDEXED = 16_000, 2_000
_LONGEST_NAME = 63
_SYSTEM = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_FEWEST_LOOKED_AT, _MOST_LOOKED_AT = 100, 1_000
_VERSIONS = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'r' AND starts_with(c.relname, %s)
    AND obj_description(c.oid, 'pg_class') LIKE 'turret %%'
"""
_GRANTED = """
    SELECT CASE granted.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(granted.grantee) END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) granted
    WHERE n.nspname = current_schema() AND c.relname = %s
    AND granted.privilege_type = 'SELECT' AND granted.grantee <> c.relowner
"""
_NAMED = """
    SELECT c.relkind, obj_description(c.oid, 'pg_class') FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relname = %s
"""


class PgvectorStore(VectorStore):
    """A table of PostgreSQL, with vectors of the extension pgvector.

    A version is a table `NAME.VERSION`, and the view `NAME` shows one of them. One transaction
    writes the table and turns the view to it.

    Args:
        url: as libpq reads it.
        collection: the name.
    """

    kind: ClassVar[str] = "pgvector"

    def __init__(self, url: str, *, collection: str) -> None:
        """Connect."""
        self.collection = collection
        self._place = f"PostgreSQL at {without_secret(url)}"
        given = {
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "turret",
            **_settings_of(url),
        }
        self._settings = make_conninfo("", **given)
        self._lock = threading.RLock()
        self._connection = self._connected()

    @classmethod
    def open(cls, url: str, *, collection: str) -> "PgvectorStore":
        """Connects. See `VectorStore.open`."""
        return cls(url, collection=collection)

    def current(self) -> str | None:
        """Says which table the view shows. See `VectorStore.current`."""
        return self._ask(self._shown)

    def _shown(self) -> str | None:
        found = self._rows(_NAMED, [self.collection])
        if not found:
            return None
        kind, comment = found[0]
        if kind not in ("v", b"v") or not str(comment or "").startswith("turret "):
            raise StoreError(
                f"{self._place} has a table or view {self.collection!r} that is none of Turret's",
                fix="Choose another name with --collection.",
            )
        return str(comment).removeprefix("turret ")

    def holds(self, version: str) -> bool:
        """Looks for the table. See `VectorStore.holds`."""
        return self._name(version) in self._ask(self._versions)

    def fitted(self, table: Table) -> Table:
        """Leaves out columns that PostgreSQL cannot call so. See `VectorStore.fitted`.

        A sign of a parameter, %, cannot stand in a name that is searched by.
        """
        dim = table.candidates.dim
        if not 1 <= dim <= _MOST_NUMBERS:
            raise StoreError(
                "pgvector has no room for such vectors",
                got=f"{dim} numbers each",
                expected=f"1 to {_MOST_NUMBERS:,}",
            )
        ids = table.candidates.ids
        nul = ids.filter(ids.str.contains("\0", literal=True))
        if len(nul) > 0:
            raise StoreError(
                "PostgreSQL has no text with the character NUL, as in this id", got=nul[0]
            )
        taken = _SYSTEM | {ROW, ID, VECTOR}
        # Nor have its columns.
        taken |= {name for name, found in table.columns.items() if _nul(table, name, found)}
        return table.with_columns(
            {
                name: replace(column, filterable=column.filterable and "%" not in name)
                for name, column in table.columns.items()
                if name not in taken
                and 0 < len(name.encode()) <= _LONGEST_NAME
                and "\0" not in name
            }
        )

    def write(self, table: Table, *, progress: Progress) -> None:
        """Writes a table and turns the view, in one transaction. See `VectorStore.write`."""

        def change() -> None:
            with self._connection.transaction():
                self._run(
                    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                    [f"turret {self.collection}"],
                )
                name, before = self._name(table.version), self._shown()
                there = self._versions()
                if name not in there:
                    self._fill(name, table, progress)
                self._turn(name, table)
                kept = {name} if before is None else {name, self._name(before)}
                for other in there:
                    if other not in kept:
                        self._run(sql.SQL("DROP TABLE {}").format(sql.Identifier(other)))

        self._ask(change, again=False)

    def nearest(
        self,
        table: Table,
        queries: Float32[np.ndarray, "q d"],
        limit: int,
        *,
        restriction: Restriction,
        exact: bool = False,
    ) -> list[Int64[np.ndarray, " ..."]]:
        """Asks for one query after another in a transaction. See `VectorStore.nearest`."""
        name = self._name(table.version)
        where, values = conditions_of(restriction, table)
        looked_at = min(max(_FEWEST_LOOKED_AT, 2 * limit), _MOST_LOOKED_AT)
        settings = {"hnsw.ef_search": looked_at, "hnsw.iterative_scan": "strict_order"}
        if exact:
            settings = {"enable_indexscan": "off"}
        # A plan that was kept would neither know the limit nor heed the settings.
        settings["plan_cache_mode"] = "force_custom_plan"

        def search() -> list[Int64[np.ndarray, " ..."]]:
            found: list[Int64[np.ndarray, " ..."]] = []
            with self._connection.transaction():
                for setting, value in settings.items():
                    self._run("SELECT set_config(%s, %s, true)", [setting, str(value)])
                for number, query in enumerate(queries):
                    out = None if restriction.without is None else restriction.without[number]
                    statement, further = search_of(
                        name, where, query=query, metric=table.metric, without=out, limit=limit
                    )
                    rows = self._rows(statement, [*values, *further])
                    found.append(np.array([row for (row,) in rows], dtype=np.int64))
            return found

        return self._ask(search)

    def close(self) -> None:
        """Ends the connection. See `VectorStore.close`."""
        self._connection.close()

    def _name(self, version: str) -> str:
        return f"{self.collection}.{version}"

    def _versions(self) -> list[str]:
        return [str(name) for (name,) in self._rows(_VERSIONS, [f"{self.collection}."])]

    def _fill(self, name: str, table: Table, progress: Progress) -> None:
        """Writes a table of its own."""
        self._extend()
        create, copy, after = create_table(name, table, most_indexed=_MOST_INDEXED)
        self._run(create.text)
        with self._connection.cursor() as cursor, cursor.copy(copy) as lines:
            lines.set_types(list(create.types))
            for row, (candidate, vector, values) in enumerate(
                zip(table.candidates.ids, table.vectors, _values(table), strict=True)
            ):
                lines.write_row((row, candidate, Vector(vector), *values))
                if row % 1000 == 999:
                    progress(row + 1)
        progress(len(table))
        for statement in after:
            self._run(statement)
        self._comment("TABLE", name, table.version)

    def _turn(self, name: str, table: Table) -> None:
        """Makes the view show a table; whoever could read it before still can."""
        # Without its schema the name could stand for a view in another one.
        ((schema,),) = self._rows("SELECT current_schema()", [])
        view = sql.Identifier(schema, self.collection)
        show = sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT * FROM {}").format(
            view, sql.Identifier(schema, name)
        )
        try:
            with self._connection.transaction():
                self._run(show)
        except psycopg.errors.InvalidTableDefinition:
            # It has other columns. Another view takes its place, and nobody may read that yet.
            readers = self._rows(_GRANTED, [self.collection])
            self._run(sql.SQL("DROP VIEW {}").format(view))
            self._run(show)
            for (reader,) in readers:
                who = sql.SQL("PUBLIC") if reader is None else sql.Identifier(reader)
                self._run(sql.SQL("GRANT SELECT ON {} TO {}").format(view, who))
        self._comment("VIEW", self.collection, table.version)

    def _comment(self, what: LiteralString, name: str, version: str) -> None:
        comment = sql.SQL("COMMENT ON " + what + " {} IS {}")
        self._run(comment.format(sql.Identifier(name), sql.Literal(f"turret {version}")))

    def _extend(self) -> None:
        try:
            self._run("CREATE EXTENSION IF NOT EXISTS vector")
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported) as error:
            raise StoreError(
                f"{self._place} lacks the extension pgvector",
                got=_first_line(error),
                fix="Have an administrator install it and run CREATE EXTENSION vector there.",
            ) from error
        register_vector(self._connection)

    def _run(self, statement: Any, values: list[Any] | None = None) -> None:
        self._connection.execute(statement, values)

    def _rows(self, statement: Any, values: list[Any]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()

    def _connected(self) -> "psycopg.Connection[tuple[Any, ...]]":
        try:
            return psycopg.connect(self._settings, autocommit=True)
        except psycopg.Error as error:
            raise StoreError(
                f"{self._place} cannot be reached, or does not let us in",
                got=_first_line(error),
                fix="Is it running, and are address, user, password and database right? "
                "A password may stand in PGPASSWORD or ~/.pgpass.",
            ) from None

    def _ask(self, request: Callable[[], T], *, again: bool = True) -> T:
        """Does what is asked of the database; anew where the connection was lost meanwhile."""
        with self._lock:
            try:
                return request()
            except psycopg.Error as error:
                if not (again and self._connection.broken):
                    raise self._refused(error) from error
            self._connection = self._connected()
            try:
                return request()
            except psycopg.Error as error:
                raise self._refused(error) from error

    def _refused(self, error: psycopg.Error) -> StoreError:
        if isinstance(error, psycopg.errors.UndefinedTable):
            return StoreError(
                f"{self._place} has no longer the version that is searched",
                got=_first_line(error),
                fix="Open the bundle again, or push it again.",
            )
        lost = "is lost" if self._connection.broken else "refuses"
        return StoreError(f"{self._place} {lost}", got=_first_line(error))


def _settings_of(url: str) -> dict[str, Any]:
    """The settings that an address stands for. No error shows it: it may hold a password."""
    try:
        found = conninfo_to_dict(url)
        # With @ or / in it, the password is taken for a part of these. A socket may begin with @.
        hosts, ports = str(found.get("host", "")), str(found.get("port", ""))
        strange = any("@" in host[1:] for host in hosts.split(",")) or not _PORTS.fullmatch(ports)
    except psycopg.Error:
        found, strange = {}, True
    if strange:
        raise StoreError(
            "this is no address of a PostgreSQL database",
            expected="postgresql://USER@HOST:PORT/DATABASE",
            fix="In a password write %2F for /, %40 for @.",
        )
    return found


def _nul(table: Table, name: str, column: Column) -> bool:
    texts = table.frame[name]
    if column.kind == "texts":
        texts = texts.explode(empty_as_null=False, keep_nulls=False)
    elif column.kind != "text":
        return False
    return bool(texts.str.contains("\0", literal=True).any())


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _values(table: Table) -> Any:
    """The values of each row."""
    return table.frame.iter_rows() if table.columns else ((),) * len(table)
