"""Processes that serve the same bundle at the same port, and the one that keeps them alive."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from prometheus_client.multiprocess import (
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType]  # untyped
)

from turret.serving.listening import address_of, bound
from turret.serving.logs import Log
from turret.serving.metrics import FOLDER
from turret.serving.settings import Settings

__all__ = ["SUPERVISOR", "end_with_supervisor", "supervise"]

SUPERVISOR = "TURRET_SUPERVISOR"
"""The environment variable in which a worker finds the process that started it."""

_LOOK = 0.1
_GRACE = 5.0
_SOON = 60.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


def supervise(arguments: Sequence[str], settings: Settings, *, workers: int) -> int:
    """Run workers until a signal asks to stop; start one that dies again.

    The kernel divides new connections between them. Each begins to listen when it is warm, so a
    worker that is started again gets no request before.

    Args:
        arguments: of `turret serve` for each worker.
        settings: the same as settings.
        workers: how many.

    Returns:
        The exit code: of a worker that could not start, else 0.

    Raises:
        ServingError: if the address cannot be listened on.
    """
    log = Log()
    # Another server at the port, with workers or without, is found before it is shared.
    with bound(settings.host, settings.port, reuse_port=False):
        pass
    # It never listens: it keeps the port while no worker does, and finds one that is free.
    with (
        bound(settings.host, settings.port, reuse_port=True) as kept,
        tempfile.TemporaryDirectory() as counts,
    ):
        port = str(kept.getsockname()[1])
        command = [sys.executable, "-m", "turret", "serve", *arguments]
        command += ["--port", port, "--reuse-port"]
        log.write("info", "supervising", url=address_of(kept), workers=workers)
        code = _Workers(command, workers, Path(counts), log).run(settings.drain)
    log.write("info", "all_stopped")
    return code


def end_with_supervisor() -> None:
    """Make this process stop when the one that supervises it is gone."""
    parent = os.environ.get(SUPERVISOR)
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="turret-supervised", daemon=True).start()


class _Workers:
    """The processes."""

    def __init__(self, command: list[str], number: int, counts: Path, log: Log) -> None:
        self._command, self._number, self._counts, self._log = command, number, counts, log
        self._running: dict[subprocess.Popen[bytes], float] = {}
        self._stopping = False
        self._pause = _SHORTEST_PAUSE

    def run(self, drain: float) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(self._number):
            self._start()
        code, restarts, start_again = 0, 0, 0.0
        while not self._stopping and code == 0:
            time.sleep(_LOOK)
            for process in [one for one in self._running if one.poll() is not None]:
                lived = self._gone(process)
                start_again = time.monotonic() + self._pause
                # One that refuses what it is given would refuse it for ever.
                refused = process.returncode > 0 and restarts == 0 and lived < _SOON
                code = process.returncode if refused else code
            if len(self._running) < self._number and time.monotonic() >= start_again and code == 0:
                self._start()
                restarts += 1
        self._end(drain)
        return code

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self) -> None:
        environment = os.environ | {SUPERVISOR: str(os.getpid()), FOLDER: str(self._counts)}
        process = subprocess.Popen(self._command, env=environment)
        self._running[process] = time.monotonic()

    def _gone(self, process: "subprocess.Popen[bytes]") -> float:
        """Note that a worker ended; returns the seconds that it lived."""
        lived = time.monotonic() - self._running.pop(process)
        mark_process_dead(process.pid, str(self._counts))
        self._log.write("error", "worker_died", worker=process.pid, code=process.returncode)
        # The pause grows while they die soon.
        longer = min(2 * self._pause, _LONGEST_PAUSE)
        self._pause = _SHORTEST_PAUSE if lived > _LONGEST_PAUSE else longer
        return lived

    def _end(self, drain: float) -> None:
        for process in self._running:
            process.terminate()
        until = time.monotonic() + drain + _GRACE
        for process in self._running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
