"""Clients that are slow, silent or send nonsense: they are closed, and others are served."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from servers import Server, serving

BODY = b'{"queries": [1]}'
HEAD = b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
WHOLE = HEAD % len(BODY) + BODY
LARGE = b'{"queries": [%s], "k": 200}' % b",".join([b"1"] * 100)


@pytest.fixture(scope="module")
def hurried(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("hurried") / "log"
    options = ("--client-timeout", "2", "--max-connections", "400")
    with serving(bundle, *options, log=log) as server:
        yield server


def connected(server: Server) -> socket.socket:
    url = httpx.URL(server.url)
    return socket.create_connection((url.host, url.port or 80), timeout=30)


def rest(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    parts: list[bytes] = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def asked(connection: socket.socket) -> bytes:
    """The first line of the answer to a whole request, all of which is taken."""
    connection.sendall(WHOLE)
    head, _, body = received(connection, b"").partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b"\r\n")[0]


def received(connection: socket.socket, head: bytes) -> bytes:
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("closed")
        head += part
    return head


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /v1/reco", HEAD % 100, HEAD % 100 + BODY, HEAD[:-20]],
    ids=["nothing", "half a line", "no body", "half a body", "half a head"],
)
def test_a_client_that_does_not_go_on_is_closed(hurried: Server, sent: bytes) -> None:
    with connected(hurried) as connection:
        connection.sendall(sent)
        assert rest(connection) == b""
    with connected(hurried) as connection:
        # One that has had its answer is kept, until it begins another request.
        for _ in range(2):
            assert asked(connection) == b"HTTP/1.1 200 OK"
        connection.sendall(sent)
        assert not sent or rest(connection) == b""


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01" * 20, b"GET\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n"],
    ids=["another protocol", "no address", "no letters"],
)
def test_garbage_is_refused(hurried: Server, sent: bytes) -> None:
    with connected(hurried) as connection:
        connection.sendall(sent)
        assert rest(connection).startswith(b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize("sent", [b"X-Long: " + b"x" * 1000, b"X-%d: x\r\n"], ids=["one", "many"])
def test_a_head_without_end_is_refused(hurried: Server, sent: bytes) -> None:
    with connected(hurried) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(100_000):
            connection.sendall(sent)
        raise AssertionError("It took all of it.")


def test_a_client_that_takes_no_answers_is_closed(hurried: Server) -> None:
    url = httpx.URL(hurried.url)
    with socket.socket() as connection, pytest.raises(ConnectionError):
        # Little of what is sent waits in this process.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect((url.host, url.port))
        request = HEAD % len(LARGE) + LARGE
        for _ in range(100_000):
            connection.sendall(request)


def test_many_of_them_do_not_stop_others(hurried: Server) -> None:
    kinds = [b"", b"POST /v1/reco", HEAD % 100 + BODY, b"\x16\x03\x01", b"GET / HTTP/1.1\r\nX"]
    with contextlib.ExitStack() as stack:
        bad = [stack.enter_context(connected(hurried)) for _ in range(300)]
        for place, connection in enumerate(bad):
            connection.sendall(kinds[place % len(kinds)])
        with httpx.Client(base_url=hurried.url, timeout=30) as client:
            answers = [client.post("/v1/recommend", content=BODY) for _ in range(100)]
        assert {answer.status_code for answer in answers} == {200}
        for connection in bad:
            rest(connection)
    assert hurried.process.poll() is None
    # The log says nothing that is not a line of JSON, and nothing of what was sent.
    assert {line["event"] for line in hurried.every_line()} == {"serving", "ready"}


def test_more_connections_than_it_takes_are_closed_at_once(bundle: Path, tmp_path: Path) -> None:
    with (
        serving(bundle, "--max-connections", "2", log=tmp_path / "log") as server,
        connected(server) as first,
        connected(server) as second,
    ):
        assert asked(first) == asked(second) == b"HTTP/1.1 200 OK"
        with connected(server) as third:
            assert rest(third) == b""
        first.close()
        assert asked(second) == b"HTTP/1.1 200 OK"
        with connected(server) as fourth:
            assert asked(fourth) == b"HTTP/1.1 200 OK"
