import sys

import pytest

from turret.benchmarks.workers import Worker
from turret.errors import BenchmarkError

ECHO = """
import json, os, sys
print(json.dumps({"seen": os.environ.get("TURRET_TEST")}), flush=True)
for line in sys.stdin:
    if line == "die\\n":
        sys.exit("it died")
    print(json.dumps({"heard": line.strip()}), flush=True)
"""


def worker(without: tuple[str, ...] = ()) -> Worker:
    return Worker([sys.executable, "-c", ECHO], without=without)


def test_it_answers_each_request_and_does_not_see_what_is_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TURRET_TEST", "there")
    with worker() as one, worker(without=("TURRET_TEST",)) as other:
        assert one.ready == {"seen": "there"}
        assert other.ready == {"seen": None}
        assert [one.ask("a"), one.ask("b")] == [{"heard": "a"}, {"heard": "b"}]


def test_one_that_ends_says_what_it_wrote_last() -> None:
    with pytest.raises(BenchmarkError, match="code 1: got .* It wrote last: it died"):
        worker().ask("die")
    with pytest.raises(BenchmarkError, match="code 3"):
        Worker([sys.executable, "-c", "raise SystemExit(3)"])


def test_one_that_does_not_exist_is_named() -> None:
    with pytest.raises(BenchmarkError, match="cannot be started.*got 'no/such/python'"):
        Worker(["no/such/python"])
