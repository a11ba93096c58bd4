"""What every endpoint has in common: request ids, limits, errors, logs."""

import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Literal

from starlette.types import Receive, Scope, Send

from turret.serving.refusals import Refusal
from turret.serving.replies import Reply, body_of, refused, request_id_of, send_reply
from turret.serving.service import Service

__all__ = ["Endpoint", "Handler"]

Handler = Callable[[Scope, bytes], Awaitable[Reply]]
"""Answers a request, of which it gets the scope and the body."""


class Endpoint:
    """An ASGI application that answers one kind of request.

    Args:
        name: what logs and metrics call it.
        handler: answers.
        service: the server's state.
        needs: what a token has to allow.
        refuse: says that a request is not answered.
    """

    def __init__(
        self,
        name: str,
        handler: Handler,
        *,
        service: Service,
        refuse: Callable[[Refusal, str], Reply] = refused,
        needs: Literal["nothing", "read", "write"] = "read",
    ) -> None:
        """Keep the parts."""
        self._needs = needs
        self._refuse = refuse
        self._name = name
        self._handler = handler
        self._settings = service.settings
        self._log = service.log
        self._metrics = service.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        start = time.perf_counter()
        request_id = request_id_of(scope)
        body = b""
        try:
            if self._needs != "nothing":
                self._settings.tokens.check(scope, writes=self._needs == "write")
            body = await body_of(scope, receive, limit=self._settings.limits.max_body)
            reply = await self._handler(scope, body)
        except Refusal as refusal:
            reply = self._refuse(refusal, request_id)
        except Exception:
            # What went wrong is for the log alone.
            self._log.write(
                "error", "failed", endpoint=self._name, request=request_id,
                traceback=traceback.format_exc(),
            )  # fmt: skip
            reply = self._refuse(Refusal(500, "internal", "The server failed."), request_id)
        if reply.status != 499:
            await send_reply(send, reply, request_id)
        self._note(scope, reply, body, request_id, time.perf_counter() - start)

    def _note(
        self, scope: Scope, reply: Reply, body: bytes, request_id: str, seconds: float
    ) -> None:
        self._metrics.request(self._name, reply.status, seconds)
        settings = self._settings
        if not settings.log_requests:
            return
        asked = {"body": body.decode("utf-8", "replace")} if settings.log_features else {}
        self._log.write(
            "info", "request", endpoint=self._name, method=scope["method"], status=reply.status,
            milliseconds=round(1000 * seconds, 3), request=request_id, **asked,
        )  # fmt: skip
