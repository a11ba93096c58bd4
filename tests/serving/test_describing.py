"""What a server says of itself: the OpenAPI document, the page, the metrics."""

import re
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from servers import Server, serving


def test_the_document_names_the_features_and_the_limits(server: Server) -> None:
    document = server.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(schemas["Query"]["properties"]) == {"user", "country"}
    assert set(schemas["Candidate"]["properties"]) == {"film"}
    request = schemas["RecommendRequest"]
    assert request["required"] == ["queries"] and request["additionalProperties"] is False
    assert request["properties"]["k"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 200,
        "default": 10,
        "description": "answers for each.",
    }
    assert request["properties"]["queries"]["maxItems"] == 100
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answer = server.process and getattr(server, method)(
                path, *([b"{"] if method == "post" else [])
            )
            assert str(answer.status_code) in operation["responses"]


def test_the_page_shows_every_address(server: Server) -> None:
    page = server.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path in server.get("/openapi.json").json()["paths"]:
        assert path in page.text
    assert not re.search(r"(src|href)=\"(?!/openapi)", page.text)


def test_the_metrics_count(bundle: Path, tmp_path: Path) -> None:
    with serving(bundle, log=tmp_path / "log") as server:
        for _ in range(3):
            server.post("/v1/recommend", {"queries": [1, 2]})
        server.post("/v1/recommend", {"queries": []})
        version = server.get("/readyz").json()["version"]
        text = server.get("/metrics").text
    values = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["turret_requests_total", ("endpoint", "recommend"), ("status", "200")] == 3
    assert values["turret_requests_total", ("endpoint", "recommend"), ("status", "400")] == 1
    assert values["turret_request_seconds_count", ("endpoint", "recommend")] == 4
    assert values[("turret_batch_queries_sum",)] == 6
    assert values[("turret_candidates",)] == 120
    assert values["turret_model_info", ("version", version)] == 1
    assert values[("turret_ready",)] == 1
    assert values[("turret_reload_failures_total",)] == 0
    assert values[("turret_waiting_queries",)] == 0


def test_each_line_of_the_log_is_one_object(server: Server) -> None:
    for line in server.log.read_bytes().splitlines():
        told = msgspec.json.decode(line, type=dict[str, object])
        assert {"time", "level", "event"} <= told.keys()
