"""Changes: acknowledged is durable, and only those with the right token may make them."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from bundles import by_country
from servers import Server, serving

from turret.errors import ServingError
from turret.recommender.recommender import Recommender
from turret.serving.client import AsyncClient, Client
from turret.serving.settings import Settings
from turret.serving.tokens import Tokens

READ, WRITE = "r" * 20, "w" * 20
TOKENS = {"TURRET_READ_TOKENS": f"other-than-that-one,{READ}", "TURRET_WRITE_TOKENS": WRITE}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_country().save(tmp_path_factory.mktemp("writable") / "films")


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[Server]:
    with serving(bundle, "--writable", log=bundle.parent / "log", environment=TOKENS) as running:
        yield running


def send(
    server: Server, method: str, path: str, body: object = None, *, token: str | None = WRITE
) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    content = None if body is None else msgspec.json.encode(body)
    return httpx.request(method, server.url + path, content=content, headers=headers, timeout=30)


def ids(server: Server, **options: Any) -> list[str]:
    answer = send(server, "POST", "/v1/recommend", {"queries": ["3"], "k": 200, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()["ids"][0]


def test_candidates_come_and_go(server: Server, bundle: Path) -> None:
    before = ids(server)
    new = [{"film": "new 1", "title": "New", "genres": ["Drama"]}, {"film": 4711}]
    put = send(server, "POST", "/v1/candidates", {"candidates": new})
    assert (put.status_code, put.json()) == (200, {"candidates": 2})
    assert set(ids(server)) == {*before, "new 1", "4711"}
    assert ids(server, where="title = 'New'") == ["new 1"]
    gone = {"candidate_ids": [before[0], "unknown", 4711]}
    assert send(server, "DELETE", "/v1/candidates", gone).json() == {"candidates": 2}
    after = ids(server)
    assert set(after) == {*before[1:], "new 1"}
    # Another process sees what was acknowledged, while the server still runs.
    hits = Recommender.load(bundle).recommend({"user": ["3"]}, 200)
    assert hits.ids[0, : hits.counts[0]].tolist() == after


def test_events_and_forgetting(server: Server) -> None:
    best = ids(server, exclude_seen=True)
    events = [{"query_id": 3, "candidate_ids": best[:2]}, {"query_id": "a/b", "candidate_ids": [1]}]
    assert send(server, "POST", "/v1/events", {"events": events}).json() == {"events": 2}
    assert ids(server, exclude_seen=True) == best[2:]
    for name in ("a%2Fb", "two%0Alines"):
        assert send(server, "DELETE", f"/v1/queries/{name}").json() == {"queries": 1}
    assert send(server, "DELETE", "/v1/queries/3").json() == {"queries": 1}
    answer = send(server, "POST", "/v1/recommend", {"queries": ["3"]}).json()
    assert answer["fallback"] == [True]


@pytest.mark.parametrize(
    ("method", "path", "body", "place"),
    [
        ("POST", "/v1/candidates", {"candidates": []}, "candidates"),
        ("POST", "/v1/candidates", {"candidates": ["f1"]}, "candidates[0]"),
        ("POST", "/v1/candidates", {"candidates": [{"film": 1, "x": 2}]}, "candidates[0].x"),
        ("POST", "/v1/candidates", {"candidates": [{"title": "x"}]}, "candidates"),
        ("POST", "/v1/candidates", {"candidates": [{"film": 1}, {"film": "1"}]}, "candidates"),
        ("DELETE", "/v1/candidates", {"candidate_ids": "f1"}, "candidate_ids"),
        ("POST", "/v1/events", {"events": [{"query_id": 1}]}, "events[0]"),
    ],
)
def test_what_cannot_be_changed(
    server: Server, method: str, path: str, body: object, place: str
) -> None:
    answer = send(server, method, path, body)
    assert (answer.status_code, answer.json()["error"].get("path")) == (400, place), answer.text


def test_what_an_address_takes_is_said(server: Server) -> None:
    answer = send(server, "PUT", "/v1/candidates", {})
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"POST", "DELETE"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/candidates"),
        ("DELETE", "/v1/candidates"),
        ("POST", "/v1/events"),
        ("DELETE", "/v1/queries/1"),
    ],
)
def test_changes_need_the_right_token(server: Server, method: str, path: str) -> None:
    assert send(server, method, path, {}, token=READ).status_code == 403
    for token in (None, "x" * 20, WRITE[:-1]):
        answer = send(server, method, path, {}, token=token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_asking_needs_a_token_where_there_are_any(server: Server) -> None:
    body = {"queries": ["5"]}
    for token, status in ((READ, 200), (WRITE, 200), (None, 401), ("x" * 20, 401)):
        assert send(server, "POST", "/v1/recommend", body, token=token).status_code == status
        assert send(server, "GET", "/metrics", token=token).status_code == status
        assert send(server, "GET", "/readyz", token=token).status_code == 200
    basic = httpx.get(server.url + "/metrics", headers={"Authorization": f"Basic {READ}"})
    assert basic.status_code == 401


def test_a_client_changes_too(server: Server) -> None:
    with Client(server.url, token=WRITE) as client:
        client.put({"film": ["by client", "other"], "title": ["Theirs", None]})
        assert client.recommend({"user": [9]}, 1, where="title = 'Theirs'").ids == "by client"
        client.remove(["other"])
        client.saw([("9", ["by client"])])
        hits = client.recommend({"user": [9]}, 200, exclude_seen=True)
        assert not {"by client", "other"} & set(hits.ids[0])

        async def asynchronously() -> None:
            async with AsyncClient(server.url, token=WRITE) as other:
                await other.saw([("a/b", ["f1"])])
                await other.forget("9")
                await other.put({"film": ["more"]})
                await other.remove(["more", "by client"])

        asyncio.run(asynchronously())
        assert "by client" not in client.recommend({"user": [10]}, 200).ids
    with Client(server.url, token=READ) as client, pytest.raises(ServingError, match="403"):
        client.forget("10")


def test_without_writable_there_is_nothing_to_change(tmp_path: Path) -> None:
    bundle = by_country().save(tmp_path / "films")
    with serving(bundle, log=tmp_path / "log") as server:
        for method, path in (("POST", "/v1/events"), ("DELETE", "/v1/queries/3")):
            assert send(server, method, path, {"events": []}).status_code == 404


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    bundle = by_country().save(tmp_path / "films")
    with serving(bundle, "--writable", log=tmp_path / "log", environment=TOKENS) as server:
        put = {"candidates": [{"film": f"new {number}"} for number in range(5)]}
        assert send(server, "POST", "/v1/candidates", put).status_code == 200
        seen = {"events": [{"query_id": "3", "candidate_ids": ["new 1"]}]}
        assert send(server, "POST", "/v1/events", seen).status_code == 200
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    with serving(bundle, "--writable", log=tmp_path / "log2", environment=TOKENS) as server:
        assert {"new 0", "new 1", "new 4"} <= set(ids(server))
        assert "new 1" not in ids(server, exclude_seen=True)


def test_a_writable_server_needs_a_token() -> None:
    with pytest.raises(ServingError, match="needs a token"):
        Settings(writable=True)
    assert Settings(writable=True, tokens=Tokens(write=(WRITE,))).writable


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ServingError, match="TURRET_READ_TOKENS is too short"):
        Tokens.of({"TURRET_READ_TOKENS": f"{READ},abc"})
    assert Tokens.of({}) == Tokens()
