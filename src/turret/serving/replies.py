"""HTTP requests read within their limits, and answers sent."""

import itertools
import re
import secrets
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from turret.serving.refusals import Refusal

__all__ = ["JSON", "Reply", "body_of", "header_of", "refused", "request_id_of", "send_reply"]

JSON = b"application/json"

_GIVEN_ID = re.compile(rb"^[A-Za-z0-9._:-]{1,64}$")
_OWN = secrets.token_hex(6)
_COUNT = itertools.count(1)


class Reply(NamedTuple):
    """An answer.

    Attributes:
        body: its bytes.
        status: the HTTP status.
        media: the kind of the body.
        headers: further headers.
    """

    body: bytes
    status: int = 200
    media: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def refused(refusal: Refusal, request_id: str) -> Reply:
    """Say that a request is not answered.

    Args:
        refusal: why.
        request_id: of the request.

    Returns:
        The answer that says so.
    """
    headers: list[tuple[bytes, bytes]] = []
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return Reply(refusal.body(request_id), refusal.status, headers=tuple(headers))


def header_of(scope: Scope, name: bytes) -> bytes | None:
    """Find a header.

    Args:
        scope: of the request.
        name: in small letters.

    Returns:
        The first value, or None.
    """
    for key, value in scope["headers"]:
        if key == name:
            return value
    return None


def request_id_of(scope: Scope) -> str:
    """Name a request.

    Args:
        scope: of the request.

    Returns:
        Its `X-Request-ID` where that is short and plain, else one of its own.
    """
    given = header_of(scope, b"x-request-id")
    if given is not None and _GIVEN_ID.match(given):
        return given.decode()
    return f"{_OWN}-{next(_COUNT)}"


async def body_of(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """Read the body of a request.

    Args:
        scope: of the request.
        receive: gives its parts.
        limit: bytes it may have.

    Returns:
        The body.

    Raises:
        Refusal: if it is larger (413), or the client is gone (499).
    """
    said = header_of(scope, b"content-length")
    if said is not None and said.isdigit() and int(said) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
    if message["type"] == "http.disconnect":
        raise Refusal(499, "disconnected", "The client is gone.")
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def send_reply(send: Send, reply: Reply, request_id: str) -> None:
    """Send an answer.

    Args:
        send: takes its parts.
        reply: the answer.
        request_id: of the request; a header of the answer.
    """
    headers = [
        (b"content-type", reply.media),
        (b"content-length", b"%d" % len(reply.body)),
        (b"x-request-id", request_id.encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "body_too_large", f"The body is larger than {limit:,} bytes.")
