"""The application: which address leads to what."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from turret.serving.answering import Answering
from turret.serving.endpoint import Endpoint, Handler
from turret.serving.openapi import document
from turret.serving.page import page
from turret.serving.refusals import Refusal
from turret.serving.replies import Reply, refused, request_id_of
from turret.serving.service import Service

__all__ = ["application"]


def application(service: Service) -> Starlette:
    """Make the application of a server.

    Args:
        service: the server's state.

    Returns:
        An ASGI application.
    """
    answering = Answering(service)

    def route(method: str, path: str, name: str, handler: Handler) -> Route:
        endpoint = Endpoint(name, handler, service=service)
        return Route(path, endpoint, methods=[method])

    async def healthz(scope: Scope, body: bytes) -> Reply:
        return Reply(b'{"status":"alive"}')

    async def readyz(scope: Scope, body: bytes) -> Reply:
        return Reply(msgspec.json.encode({"status": "ready", "version": service.version.name}))

    async def openapi(scope: Scope, body: bytes) -> Reply:
        return Reply(msgspec.json.encode(document(service.version.requests)))

    async def readable(scope: Scope, body: bytes) -> Reply:
        version = service.version
        html = page(document(version.requests), version=version.name)
        return Reply(html, media=b"text/html; charset=utf-8")

    async def metrics(scope: Scope, body: bytes) -> Reply:
        media = b"text/plain; version=0.0.4; charset=utf-8"
        return Reply(service.counted(), media=media)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        await service.start()
        yield
        await service.stop()

    return Starlette(
        routes=[
            route("POST", "/v1/recommend", "recommend", _answered(answering.recommend)),
            route("POST", "/v1/similar", "similar", _answered(answering.similar)),
            route("POST", "/v1/embed", "embed", _answered(answering.embed)),
            route("GET", "/healthz", "healthz", healthz),
            route("GET", "/readyz", "readyz", readyz),
            route("GET", "/metrics", "metrics", metrics),
            route("GET", "/openapi.json", "openapi", openapi),
            route("GET", "/", "page", readable),
        ],
        exception_handlers={HTTPException: _unrouted},
        lifespan=lifespan,
    )


def _answered(answer: Callable[[bytes], Awaitable[bytes]]) -> Handler:
    async def handler(scope: Scope, body: bytes) -> Reply:
        return Reply(await answer(body))

    return handler


async def _unrouted(request: Request, error: Exception) -> Response:
    """Answer what leads nowhere, or not in this way."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    request_id = request_id_of(request.scope)
    reply = refused(Refusal(error.status_code, code, f"{error.detail}."), request_id)
    headers = {**(error.headers or {}), "x-request-id": request_id}
    return Response(reply.body, reply.status, headers=headers, media_type="application/json")
