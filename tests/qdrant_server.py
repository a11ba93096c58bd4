"""Qdrant's REST protocol over its client's local mode, for tests of what goes over the wire.

It knows only the requests that a push and a search make. It is no Qdrant: what a server does with
them is what its client's local mode does.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models

KEY = "a/key"


@contextmanager
def qdrant() -> Iterator[str]:
    """A server of its own; yields its address, without the key that it asks for."""
    database, lock = QdrantClient(":memory:"), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0].strip("/").split("/")
            if self.headers.get("api-key") != KEY:
                self._answer(403, {"status": {"error": "forbidden"}})
                return
            with lock:
                try:
                    result = _result(database, self.command, path, body)
                except ValueError as error:
                    self._answer(404, {"status": {"error": str(error)}})
                    return
            self._answer(200, {"result": result, "status": "ok", "time": 0.0})

        def _answer(self, status: int, value: object) -> None:
            text = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = do_DELETE = _do

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        database.close()


def _result(database: QdrantClient, method: str, path: list[str], body: bytes) -> Any:
    name = path[1] if len(path) > 1 else ""
    match method, path[:1] + path[2:]:
        case "GET", ["aliases"]:
            return _plain(database.get_aliases())
        case "GET", ["collections"]:
            return _plain(database.get_collections())
        case "POST", ["collections"] if name == "aliases":
            asked = _read(models.ChangeAliasesOperation, body)
            return database.update_collection_aliases(asked.actions)
        case "DELETE", ["collections"]:
            return database.delete_collection(name)
        case "PUT", ["collections"]:
            return database.create_collection(
                name, vectors_config=_read(models.CreateCollection, body).vectors
            )
        case "PUT", ["collections", "index"]:
            return _updated(lambda: _read(models.CreateFieldIndex, body))
        case "PUT", ["collections", "points"]:
            asked = _read(models.PointsBatch, body)
            return _updated(lambda: database.upsert(name, asked.batch))
        case "POST", ["collections", "points", "count"]:
            return _plain(database.count(name, exact=True))
        case "POST", ["collections", "points", "query", "batch"]:
            asked = _read(models.QueryRequestBatch, body)
            for search in asked.searches:
                search.params = None  # of no effect in local mode, which says so
            return [_plain(one) for one in database.query_batch_points(name, asked.searches)]
    raise AssertionError(f"{method} {path}")


def _read(kind: Any, body: bytes) -> Any:
    return TypeAdapter(kind).validate_json(body)


def _updated(request: Callable[[], object]) -> dict[str, object]:
    request()
    return {"operation_id": 0, "status": "completed"}


def _plain(answer: Any) -> Any:
    return json.loads(answer.model_dump_json())
