"""A connection, whose client has to send its requests and take its answers in time."""

import asyncio
from collections import deque
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = ["connections_of"]

_LONGEST_HEAD = 64 * 1024
"""Bytes of a request before its body."""


class _Connection(HttpToolsProtocol):
    """Closed when its client is too slow, or sends a head without end.

    A connection over which nothing comes, half a request or its bytes one by one, or whose client
    does not take an answer, would otherwise be kept for ever.
    """

    seconds: float
    most: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waiting: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._head = 0
        self._in_head = True
        self._answers: deque[RequestResponseCycle] = deque()

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(cast("asyncio.Transport", _Joined(transport)))
        if len(self.connections) > self.most:
            transport.abort()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting = _stopped(self._waiting)
        self._stuck = _stopped(self._stuck)
        self._disconnect()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > _LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        self._in_head, self._head = True, 0
        if self._waiting is None:
            self._wait()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)
            return
        # One that comes after the body is of no use.
        self._head += len(name) + len(value)
        if self._head > _LONGEST_HEAD and not self.transport.is_closing():
            self._give_up()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        self._answers.append(self.cycle)

    def on_message_complete(self) -> None:
        self._waiting = _stopped(self._waiting)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        cast("_Joined", self.transport).flush()
        self._answers.popleft()
        super().on_response_complete()
        # Of requests that come before the answers to others, no more are read than wait already.
        if self.pipeline:
            self.flow.pause_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self.seconds, self._give_up)

    def resume_writing(self) -> None:
        self._stuck = _stopped(self._stuck)
        super().resume_writing()

    def _give_up(self) -> None:
        self._disconnect()
        self.transport.abort()

    def _disconnect(self) -> None:
        """Let what is being answered go nowhere, also when further requests wait behind it."""
        for answer in self._answers:
            answer.disconnected = True
            answer.message_event.set()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.seconds, self._give_up)


class _Joined:
    """A transport that sends the head of an answer together with its body: one call, one packet."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that no body follows."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        self.flush()
        self._transport.close()


def connections_of(*, seconds: float, most: int) -> type[HttpToolsProtocol]:
    """Make the kind of connection that uvicorn is to use.

    Args:
        seconds: a client has to send a request whole, and to take an answer.
        most: connections at a time; further ones are closed at once.

    Returns:
        The protocol.
    """
    return type("Connection", (_Connection,), {"seconds": seconds, "most": most})


def _stopped(timer: asyncio.TimerHandle | None) -> None:
    """Stop a timer; what it gives stands in its place."""
    if timer is not None:
        timer.cancel()
