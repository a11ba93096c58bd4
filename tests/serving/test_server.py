"""The process: ready when it is warm, drained when it is stopped, and told why not to start."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from servers import Server, serving


def test_it_is_alive_before_it_is_ready_and_drains_what_is_under_way(
    bundle: Path, tmp_path: Path
) -> None:
    with serving(bundle, log=tmp_path / "log", ready=False) as server:
        assert server.get("/healthz").json() == {"status": "alive"}
        early = server.get("/readyz")
        if early.status_code == 503:
            assert early.headers["retry-after"] == "1"
            assert early.json()["error"]["code"] == "not_ready"
        server.wait_for("ready")
        assert server.get("/readyz").json()["status"] == "ready"
        answers: list[int] = []
        started = threading.Event()

        def ask() -> None:
            body = b'{"queries": [1]}'

            def slowly():
                yield body[:5]
                started.set()
                stopping.wait(10)
                yield body[5:]

            answer = httpx.post(server.url + "/v1/recommend", content=slowly(), timeout=30)
            answers.append(answer.status_code)

        stopping = threading.Event()
        asking = threading.Thread(target=ask)
        asking.start()
        started.wait(10)
        server.process.terminate()
        server.wait_for("stopping")
        stopping.set()
        asking.join()
        assert server.process.wait(timeout=30) == 0
        assert answers == [200]
        assert server.lines("stopped")


def test_requests_are_logged_without_what_was_asked_unless_that_is_wanted(
    server: Server, bundle: Path, tmp_path: Path
) -> None:
    secret = {"queries": [{"user": "secret", "country": "no"}]}
    server.post("/v1/recommend", secret)
    assert "secret" not in server.log.read_text() and not server.lines("request")
    for option in ("--log-requests", "--log-features"):
        log = tmp_path / f"log{option}"
        with serving(bundle, option, log=log) as other:
            other.post("/v1/recommend", secret, headers={"X-Request-ID": "one"})
            other.stop()
            (line,) = other.lines("request")
        assert (line["endpoint"], line["status"], line["request"]) == ("recommend", 200, "one")
        assert ("secret" in log.read_text()) == (option == "--log-features")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "turret", "serve", *arguments], capture_output=True, text=True
    )


def test_an_address_that_is_taken(bundle: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(str(bundle), "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: 127.0.0.1:{port} cannot be listened on: Address already")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere",), 1, "nowhere"),
        (("BUNDLE", "--max-k", "0"), 2, "max_k: got 0, expected at least 1"),
        (("BUNDLE", "--max-waiting", "3"), 2, "max_waiting: got 3, expected at least max_batch"),
        (("BUNDLE", "--timeout", "nan"), 2, "timeout: got nan"),
    ],
)
def test_what_cannot_be_served(
    bundle: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = run(*(str(bundle) if word == "BUNDLE" else word for word in arguments))
    assert done.returncode == code
    assert done.stderr.startswith("Error: ") and message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_server_is_seen_from_this_machine_only(server: Server) -> None:
    assert server.url.startswith("http://127.0.0.1:")
