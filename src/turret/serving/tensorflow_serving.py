"""TensorFlow Serving's REST protocol, so that clients of a retrieval model move without a change.

A model answers as the retrieval layers of TensorFlow Recommenders do: `output_1` are the scores,
`output_2` the ids of the candidates. What it reads are the columns of the query tower, by name; one
that is asked by id alone takes bare values, or `input_1`.

Reference: "RESTful API", the documentation of TensorFlow Serving, 2024.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
import polars as pl
from starlette.types import Scope

from turret.serving.answering import Answering
from turret.serving.refusals import Refusal
from turret.serving.replies import Reply
from turret.serving.schema import RecommendAnswer, RecommendRequest
from turret.serving.service import Service
from turret.serving.version import Version

__all__ = ["PredictRequest", "TensorFlowServing", "tensorflow_refused"]

SIGNATURE = "serving_default"
_DEEPEST = 4
SCORES, IDS, INPUT = "output_1", "output_2", "input_1"


class PredictRequest(msgspec.Struct):
    """Rows of instances, or columns of inputs."""

    signature_name: str = SIGNATURE
    instances: list[Any] | msgspec.UnsetType = msgspec.UNSET
    inputs: Any = msgspec.UNSET


def tensorflow_refused(refusal: Refusal, request_id: str) -> Reply:
    """Say that a request is not answered, as TensorFlow Serving does.

    Args:
        refusal: why.
        request_id: of the request; the answer's header has it.

    Returns:
        `{"error": "..."}`.
    """
    headers = (
        ()
        if refusal.retry_after is None
        else ((b"retry-after", str(refusal.retry_after).encode()),)
    )
    body = msgspec.json.encode({"error": str(refusal)})
    return Reply(body, refusal.status, headers=headers)


class TensorFlowServing:
    """The addresses below `/v1/models`.

    Args:
        service: the server's state.
        answering: answers.
    """

    def __init__(self, service: Service, answering: Answering) -> None:
        """Keep the parts."""
        self._service, self._answering = service, answering
        self._decode = msgspec.json.Decoder(PredictRequest).decode

    async def status(self, scope: Scope, body: bytes) -> Reply:
        """Answer `GET /v1/models/NAME` and `/versions/N`."""
        version = self._version(scope)
        status = {"error_code": "OK", "error_message": ""}
        state = {"version": str(version.number), "state": "AVAILABLE", "status": status}
        return _json({"model_version_status": [state]})

    async def metadata(self, scope: Scope, body: bytes) -> Reply:
        """Answer `GET /v1/models/NAME/metadata`."""
        version = self._version(scope)
        return _json(
            {
                "model_spec": {
                    "name": self._service.settings.model_name,
                    "signature_name": "",
                    "version": str(version.number),
                },
                "metadata": {"signature_def": {"signature_def": {SIGNATURE: _signature(version)}}},
            }
        )

    async def predict(self, scope: Scope, body: bytes) -> Reply:
        """Answer `POST /v1/models/NAME:predict`."""
        version = self._version(scope)
        asked = self._decoded(body)
        if asked.signature_name not in ("", SIGNATURE):
            message = f'Serving signature key "{asked.signature_name}" not found.'
            raise Refusal(400, "invalid_request", message)
        by_row = asked.inputs is msgspec.UNSET
        if by_row == (asked.instances is msgspec.UNSET):
            raise Refusal(400, "invalid_request", "Missing 'inputs' or 'instances' key")
        given: Any = asked.instances if by_row else asked.inputs
        rows = given if by_row else _rows(given)
        found = await self._answering.recommended(version, self._request(version, rows))
        return _json({"predictions": _by_row(found)} if by_row else {"outputs": _by_column(found)})

    def _version(self, scope: Scope) -> Version:
        """The version that is asked for, if it is the one that is served."""
        name, number = scope["path_params"]["name"], scope["path_params"].get("number")
        version = self._service.version
        if name == self._service.settings.model_name and number in (None, version.number):
            return version
        if scope["method"] == "POST":
            which = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise Refusal(404, "not_found", f"Servable not found for request: {which}")
        what = "any versions" if number is None else f"version {number}"
        raise Refusal(404, "not_found", f"Could not find {what} of model {name}")

    def _decoded(self, body: bytes) -> PredictRequest:
        try:
            return self._decode(body)
        except msgspec.ValidationError as error:
            raise Refusal(400, "invalid_request", f"Request payload: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"JSON Parse error: {error}"
            raise Refusal(400, "malformed_json", message) from error

    def _request(self, version: Version, rows: Sequence[object]) -> RecommendRequest:
        asked = {"queries": [_plain(row) for row in rows], "k": self._service.settings.model_k}
        if version.columns_read == (version.recommender.query_id,):
            asked["queries"] = [_bare(row) for row in cast("list[object]", asked["queries"])]
        try:
            return msgspec.convert(asked, version.requests.recommend)
        except msgspec.ValidationError as error:
            place = str(error).replace("$.queries", "instances")
            message = f"Failed to process 'instances' or 'inputs': {place}"
            raise Refusal(400, "invalid_request", message) from error


def _signature(version: Version) -> dict[str, object]:
    bundle = version.bundle
    inputs = {
        name: _tensor(name, bundle.queries.schema.get(name, pl.String()))
        for name in version.columns_read
    }
    outputs = {SCORES: _info(SCORES, "DT_FLOAT", 2), IDS: _info(IDS, "DT_STRING", 2)}
    method = "tensorflow/serving/predict"
    return {"inputs": inputs, "outputs": outputs, "method_name": method}


def _tensor(name: str, dtype: Any) -> dict[str, object]:
    if isinstance(dtype, pl.List | pl.Array):
        return _info(name, _kind(dtype.inner), 2)
    return _info(name, _kind(dtype), 1)


def _kind(dtype: Any) -> str:
    if dtype.is_integer():
        return "DT_INT64"
    if dtype.is_float():
        return "DT_FLOAT"
    return "DT_BOOL" if dtype == pl.Boolean else "DT_STRING"


def _info(name: str, kind: str, rank: int) -> dict[str, object]:
    shape = {"dim": [{"size": "-1", "name": ""}] * rank, "unknown_rank": False}
    return {"dtype": kind, "tensor_shape": shape, "name": f"{name}:0"}


def _rows(inputs: object) -> list[object]:
    """The rows of columns."""
    if isinstance(inputs, list):
        return cast("list[object]", inputs)
    if not isinstance(inputs, dict) or not inputs:
        raise Refusal(400, "invalid_request", "'inputs' is neither a list nor an object")
    columns = cast("dict[str, object]", inputs)
    lists = {name: cast("list[object]", c) for name, c in columns.items() if isinstance(c, list)}
    if len(lists) < len(columns) or len({len(column) for column in lists.values()}) > 1:
        message = "The tensors in 'inputs' are lists of one length: a value for each query"
        raise Refusal(400, "invalid_request", message)
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _plain(value: object, depth: int = 0) -> object:
    """A value without its Base64 coat."""
    if depth > _DEEPEST:
        raise Refusal(400, "invalid_request", "The values nest too deep")
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    given = cast("Mapping[str, object]", value)
    if list(given) == ["b64"]:
        try:
            return base64.b64decode(cast("str", given["b64"]), validate=True).decode()
        except (TypeError, ValueError, binascii.Error) as error:
            message = "A value of 'b64' is not the Base64 form of text in UTF-8"
            raise Refusal(400, "invalid_request", message) from error
    return {name: _plain(inner, depth + 1) for name, inner in given.items()}


def _bare(row: object) -> object:
    """The value of a row that names the only input by the name that Keras gives it."""
    if not isinstance(row, dict):
        return row
    given = cast("Mapping[str, object]", row)
    return given[INPUT] if list(given) == [INPUT] else given


def _by_row(found: RecommendAnswer) -> list[dict[str, object]]:
    pairs = zip(found.scores, found.ids, strict=True)
    return [{SCORES: scores, IDS: ids} for scores, ids in pairs]


def _by_column(found: RecommendAnswer) -> dict[str, object]:
    return {SCORES: found.scores, IDS: found.ids}


def _json(value: object) -> Reply:
    return Reply(msgspec.json.encode(value))
