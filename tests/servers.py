"""Real server processes for tests."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def every_line(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        return [msgspec.json.decode(line) for line in self.log.read_bytes().splitlines()]

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log about an event."""
        return [line for line in self.every_line() if line["event"] == event]

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, **options)

    def post(self, path: str, body: object, **options: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return httpx.post(self.url + path, content=content, timeout=30, **options)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=60)

    def wait_for(self, event: str, *, number: int = 1, running: bool = True) -> dict[str, Any]:
        """The number-th line about an event, when it is there."""
        for _ in range(600):
            found = self.lines(event)
            if len(found) >= number:
                return found[number - 1]
            assert not running or self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError(f"no {event}: {self.log.read_text()}")


@contextmanager
def serving(
    target: Path,
    *options: str,
    log: Path,
    ready: bool = True,
    event: str = "serving",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Runs `turret serve` until the block ends."""
    command = [sys.executable, "-m", "turret", "serve", str(target), "--port", "0", *options]
    with running(command, log=log, ready=ready, event=event, environment=environment) as server:
        yield server


@contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    ready: bool = True,
    event: str = "serving",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Server]:
    """Runs a command that serves until the block ends."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stderr=file,
            env=os.environ | {"JAX_PLATFORMS": "cpu"} | dict(environment or {}),
            cwd=folder,
        )
    server = Server(process, "", log)
    try:
        server.url = server.wait_for(event)["url"]
        if ready:
            server.wait_for("ready")
        yield server
    finally:
        process.kill()
        process.wait()
