"""The application: which address leads to what."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from turret.serving.answering import Answering
from turret.serving.describing import Describing
from turret.serving.endpoint import Endpoint, Handler
from turret.serving.refusals import Refusal
from turret.serving.replies import Reply, refused, request_id_of
from turret.serving.service import Service
from turret.serving.tensorflow_serving import TensorFlowServing, tensorflow_refused
from turret.serving.writing import Writing

__all__ = ["application"]


class _Anything(Convertor[str]):
    """The rest of a path, whatever is in it: Starlette's own ends at a line's end."""

    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _VersionNumber(Convertor[int]):
    """A number of so many digits as a version's can have."""

    regex = r"[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("anything", _Anything())
register_url_convertor("version", _VersionNumber())


def application(service: Service) -> ASGIApp:
    """Make the application of a server.

    Args:
        service: the server's state.

    Returns:
        An ASGI application.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        await service.start()
        yield
        await service.stop()

    answering = Answering(service)
    answers = list(_answers(service, answering))
    routed = Starlette(
        routes=[
            *answers,
            *_descriptions(service),
            *_models(service, answering),
            *_changes(service),
        ],
        exception_handlers={HTTPException: _unrouted},
        lifespan=lifespan,
    )
    # An address with a slash too many is none; a redirect would go where the Host header says.
    routed.router.redirect_slashes = False
    return _Short({route.path: route.app for route in answers}, routed)


class _Short:
    """Leads what is asked most often to its endpoint by the shortest way.

    Endpoints answer whatever happens, so that they need nothing of what Starlette puts around them.
    """

    def __init__(self, endpoints: Mapping[str, ASGIApp], routed: ASGIApp) -> None:
        self._endpoints, self._routed = endpoints, routed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._endpoints.get(scope["path"])
            if endpoint is not None:
                await endpoint(scope, receive, send)
                return
        await self._routed(scope, receive, send)


def _answers(service: Service, answering: Answering) -> Iterator[Route]:
    for name in ("recommend", "similar", "embed"):
        handler = _answered(getattr(answering, name))
        yield Route(f"/v1/{name}", Endpoint(name, handler, service=service), methods=["POST"])


def _descriptions(service: Service) -> Iterator[Route]:
    describing = Describing(service)
    for path, name in (
        ("/healthz", "healthz"),
        ("/readyz", "readyz"),
        ("/metrics", "metrics"),
        ("/openapi.json", "openapi"),
        ("/", "page"),
    ):
        needs = "nothing" if name in ("healthz", "readyz") else "read"
        endpoint = Endpoint(name, getattr(describing, name), service=service, needs=needs)
        yield Route(path, endpoint, methods=["GET"])


def _models(service: Service, answering: Answering) -> Iterator[Route]:
    models = TensorFlowServing(service, answering)
    for path in ("/v1/models/{name}/versions/{number:version}", "/v1/models/{name}"):
        for method, ending, name in (
            ("POST", ":predict", "predict"),
            ("GET", "/metadata", "metadata"),
            ("GET", "", "status"),
        ):
            endpoint = Endpoint(
                f"models_{name}",
                getattr(models, name),
                service=service,
                refuse=tensorflow_refused,
            )
            yield Route(path + ending, endpoint, methods=[method])


def _changes(service: Service) -> Iterator[Route]:
    live = service.first.live
    if live is None:
        return
    writing = Writing(service, live)
    for path, named in (
        ("/v1/candidates", {"POST": "put", "DELETE": "remove"}),
        ("/v1/events", {"POST": "events"}),
        ("/v1/queries/{query_id:anything}", {"DELETE": "forget"}),
    ):
        endpoints = {
            method: Endpoint(name, getattr(writing, name), service=service, needs="write")
            for method, name in named.items()
        }
        yield Route(path, _ByMethod(endpoints), methods=list(endpoints))


class _ByMethod:
    """One address with an endpoint for each method."""

    def __init__(self, endpoints: Mapping[str, ASGIApp]) -> None:
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoints[scope["method"]](scope, receive, send)


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
