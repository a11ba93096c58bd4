"""What nobody sends by mistake: it is refused, and the server goes on."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from bundles import by_id
from servers import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a folder of versions."""
    models = tmp_path_factory.mktemp("models")
    by_id().save(models / "1")
    options = ("--model-name", "films")
    with serving(models, *options, log=tmp_path_factory.mktemp("log") / "log") as running:
        yield running
        # None of it is a fault of the server, and it answers as before.
        assert not running.lines("failed") and not running.lines("library")
        assert running.post("/v1/recommend", {"queries": [1]}).status_code == 200


CONDITIONS = [
    "CAST(title AS DECIMAL(99,99)) > 1",
    "title::DECIMAL(99,99) > 1",
    "REPEAT(title, 1000000000) = 'a'",
    "\"repeat\"(title, 1000000000) = 'a'",
    "1" + "+1" * 900 + " > 0",
    " or ".join(["title > 'a'"] * 130),
    "(" * 900 + "title = 'a'" + ")" * 900,
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda text: text[:20])
def test_conditions_that_could_take_long(server: Server, condition: str) -> None:
    answer = server.post("/v1/recommend", {"queries": [1], "where": condition})
    assert answer.status_code == 400, answer.text
    assert "where" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/recommend", b'{"queries":["\xff"]}'),
        ("/v1/recommend", b'{"queries":' + b"[" * 100_000),
        ("/v1/models/films:predict", b'{"instances":["\xff"]}'),
        ("/v1/models/films:predict", b'{"instances":' + b"[" * 100_000),
        ("/v1/models/films:predict", b'{"zz":' + b"[" * 100_000),
        ("/v1/models/films:predict", b'{"instances":' + b"[" * 900 + b"]" * 900 + b"}"),
        (
            "/v1/models/films:predict",
            b'{"instances":[' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"]}",
        ),
    ],
    ids=["utf-8", "deep", "models utf-8", "models deep", "unknown", "lists", "objects"],
)
def test_bodies_that_cannot_be_read(server: Server, path: str, body: bytes) -> None:
    assert server.post(path, body).status_code == 400


def test_a_version_of_many_digits(server: Server) -> None:
    for ending in ("", "/metadata"):
        answer = server.get(f"/v1/models/films/versions/{'9' * 5000}{ending}")
        assert answer.status_code == 404 and "x-request-id" in answer.headers


def test_nothing_leads_where_the_host_header_says(server: Server) -> None:
    answer = server.post("/v1/recommend/", {"queries": [1]}, headers={"Host": "elsewhere"})
    assert answer.status_code == 404 and "location" not in answer.headers


def test_a_body_whose_trailers_do_not_end(server: Server) -> None:
    url = httpx.URL(server.url)
    start = b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        socket.create_connection((url.host, url.port or 80), timeout=30) as connection,
        pytest.raises(ConnectionError),
    ):
        connection.sendall(start + b"1\r\n{\r\n0\r\n")
        for _ in range(100_000):
            connection.sendall(b"a: b\r\n" * 1000)


def test_nobody_reads_the_log_and_versions_come_all_the_same(tmp_path: Path) -> None:
    models = tmp_path / "models"
    by_id().save(models / "1")
    command = [sys.executable, "-m", "turret", "serve", str(models), "--port", "0"]
    process = subprocess.Popen([*command, "--poll", "0.1"], stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        url = msgspec.json.decode(process.stderr.readline())["url"]
        process.stderr.close()
        by_id().save(tmp_path / "2").rename(models / "2")
        for _ in range(300):
            answer = httpx.post(url + "/v1/recommend", content=b'{"queries": [1]}')
            if answer.status_code == 200 and answer.json()["model_version"] == "2":
                break
            time.sleep(0.1)
        else:
            raise AssertionError("The new version never came.")
    finally:
        process.kill()
        process.wait()
