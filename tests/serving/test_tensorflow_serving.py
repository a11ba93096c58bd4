"""Clients of TensorFlow Serving's REST protocol."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from bundles import by_id
from servers import Server, serving

from turret.recommender.recommender import Recommender


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model that is asked by id alone."""
    folder = tmp_path_factory.mktemp("plain")
    bundle = by_id().save(folder / "films")
    with serving(bundle, "--model-name", "half-plus", "--model-k", "3", log=folder / "log") as one:
        yield one


def test_a_client_as_the_documentation_gives_it(plain: Server) -> None:
    """The steps of TensorFlow Serving's own example: status, metadata, predict."""
    root = f"{plain.url}/v1/models/half-plus"
    status = httpx.get(root).json()
    assert status == {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    assert httpx.get(f"{root}/versions/1").json() == status
    metadata = httpx.get(f"{root}/metadata").json()
    assert metadata["model_spec"] == {"name": "half-plus", "signature_name": "", "version": "1"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"] == {
        "user": {
            "dtype": "DT_STRING",
            "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
            "name": "user:0",
        }
    }
    assert signature["outputs"]["output_2"]["dtype"] == "DT_STRING"
    headers = {"content-type": "application/json"}
    data = '{"signature_name": "serving_default", "instances": ["3", "17"]}'
    answer = httpx.post(f"{root}:predict", content=data, headers=headers)
    hits = Recommender(by_id()).recommend({"user": ["3", "17"]}, 3)
    predictions = answer.json()["predictions"]
    assert [one["output_2"] for one in predictions] == hits.ids.tolist()
    np.testing.assert_allclose([one["output_1"] for one in predictions], hits.scores, rtol=1e-5)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": ["3", "17"]},
        {"instances": [3, 17]},
        {"instances": [{"user": "3"}, {"user": "17"}]},
        {"instances": [{"input_1": "3"}, {"input_1": "17"}]},
        {"instances": [{"b64": base64.b64encode(b"3").decode()}, "17"]},
        {"inputs": ["3", "17"]},
        {"inputs": {"user": ["3", "17"]}},
        {"inputs": {"input_1": ["3", "17"]}, "signature_name": ""},
    ],
    ids=str,
)
def test_rows_and_columns_say_the_same(plain: Server, body: dict[str, Any]) -> None:
    found = plain.post("/v1/models/half-plus/versions/1:predict", body).json()
    hits = Recommender(by_id()).recommend({"user": ["3", "17"]}, 3)
    if "inputs" in body:
        assert found["outputs"]["output_2"] == hits.ids.tolist()
    else:
        assert [one["output_2"] for one in found["predictions"]] == hits.ids.tolist()


def test_several_inputs(server: Server, bundle: Path, recommender: Recommender) -> None:
    columns = {"user": ["3", "x"], "country": ["se", "no"]}
    rows = [{"user": "3", "country": "se"}, {"user": "x", "country": "no"}]
    hits = recommender.recommend(columns)
    address = f"/v1/models/{bundle.name}:predict"
    by_column = server.post(address, {"inputs": columns}).json()["outputs"]
    by_row = server.post(address, {"instances": rows}).json()["predictions"]
    assert by_column["output_2"] == [one["output_2"] for one in by_row] == hits.ids.tolist()


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        (
            "other:predict",
            {"instances": ["3"]},
            404,
            "Servable not found for request: Latest(other)",
        ),
        (
            "half-plus/versions/7:predict",
            {"instances": ["3"]},
            404,
            "Servable not found for request: Specific(half-plus, 7)",
        ),
        ("other", None, 404, "Could not find any versions of model other"),
        ("half-plus/versions/7", None, 404, "Could not find version 7 of model half-plus"),
        ("half-plus:predict", b"{", 400, "JSON Parse error: "),
        ("half-plus:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("half-plus:predict", {"instances": 3}, 400, "Request payload: "),
        (
            "half-plus:predict",
            {"signature_name": "x", "instances": ["3"]},
            400,
            'Serving signature key "x" not found.',
        ),
        ("half-plus:predict", {"instances": []}, 400, "Failed to process"),
        ("half-plus:predict", {"instances": [{"usr": 3}]}, 400, "Failed to process"),
        ("half-plus:predict", {"instances": [{"b64": "?"}]}, 400, "A value of 'b64'"),
        ("half-plus:predict", {"inputs": {"user": "3"}}, 400, "The tensors in 'inputs'"),
        ("half-plus:predict", {"inputs": 3}, 400, "'inputs' is neither"),
    ],
)
def test_errors_are_theirs(
    plain: Server, path: str, body: object, status: int, message: str
) -> None:
    address = f"/v1/models/{path}"
    answer = plain.get(address) if body is None else plain.post(address, body)
    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].startswith(message), answer.text
