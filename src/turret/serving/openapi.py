"""The document that describes the addresses: OpenAPI 3.1, for programs and for the page."""

import inspect
import re
from typing import Any, NamedTuple

import msgspec

from turret.serving.request_types import RequestTypes
from turret.serving.schema import EmbedAnswer, RecommendAnswer, SimilarAnswer

__all__ = ["Changed", "Error", "ErrorDetail", "Status", "document"]

_SECTION = re.compile(r"^Attributes:\n(?P<lines>(?:[ ]+.*\n?)+)", re.MULTILINE)
_ENTRY = re.compile(r"^[ ]{4}(?P<name>\w+): (?P<text>.*(?:\n[ ]{8}.*)*)", re.MULTILINE)
_REFUSED = {
    400: "The request cannot be: the error names the place.",
    401: "A token is needed.",
    403: "The token does not allow this.",
    404: "There is no such thing.",
    413: "The body is too large.",
    503: "Not ready yet, or too many requests are waiting; ask again.",
    504: "There was no time to answer.",
}


class ErrorDetail(msgspec.Struct):
    """What went wrong."""

    code: str
    message: str
    request_id: str
    path: str | msgspec.UnsetType = msgspec.UNSET


class Error(msgspec.Struct):
    """A request that is not answered."""

    error: ErrorDetail


class Status(msgspec.Struct):
    """How the server is."""

    status: str
    version: str | msgspec.UnsetType = msgspec.UNSET


class Changed(msgspec.Struct):
    """How many were changed."""

    candidates: int | msgspec.UnsetType = msgspec.UNSET
    events: int | msgspec.UnsetType = msgspec.UNSET
    queries: int | msgspec.UnsetType = msgspec.UNSET


class _Address(NamedTuple):
    method: str
    path: str
    summary: str
    answer: type[msgspec.Struct] | None
    request: str | None = None
    refused: tuple[int, ...] = ()
    writes: bool = False


_ASKING = (400, 401, 413, 503, 504)
_ADDRESSES = (
    _Address("post", "/v1/recommend", "The best candidates of queries", RecommendAnswer,
             "recommend", _ASKING),
    _Address("post", "/v1/similar", "The candidates most like some candidates", SimilarAnswer,
             "similar", (*_ASKING, 404)),
    _Address("post", "/v1/embed", "The vectors of queries and candidates", EmbedAnswer,
             "embed", (*_ASKING, 404)),
    _Address("get", "/healthz", "Whether the process is alive", Status),
    _Address("get", "/readyz", "Whether it answers", Status, refused=(503,)),
    _Address("get", "/metrics", "What it counts, for Prometheus", None, refused=(401,)),
    _Address("post", "/v1/candidates", "Add candidates, or replace those of the same ids", Changed,
             "put", (*_ASKING, 403), writes=True),
    _Address("delete", "/v1/candidates", "Take candidates away", Changed,
             "remove", (*_ASKING, 403), writes=True),
    _Address("post", "/v1/events", "Note what queries have just seen", Changed,
             "events", (*_ASKING, 403), writes=True),
    _Address("delete", "/v1/queries/{query_id}", "Forget what is known of a query", Changed,
             refused=(400, 401, 403, 503), writes=True),
)  # fmt: skip


def document(
    requests: RequestTypes, *, writable: bool = False, tokens: bool = False
) -> dict[str, Any]:
    """Describe the addresses of a server.

    Args:
        requests: the types of the requests to its model.
        writable: whether it takes changes.
        tokens: whether a token is needed to ask.

    Returns:
        An OpenAPI document.
    """
    kinds: dict[str, type[msgspec.Struct]] = {"Error": Error}
    addresses = [address for address in _ADDRESSES if writable or not address.writes]
    for address in addresses:
        if address.answer is not None:
            kinds[address.answer.__name__] = address.answer
        if address.request is not None:
            kind = getattr(requests, address.request)
            kinds[kind.__name__] = kind
    _, schemas = msgspec.json.schema_components(
        kinds.values(), ref_template="#/components/schemas/{name}"
    )
    for name, schema in schemas.items():
        _describe(schema, kinds.get(name))
    paths: dict[str, dict[str, Any]] = {}
    for address in addresses:
        operation = _operation(address, requests)
        if address.writes or (tokens and 401 in address.refused):
            operation["security"] = [{"token": []}]
        paths.setdefault(address.path, {})[address.method] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Turret",
            "description": "The best candidates of queries, from a two-tower model.",
            "version": "1",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(address: _Address, requests: RequestTypes) -> dict[str, Any]:
    if address.answer is None:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = _json(address.answer.__name__)
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
    for status in sorted(address.refused):
        responses[str(status)] = {"description": _REFUSED[status], "content": _json("Error")}
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{address.method}{address.path}").strip("_"),
        "summary": address.summary,
        "responses": responses,
    }
    if "{" in address.path:
        name = address.path.partition("{")[2].rstrip("}")
        schema = {"type": "string", "minLength": 1}
        found["parameters"] = [{"name": name, "in": "path", "required": True, "schema": schema}]
    if address.request is not None:
        kind = getattr(requests, address.request)
        found["requestBody"] = {"required": True, "content": _json(kind.__name__)}
    return found


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _describe(schema: dict[str, Any], kind: type[msgspec.Struct] | None) -> None:
    """Put the text about each attribute where it belongs, out of the docstring."""
    text = inspect.cleandoc(schema.get("description", ""))
    schema["description"] = text.split("\n\n")[0]
    section = _SECTION.search(text if kind is None else inspect.cleandoc(kind.__doc__ or text))
    if section is None:
        return
    for entry in _ENTRY.finditer(section["lines"]):
        there = schema.get("properties", {}).get(entry["name"])
        if there is not None:
            there["description"] = " ".join(entry["text"].split())
