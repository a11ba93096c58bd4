"""The clients give what `Recommender` gives."""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import httpx
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


def test_vectors_of_nobody_known(server: Server, recommender: Recommender) -> None:
    async def asynchronously(queries: dict[str, Any]) -> np.ndarray:
        async with AsyncClient(server.url) as client:
            return await client.query_vectors(queries)

    with Client(server.url) as client:
        for queries in ({"user": ["nobody", "no one"]}, {"user": []}):
            expected = recommender.query_vectors(queries)
            assert expected.shape == (len(queries["user"]), 8)
            for found in (client.query_vectors(queries), asyncio.run(asynchronously(queries))):
                np.testing.assert_array_equal(found, expected, strict=True)


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


@pytest.mark.parametrize(
    ("call", "options", "match"),
    [
        ("recommend", {"queries": {"user": [b"42"]}}, "bytes"),
        ("recommend", {"queries": {"user": ["\ud800"]}}, "no Unicode"),
        ("recommend", {"queries": {}}, "no columns"),
        ("recommend", {"queries": {"user": []}, "k": 0}, "k: got 0"),
        ("recommend", {"queries": {"user": [1]}, "allow": "Fargo"}, "allow is one string"),
        ("recommend", {"queries": {"user": [1]}, "deny": "Fargo"}, "deny is one string"),
        ("recommend", {"queries": {"user": [1]}, "exclude": ["Fargo"]}, "exclude: the ids"),
        ("similar", {"candidate_ids": "Fargo"}, "one string"),
        ("similar", {"candidate_ids": ["\ud800"]}, "no Unicode"),
        ("candidate_vectors", {"candidate_ids": "Fargo"}, "one string"),
        ("remove", {"ids": "ab"}, "one string"),
        ("saw", {"seen": [("42", "Fargo")]}, "one string"),
        ("forget", {"query_id": "\ud800"}, "no Unicode"),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    call: str, options: dict[str, Any], match: str
) -> None:
    with Client("http://localhost:1", retries=0) as client:
        with pytest.raises(QueryError, match=match):
            getattr(client, call)(**options)


def scripted(client: Client, *answers: httpx.Response | httpx.TransportError) -> list[str]:
    """Lets a client get these answers; the addresses that it asks are listed."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode()}")
        found = answers[min(len(asked), len(answers)) - 1]
        if isinstance(found, httpx.TransportError):
            raise found
        return found

    client._http = httpx.Client(base_url="http://there", transport=httpx.MockTransport(answer))
    return asked


def answered(name: str, version: str = "1") -> httpx.Response:
    body = {"ids": [[name]], "scores": [[1]], "counts": [1], "fallback": [False]}
    return httpx.Response(200, json={**body, "model_version": version})


@pytest.mark.parametrize(
    ("query_id", "path"),
    [(".", "%2E"), ("..", "%2E%2E"), ("a/b.c", "a%2Fb%2Ec"), (42, "42"), ("%2E", "%252E")],
)
def test_any_query_is_forgotten_at_its_address(query_id: str | int, path: str) -> None:
    client = Client("http://there")
    asked = scripted(client, httpx.Response(200))
    client.forget(query_id)
    assert asked == [f"DELETE /v1/queries/{path}"]


def test_what_is_no_success_is_an_error() -> None:
    client = Client("http://there")
    scripted(client, httpx.Response(307, headers={"location": "/"}))
    with pytest.raises(ServingError, match="307"):
        client.forget("42")


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httpx.ReadTimeout, 1),
        (httpx.PoolTimeout, 1),
        (httpx.RemoteProtocolError, 2),
        (httpx.ReadError, 2),
    ],
)
def test_a_connection_that_fails(error: type[httpx.TransportError], sent: int) -> None:
    client = Client("http://there", retries=1)
    match = f"http://there does not answer .*{error.__name__}, why"
    asked = scripted(client, error("why"))
    with pytest.raises(ServingError, match=match):
        client.recommend({"user": [1]})
    assert len(asked) == sent
    asked = scripted(client, error("why"))
    changes = (
        lambda: client.put({"film": ["a"]}),
        lambda: client.remove(["a"]),
        lambda: client.saw([("1", ["a"])]),
        lambda: client.forget("1"),
    )
    for change in changes:
        with pytest.raises(ServingError, match=match):
            change()
    assert len(asked) == len(changes)


def test_an_answer_is_of_one_version() -> None:
    client = Client("http://there", block=1, retries=1)
    old, new = answered("a", "1"), answered("b", "2")
    asked = scripted(client, old, new, new, new)
    assert client.recommend({"user": [1, 2]}, 1).ids.tolist() == [["b"], ["b"]]
    assert len(asked) == 4
    scripted(client, old, new, old, new)
    with pytest.raises(ServingError, match="change while they answer"):
        client.recommend({"user": [1, 2]}, 1)


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
