import json
import os

import pytest

from turret.benchmarks import machine


def test_the_machine_is_named() -> None:
    found = machine.machine()
    assert list(found) == ["cpu", "cores", "memory_gb", "system", "load"]
    assert found["cpu"]
    assert json.loads(json.dumps(found)) == found


def test_what_a_system_does_not_say_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_lines", lambda path: [])
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.available_bytes() is None
    assert machine.machine()["load"] is None
    assert machine.machine()["cores"] == os.cpu_count()


def test_available_memory_is_read_in_kilobytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_lines", lambda path: ["MemTotal: 9 kB", "MemAvailable: 7 kB"])
    assert machine.available_bytes() == 7168
