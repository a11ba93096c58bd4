"""What a server says of itself: health, readiness, metrics, the description of its addresses."""

from typing import Any

import msgspec
from starlette.types import Scope

from turret.serving.openapi import document
from turret.serving.page import page
from turret.serving.replies import Reply
from turret.serving.service import Service

__all__ = ["Describing"]


class Describing:
    """The endpoints that ask about the server.

    Args:
        service: the server's state.
    """

    def __init__(self, service: Service) -> None:
        """Keep the state."""
        self._service = service

    async def healthz(self, scope: Scope, body: bytes) -> Reply:
        """Answer `GET /healthz`: the process is alive."""
        return Reply(b'{"status":"alive"}')

    async def readyz(self, scope: Scope, body: bytes) -> Reply:
        """Answer `GET /readyz`: it answers queries, or 503."""
        version = self._service.version
        return Reply(msgspec.json.encode({"status": "ready", "version": version.name}))

    async def metrics(self, scope: Scope, body: bytes) -> Reply:
        """Answer `GET /metrics`."""
        media = b"text/plain; version=0.0.4; charset=utf-8"
        return Reply(self._service.counted(), media=media)

    async def openapi(self, scope: Scope, body: bytes) -> Reply:
        """Answer `GET /openapi.json`."""
        return Reply(msgspec.json.encode(self._document()))

    async def page(self, scope: Scope, body: bytes) -> Reply:
        """Answer `GET /`."""
        html = page(self._document(), version=self._service.version.name)
        return Reply(html, media=b"text/html; charset=utf-8")

    def _document(self) -> dict[str, Any]:
        settings = self._service.settings
        return document(
            self._service.version.requests,
            writable=settings.writable,
            tokens=bool(settings.tokens.read),
        )
