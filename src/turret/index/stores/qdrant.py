"""Qdrant: a server, a folder that its client keeps, or its client's memory."""

import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import numpy as np
from jaxtyping import Float32, Int64

from turret.errors import MissingPartError, StoreError
from turret.index.stores.base import BATCH, Progress, Restriction, VectorStore
from turret.index.stores.naming import without_secret
from turret.index.stores.qdrant_filters import filter_of
from turret.index.stores.table import Kind, Table

try:
    from qdrant_client import QdrantClient, models
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException
except ModuleNotFoundError as missing:
    raise MissingPartError("qdrant-client", extra="qdrant") from missing

__all__ = ["ID", "QdrantStore"]

ID = "_id"
"""The key of a payload that holds the candidate's id."""

T = TypeVar("T")

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+/?")

_SECONDS = 60
# A server takes requests of 32 MB: so many numbers of vectors, or ids of points, at most.
_MOST_NUMBERS = 1_000_000
_INDEXED: dict[Kind, str] = {
    "text": "keyword",
    "texts": "keyword",
    "whole": "integer",
    "wholes": "integer",
    "real": "float",
    "double": "float",
    "truth": "bool",
    "date": "datetime",
    "moment": "datetime",
}


class QdrantStore(VectorStore):
    """A collection of Qdrant.

    A version is a collection `NAME.VERSION`. When it is whole, one request gives it two aliases:
    `NAME` for other programs, and `NAME@VERSION`, which says that it is whole.

    Args:
        client: of the database.
        collection: the name.
        place: how errors name the database.
        remote: whether it is a server.
    """

    kind: ClassVar[str] = "qdrant"

    def __init__(
        self, client: QdrantClient, *, collection: str, place: str, remote: bool = False
    ) -> None:
        """Keep the parts."""
        self.collection = collection
        self._client, self._place, self._remote = client, place, remote
        # The client of a folder is not made for several threads.
        self._lock = threading.Lock()

    @classmethod
    def open(cls, url: str, *, collection: str) -> "QdrantStore":
        """Connects; the password of an address, or QDRANT_API_KEY, is the key. See `VectorStore`.

        A folder is made where there is none.
        """
        place = f"Qdrant at {without_secret(url)}"
        try:
            if "://" not in url:
                client = _local(url)
                return cls(client, collection=collection, place=place)
            client = _connected(url)
        except (RuntimeError, ValueError, OSError) as error:
            raise StoreError(f"{place} cannot be opened", got=_first_line(error)) from None
        store = cls(client, collection=collection, place=place, remote=True)
        store._aliases()
        return store

    def current(self) -> str | None:
        """Says which version has the name. See `VectorStore.current`."""
        target = self._aliases().get(self.collection)
        if target is None:
            if self.collection in self._collections():
                raise StoreError(
                    f"{self._place} has a collection {self.collection!r} that is none of Turret's",
                    fix="Choose another name with --collection.",
                )
            return None
        version = target.removeprefix(f"{self.collection}.")
        if not _is_version(version) or version == target:
            raise StoreError(
                f"in {self._place} the name {self.collection!r} stands for something else",
                got=target,
                expected=f"{self.collection}.VERSION, as Turret names what it pushes",
                fix="Choose another name with --collection.",
            )
        return version

    def holds(self, version: str) -> bool:
        """Looks for the alias that says so. See `VectorStore.holds`."""
        return f"{self.collection}@{version}" in self._aliases()

    def fitted(self, table: Table) -> Table:
        """Leaves out a column that is called as the key of the id. See `VectorStore.fitted`.

        Texts have no order in Qdrant, and a name with a dot or a bracket is a path.
        """
        return table.with_columns(
            {
                name: replace(
                    column,
                    ordered=column.kind != "text",
                    filterable=column.filterable and _PLAIN.fullmatch(name) is not None,
                )
                for name, column in table.columns.items()
                if name != ID
            }
        )

    def write(self, table: Table, *, progress: Progress) -> None:
        """Writes a collection and gives it the aliases. See `VectorStore.write`."""
        before = self.current()
        name = self._name(table.version)
        if not self.holds(table.version):
            self._ask(lambda: self._client.delete_collection(name))
            self._create(name, table)
            done = 0
            for points in _batches(table):
                self._ask(lambda points=points: self._client.upsert(name, points, wait=True))
                done += len(points.ids)
                progress(done)
            count = self._ask(lambda: self._client.count(name, exact=True)).count
            if count != len(table):
                raise StoreError(
                    f"{self._place} did not keep what was written to {name!r}",
                    got=f"{count} candidates",
                    expected=str(len(table)),
                    fix="Push again, when nobody else pushes.",
                )
        self._switch(table.version)
        kept = {name} if before is None else {name, self._name(before)}
        for other in self._collections():
            version = other.removeprefix(f"{self.collection}.")
            if other not in kept and other != version and _is_version(version):
                self._ask(lambda other=other: self._client.delete_collection(other))

    def nearest(
        self,
        table: Table,
        queries: Float32[np.ndarray, "q d"],
        limit: int,
        *,
        restriction: Restriction,
        exact: bool = False,
    ) -> list[Int64[np.ndarray, " ..."]]:
        """Asks for all queries at once. See `VectorStore.nearest`."""
        name = self._name(table.version)
        parameters = None
        if self._remote:
            parameters = models.SearchParams(exact=exact, hnsw_ef=max(128, 2 * limit))
        requests = [
            models.QueryRequest(
                query=query.tolist(),
                filter=filter_of(
                    restriction,
                    without=None if restriction.without is None else restriction.without[number],
                ),
                params=parameters,
                limit=limit,
                with_payload=False,
                with_vector=False,
            )
            for number, query in enumerate(queries)
        ]
        ids = 0 if restriction.only is None else restriction.only.shape[0]
        size = max(1, _MOST_NUMBERS // (ids + 1))
        found: list[Int64[np.ndarray, " ..."]] = []
        for start in range(0, len(requests), size):
            part = requests[start : start + size]
            answers = self._ask(lambda part=part: self._client.query_batch_points(name, part))
            found.extend(_rows(answer.points) for answer in answers)
        return found

    def close(self) -> None:
        """Ends the connection. See `VectorStore.close`."""
        self._client.close()

    def _name(self, version: str) -> str:
        return f"{self.collection}.{version}"

    def _create(self, name: str, table: Table) -> None:
        distance = models.Distance.COSINE if table.normalized else models.Distance.DOT
        vectors = models.VectorParams(size=table.candidates.dim, distance=distance)
        self._ask(lambda: self._client.create_collection(name, vectors_config=vectors))
        if not self._remote:
            return
        for column, about in table.columns.items():
            if _PLAIN.fullmatch(column) is None:
                continue
            schema = models.PayloadSchemaType(_INDEXED[about.kind])
            self._ask(
                lambda column=column, schema=schema: self._client.create_payload_index(
                    name, column, field_schema=schema, wait=True
                )
            )

    def _switch(self, version: str) -> None:
        target, aliases = self._name(version), self._aliases()
        names = [self.collection, f"{self.collection}@{version}"]
        steps: list[Any] = [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
            for alias in names
            if alias in aliases
        ]
        steps += [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=target, alias_name=alias)
            )
            for alias in names
        ]
        self._ask(lambda: self._client.update_collection_aliases(steps))

    def _aliases(self) -> dict[str, str]:
        found = self._ask(self._client.get_aliases).aliases
        return {alias.alias_name: alias.collection_name for alias in found}

    def _collections(self) -> list[str]:
        found = self._ask(self._client.get_collections).collections
        return [collection.name for collection in found]

    def _ask(self, request: Callable[[], T]) -> T:
        """Does what is asked of the database, and says what went wrong in a sentence."""
        try:
            if self._remote:
                return request()
            with self._lock:
                return request()
        except (ApiException, QdrantException, ValueError, RuntimeError, OSError) as error:
            status = getattr(error, "status_code", None)
            if status in (401, 403):
                raise StoreError(
                    f"{self._place} refuses the key",
                    fix="Give it in the environment variable QDRANT_API_KEY.",
                ) from error
            if status == 404:
                raise StoreError(
                    f"{self._place} has no longer the version that is asked for",
                    fix="Open the bundle again, or push it again.",
                ) from error
            reached = isinstance(status, int) or not self._remote
            raise StoreError(
                f"{self._place} {'refuses' if reached else 'cannot be reached'}",
                got=_first_line(error),
                fix=None if reached else "Is it running, and is this its address?",
            ) from error


def _local(url: str) -> QdrantClient:
    if url == ":memory:":
        return QdrantClient(":memory:")
    if _HOST_AND_PORT.fullmatch(url) is not None:
        raise StoreError(
            "this is neither a folder nor the address of a Qdrant server",
            got=url,
            expected="http://HOST:PORT, or a folder",
            fix=f"Write http://{url} for a server, ./{url} for a folder.",
        )
    Path(url).mkdir(parents=True, exist_ok=True)
    return QdrantClient(path=url, force_disable_check_same_thread=True)


def _connected(url: str) -> QdrantClient:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 6333)
    except ValueError:
        # The message would show a part of the address, which may be one of the key.
        raise StoreError(
            "this is no address of a Qdrant server",
            expected="http://HOST:PORT or https://HOST:PORT",
            fix="Give the key in the environment variable QDRANT_API_KEY.",
        ) from None
    key = os.environ.get("QDRANT_API_KEY")
    if parts.password is not None:
        key = unquote(parts.password)
    host = parts.netloc.rpartition("@")[2]
    address = urlunsplit(parts._replace(netloc=host))
    with warnings.catch_warnings():
        # Whoever writes http:// knows, and it would stand between the lines of a log.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        return QdrantClient(
            address, port=port, api_key=key, timeout=_SECONDS, check_compatibility=False
        )


def _is_version(text: str) -> bool:
    return len(text) == 12 and set(text) <= set("0123456789abcdef")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _batches(table: Table) -> Iterator[models.Batch]:
    size = max(1, min(BATCH, _MOST_NUMBERS // table.candidates.dim))
    for start in range(0, len(table), size):
        part = slice(start, start + size)
        ids = table.candidates.ids[part].to_list()
        rows: list[dict[str, Any]] = [{} for _ in ids]
        if table.columns:
            rows = table.frame[part].to_dicts()
        yield models.Batch(
            ids=list(range(start, start + len(ids))),
            vectors=table.vectors[part].tolist(),
            payloads=[
                {ID: name, **{key: _plain(value) for key, value in row.items()}}
                for name, row in zip(ids, rows, strict=True)
            ],
        )


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    isoformat = getattr(value, "isoformat", None)
    return value if isoformat is None else isoformat()


def _rows(points: Sequence[Any]) -> Int64[np.ndarray, " m"]:
    return np.array([point.id for point in points], dtype=np.int64)
