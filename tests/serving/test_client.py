"""The clients give what `Recommender` gives."""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from servers import Server

from turret.errors import QueryError, ServingError
from turret.index.hits import Hits
from turret.recommender.recommender import Recommender
from turret.serving.client import AsyncClient, Client

COLUMNS: list[tuple[Any, dict[str, Any]]] = [
    ({"user": ["3", 17, "nobody"]}, {"k": 4}),
    ({"user": np.array([5, 6])}, {"exclude_seen": True}),
    (pl.DataFrame({"user": ["3", "8"], "country": ["se", None]}), {"where": "title like '%1'"}),
    ({"user": [3, 4]}, {"allow": {"f3"}, "k": 3}),
    ({"user": [3, 4]}, {"exclude": [["f3"], []], "deny": ["f7"], "k": 115}),
    ({"user": list(range(45))}, {"k": 3}),
]


def equal(found: Hits, expected: Hits) -> None:
    assert found.ids.tolist() == expected.ids.tolist()
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
    assert found.counts.tolist() == expected.counts.tolist()
    assert (found.scores.dtype, found.counts.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize(("queries", "options"), COLUMNS, ids=lambda value: str(value)[:40])
def test_the_same_calls_give_the_same_answers(
    server: Server, recommender: Recommender, queries: Any, options: dict[str, Any]
) -> None:
    expected = recommender.recommend(queries, **options)
    with Client(server.url, block=20) as client:
        equal(client.recommend(queries, **options), expected)

    async def asynchronously() -> Hits:
        async with AsyncClient(server.url, block=20) as client:
            return await client.recommend(queries, **options)

    equal(asyncio.run(asynchronously()), expected)


def test_similar_and_vectors(server: Server, recommender: Recommender) -> None:
    ids, queries = ["f3", "f119"], {"user": ["3", "nobody"]}

    async def asynchronously() -> tuple[Hits, np.ndarray, np.ndarray]:
        async with AsyncClient(server.url) as client:
            return (
                await client.similar(ids, 5),
                await client.query_vectors(queries),
                await client.candidate_vectors(ids),
            )

    with Client(server.url) as client:
        here = client.similar(ids, 5), client.query_vectors(queries), client.candidate_vectors(ids)
    for found in (here, asyncio.run(asynchronously())):
        equal(found[0], recommender.similar(ids, 5))
        np.testing.assert_allclose(found[1], recommender.query_vectors(queries), rtol=1e-6)
        assert found[2].tobytes() == recommender.candidate_vectors(ids).tobytes()


def test_errors_are_those_of_the_recommender_or_of_the_server(server: Server) -> None:
    client = Client(server.url)
    with pytest.raises(QueryError, match="queries\\[0\\].usr: There is no such field"):
        client.recommend({"usr": [1]})
    with pytest.raises(QueryError, match="there is no candidate"):
        client.similar(["no such film"])
    with pytest.raises(QueryError, match="differ in length"):
        client.recommend({"user": [1, 2], "country": ["no"]})
    with pytest.raises(QueryError, match="is one value"):
        client.recommend({"user": "42"})
    with pytest.raises(ServingError, match=f"The server at {server.url}/ does not answer: 404"):
        client.saw([("3", ["f1"])])
    client.close()


class Busy(http.server.BaseHTTPRequestHandler):
    """Has no room twice, then answers."""

    asked: list[str] = []

    def do_POST(self) -> None:  # the name that the library calls
        self.rfile.read(int(self.headers["content-length"]))
        self.asked.append(self.headers.get("authorization", ""))
        busy = len(self.asked) <= 2
        content = (
            b"{}"
            if busy
            else (
                b'{"ids":[["a"]],"scores":[[1]],"counts":[1],"fallback":[false],"model_version":"1"}'
            )
        )
        self.send_response(503 if busy else 200)
        if busy:
            self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def busy() -> Iterator[str]:
    Busy.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_busy_server_is_asked_again(busy: str) -> None:
    with Client(busy, token="secret") as client:
        hits = client.recommend({"user": ["3"]}, 2)
    assert hits.ids.tolist() == [["a", None]] and hits.counts.tolist() == [1]
    assert np.isnan(hits.scores[0, 1])
    assert Busy.asked == ["Bearer secret"] * 3
    Busy.asked.clear()

    async def asynchronously() -> Hits:
        async with AsyncClient(busy) as client:
            return await client.recommend({"user": ["3"]}, 1)

    assert asyncio.run(asynchronously()).ids.tolist() == [["a"]]
    assert len(Busy.asked) == 3
    Busy.asked.clear()
    with Client(busy, retries=1) as client, pytest.raises(ServingError, match="503"):
        client.recommend({"user": ["3"]})
