"""What cannot be answered is refused with a 4xx that names the place; never with a 5xx."""

from pathlib import Path

import httpx
import msgspec
import pytest
from servers import Server

from turret.errors import QueryError
from turret.serving.refusals import Refusal, refusal_of

DEEP = b'{"queries":' + b"[" * 5000 + b"]" * 5000 + b"}"
BAD: list[tuple[str, object, int, str | None]] = [
    ("recommend", b"", 400, None),
    ("recommend", b"{", 400, None),
    ("recommend", b"\xff\xfe", 400, None),
    ("recommend", b'{"queries":["\\ud800"]}', 400, None),
    ("recommend", DEEP, 400, "queries[0]"),
    ("recommend", [], 400, None),
    ("recommend", {}, 400, None),
    ("recommend", {"queries": []}, 400, "queries"),
    ("recommend", {"queries": "42"}, 400, "queries"),
    ("recommend", {"queries": list(range(101))}, 400, "queries"),
    ("recommend", {"queries": [1.5]}, 400, "queries[0]"),
    ("recommend", {"queries": [1, None]}, 400, "queries[1]"),
    ("recommend", {"queries": [1, {}]}, 400, "queries[1]"),
    ("recommend", {"queries": [1, {"usr": 1}]}, 400, "queries[1].usr"),
    ("recommend", {"queries": [1, {"user": [1]}]}, 400, "queries[1].user"),
    ("recommend", {"queries": [{"country": {"no": 1}}]}, 400, "queries[0].country"),
    ("recommend", {"queries": [2**64]}, 400, "queries[0]"),
    ("recommend", b'{"queries":[NaN]}', 400, None),
    ("recommend", {"queries": [1], "k": 0}, 400, "k"),
    ("recommend", {"queries": [1], "k": 201}, 400, "k"),
    ("recommend", {"queries": [1], "k": "3"}, 400, "k"),
    ("recommend", {"queries": [1], "k": 3.5}, 400, "k"),
    ("recommend", {"queries": [1], "kk": 3}, 400, "kk"),
    ("recommend", {"queries": [1], "exclude": [[], []]}, 400, "exclude"),
    ("recommend", {"queries": [1], "exclude": [[1.5]]}, 400, "exclude[0][0]"),
    ("recommend", {"queries": [1], "allow": "f1"}, 400, "allow"),
    ("recommend", {"queries": [1], "deny": [None]}, 400, "deny[0]"),
    ("recommend", {"queries": [1], "exclude_seen": "yes"}, 400, "exclude_seen"),
    ("recommend", {"queries": [1, 2], "where": "titel = 'a'"}, 400, "where"),
    ("recommend", {"queries": [1], "where": "title = (select 1)"}, 400, "where"),
    ("recommend", {"queries": [1], "where": "x" * 2001}, 400, "where"),
    ("recommend", {"queries": [1], "fields": ["title", "titel"]}, 400, "fields[1]"),
    ("recommend", b" " * 20001, 413, None),
    ("similar", {"candidate_ids": ["f1", "f1000"]}, 404, "candidate_ids[1]"),
    ("similar", {"candidate_ids": ["f1"], "fields": ["x"]}, 400, "fields[0]"),
    ("embed", {"queries": [{"user": 1, "age": 3}]}, 400, "queries[0].age"),
    ("embed", {"candidates": ["f1", "f1000"]}, 404, "candidates[1]"),
    ("embed", {"candidates": [{"title": "x"}]}, 400, "candidates[0].title"),
]


@pytest.mark.parametrize(
    ("path", "body", "status", "place"), BAD, ids=[str(bad)[:60] for bad in BAD]
)
def test_the_place_is_named(
    server: Server, path: str, body: object, status: int, place: str | None
) -> None:
    answer = server.post(f"/v1/{path}", body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error.get("path") == place
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["message"].endswith((".", "]", "?"))


def test_no_such_address_and_no_such_method(server: Server) -> None:
    missing = server.get("/v1/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = server.get("/v1/recommend")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json()["error"]["code"] == "method_not_allowed"


def test_a_body_without_a_length_is_limited_too(server: Server) -> None:
    parts = iter([b" " * 5000] * 5)
    answer = httpx.post(server.url + "/v1/recommend", content=parts)
    assert answer.status_code == 413


def test_nothing_is_told_of_the_place_or_the_software(server: Server, bundle: Path) -> None:
    answers = [server.post(f"/v1/{path}", body) for path, body, _, _ in BAD]
    answers.append(server.get("/nothing"))
    for answer in answers:
        text = answer.text + str(answer.headers)
        assert str(bundle.parent) not in text
        for word in ("uvicorn", "starlette", "python", "Traceback", "site-packages"):
            assert word not in text.lower()


def test_a_request_keeps_its_id(server: Server) -> None:
    given = server.get("/healthz", headers={"X-Request-ID": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    odd = server.get("/healthz", headers={"X-Request-ID": "a b"})
    assert odd.headers["x-request-id"] not in ("a b", given.headers["x-request-id"])


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    x: int


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: list[Inner]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"inner": [{"x": 1}, {"x": "a"}]}', "inner[1].x"),
        (b'{"inner": [{"x": 1, "y z`": 2}]}', "inner[0].y z`"),
        (b'{"other": 1}', "other"),
        (b'{"inner": [{}]}', "inner[0]"),
    ],
)
def test_paths_of_decoding(body: bytes, place: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.json.decode(body, type=Outer)
    assert refusal_of(error.value).path == place
    assert refusal_of(error.value, path="top").path == f"top.{place}"


def test_an_error_of_the_recommender_is_a_refusal() -> None:
    refusal = refusal_of(QueryError("no", got=1), path="queries[0]")
    assert (refusal.status, refusal.path) == (400, "queries[0]")
    assert str(refusal) == "queries[0]: no: got 1."
    assert str(Refusal(503, "busy", "Busy.")) == "Busy."
