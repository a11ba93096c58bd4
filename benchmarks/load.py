"""Load on a server: so many requests a second over kept connections, whatever the answers take.

A request has its moment, `i / rate` after the beginning, and its latency counts from then, also
when no connection was free: a server that falls behind is not spared what it makes wait.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import uvloop


@dataclass
class Answers:
    """What came back.

    Attributes:
        seconds: latency of each request that was answered, in order of the answers.
        statuses: of each, in the same order.
        bodies: how often each body came, if they were kept.
        failed: requests whose connection ended before their answer.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    bodies: Counter[bytes] = field(default_factory=Counter)
    failed: int = 0

    def figures(self, status: int = 200) -> dict[str, float]:
        """Percentiles of the latency of the answers with a status, in milliseconds."""
        taken = [s for s, one in zip(self.seconds, self.statuses, strict=True) if one == status]
        if not taken:
            return {"requests": 0}
        p50, p99 = 1000 * np.percentile(taken, [50, 99])
        return {"requests": len(taken), "p50_ms": float(p50), "p99_ms": float(p99)}


class _Connection(asyncio.Protocol):
    """One connection, which carries one request at a time."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._due: float | None = None
        self._received = b""
        self._length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, due: float) -> None:
        self._due, self._received, self._length = due, b"", -1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length < 0:
            head, found, _ = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            self._status = int(head[9:12])
            self._start = len(head) + 4
            lower = head.lower()
            at = lower.index(b"content-length: ") + 16
            self._length = self._start + int(lower[at:].split(b"\r\n", 1)[0])
        if len(self._received) >= self._length:
            due, self._due = self._due, None
            self._load.answered(self, due, self._status, self._received[self._start :])

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self, under_way=self._due is not None)


class _Load:
    """The requests of one measurement."""

    def __init__(self, keep: bool) -> None:
        self.answers = Answers()
        self._keep = keep
        self._free: deque[_Connection] = deque()
        self._due: deque[tuple[bytes, float]] = deque()
        self.left = 0
        self.done = asyncio.Event()
        self.connections = 0

    def free(self, connection: _Connection) -> None:
        if self._due:
            connection.send(*self._due.popleft())
        else:
            self._free.append(connection)

    def send(self, request: bytes, due: float) -> None:
        if self._free:
            self._free.popleft().send(request, due)
        else:
            self._due.append((request, due))

    def answered(self, one: _Connection, due: float | None, status: int, body: bytes) -> None:
        if due is not None:
            self.answers.seconds.append(time.perf_counter() - due)
            self.answers.statuses.append(status)
            if self._keep:
                self.answers.bodies[body] += 1
            self._one_less()
        self.free(one)

    def lost(self, one: _Connection, *, under_way: bool) -> None:
        self.connections -= 1
        if one in self._free:
            self._free.remove(one)
        if under_way:
            self.answers.failed += 1
            self._one_less()

    def _one_less(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set()


def steady(
    url: str,
    bodies: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    connections: int = 32,
    path: str = "/v1/recommend",
    keep: bool = False,
) -> Answers:
    """Send requests at a rate and wait for their answers.

    Args:
        url: of the server.
        bodies: of the requests, in turn.
        rate: requests a second.
        seconds: how long.
        connections: at most so many requests are under way.
        path: where to.
        keep: count the bodies.

    Returns:
        The answers.
    """
    return uvloop.run(_steady(url, bodies, rate, seconds, connections, path, keep))


async def _steady(
    url: str,
    bodies: Sequence[bytes],
    rate: float,
    seconds: float,
    connections: int,
    path: str,
    keep: bool,
) -> Answers:
    loop = asyncio.get_running_loop()
    place = urlsplit(url)
    head = f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: "
    requests = [b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body) for body in bodies]
    load = _Load(keep)
    host, port = place.hostname or "127.0.0.1", place.port or 80
    for _ in range(connections):
        _, one = await loop.create_connection(lambda: _Connection(load), host, port)
        load.connections += 1
        load.free(one)
    total = round(rate * seconds)
    load.left = total
    start, sent = time.perf_counter(), 0
    while sent < total and load.connections > 0:
        due = min(total, int((time.perf_counter() - start) * rate) + 1)
        while sent < due:
            load.send(requests[sent % len(requests)], start + sent / rate)
            sent += 1
        # The next moment, or at once when it has passed: never a wait for an answer.
        await asyncio.sleep(max(0.0, start + sent / rate - time.perf_counter()))
    if load.connections > 0:
        await asyncio.wait_for(load.done.wait(), timeout=60)
    return load.answers
