"""Several processes at one port: each answers the same, and one that dies is started again."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from servers import Server, serving

pytestmark = pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT")

ASKED = {"queries": [1, 2], "k": 5}


@pytest.fixture
def server(bundle: Path, tmp_path: Path) -> Iterator[Server]:
    log = tmp_path / "log"
    with serving(bundle, "--workers", "2", "--max-k", "50", log=log, event="supervising") as one:
        one.wait_for("ready", number=2)
        yield one
        one.stop()


def pids(server: Server) -> list[int]:
    listed = subprocess.run(
        ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True
    )
    return sorted(map(int, listed.stdout.split()))


def requests(server: Server) -> float:
    """How many were answered, by what all workers count together."""
    lines = server.get("/metrics").text.splitlines()
    start = 'turret_requests_total{endpoint="recommend",status="200"} '
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


def test_all_answer_the_same_and_count_together(server: Server) -> None:
    answers = [server.post("/v1/recommend", ASKED) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert requests(server) == 40
    # The options of the command are theirs.
    assert server.post("/v1/recommend", {**ASKED, "k": 51}).status_code == 400


def test_one_that_is_killed_is_started_again(server: Server) -> None:
    before = pids(server)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    died = server.wait_for("worker_died")
    assert (died["worker"], died["code"]) == (before[0], -9)
    server.wait_for("ready", number=3)
    after = pids(server)
    assert len(after) == 2 and before[0] not in after and before[1] in after
    assert {server.post("/v1/recommend", ASKED).status_code for _ in range(20)} == {200}


def test_what_is_under_way_ends_before_they_stop(server: Server) -> None:
    answers: list[int] = []
    started, stopping = threading.Event(), threading.Event()

    def ask() -> None:
        def slowly():
            yield b'{"queries"'
            started.set()
            stopping.wait(10)
            yield b": [1]}"

        answers.append(httpx.post(server.url + "/v1/recommend", content=slowly()).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    started.wait(10)
    children = pids(server)
    server.process.terminate()
    server.wait_for("stopping", number=2)
    stopping.set()
    asking.join()
    assert server.process.wait(timeout=30) == 0
    assert answers == [200]
    assert server.lines("all_stopped") and not server.lines("worker_died")
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_they_end_when_the_one_that_started_them_is_killed(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    server.wait_for("stopped", number=2, running=False)
    with pytest.raises(httpx.ConnectError):
        server.get("/healthz")


def test_another_server_does_not_share_the_port_unasked(server: Server, bundle: Path) -> None:
    port = str(httpx.URL(server.url).port)
    for workers in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "turret", "serve", str(bundle), "--workers", workers]
            + ["--port", port],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 1 and "cannot be listened on" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workers", "0"), "workers: got 0, expected at least 1"),
        (("--workers", "2", "--writable"), "One process at a time may change a bundle"),
        (("--workers", "2", "--max-k", "0"), "max_k: got 0, expected at least 1"),
    ],
)
def test_what_cannot_be(bundle: Path, arguments: tuple[str, ...], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "turret", "serve", str(bundle), "--port", "0", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"TURRET_WRITE_TOKENS": "x" * 32},
        timeout=120,
    )
    assert done.returncode > 0
    assert message in done.stderr


def test_what_no_worker_can_serve_ends_the_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "turret", "serve", str(tmp_path / "nowhere"), "--workers", "2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "nowhere" in done.stderr and "all_stopped" in done.stderr
