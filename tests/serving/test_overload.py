"""More than a server can answer: the excess is refused, and it goes on."""

import threading
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import pytest
from servers import serving

HEAVY = msgspec.json.encode({"queries": [1] * 64, "k": 60})


@pytest.fixture(scope="module")
def answers(bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    """What sixteen clients get who do not wait, from a server that lets two requests wait."""
    log = tmp_path_factory.mktemp("overload") / "log"
    found: list[httpx.Response] = []
    with serving(bundle, "--max-waiting", "128", log=log) as server:
        begin = threading.Barrier(16)

        def ask() -> None:
            with httpx.Client(base_url=server.url, timeout=60) as client:
                begin.wait()
                found.extend(client.post("/v1/recommend", content=HEAVY) for _ in range(20))

        asking = [threading.Thread(target=ask) for _ in range(16)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        after = server.post("/v1/recommend", HEAVY)
        waiting = server.get("/metrics").text
        alive = server.process.poll() is None
    return found, after, waiting, alive


def test_some_are_answered_and_the_excess_is_refused(answers) -> None:
    found = answers[0]
    statuses = Counter(answer.status_code for answer in found)
    assert set(statuses) == {200, 503} and len(found) == 320
    for answer in found:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["error"]["code"] == "overloaded"


def test_what_is_answered_is_right(answers) -> None:
    found, after = answers[:2]
    assert {answer.content for answer in found if answer.status_code == 200} == {after.content}


def test_it_goes_on_when_the_excess_ends(answers) -> None:
    _, after, waiting, alive = answers
    assert alive and after.status_code == 200
    assert "turret_waiting_queries 0.0" in waiting
