"""What a query brings of its past, and candidates with lists, over HTTP as in this process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import by_history
from servers import Server, serving

from turret.recommender.recommender import Recommender

QUERIES: list[dict[str, Any]] = [
    {"user": "3"},
    {"user": "3", "met": ["f9", "f7"]},
    {"user": "nobody", "met": ["f5", "f5", "unknown"]},
    {"met": ["f1"]},
    {"met": []},
    {"user": None, "met": [None, "f2"]},
    {"user": "4", "met": None},
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_history().save(tmp_path_factory.mktemp("bundles") / "films")


@pytest.fixture(scope="module")
def server(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(path, "--max-history", "5", log=tmp_path_factory.mktemp("log") / "log") as one:
        yield one


@pytest.mark.parametrize("options", [{}, {"exclude_seen": True, "k": 130}], ids=str)
def test_answers_are_those_of_the_recommender(
    server: Server, path: Path, options: dict[str, Any]
) -> None:
    recommender = Recommender.load(path)
    answer = server.post("/v1/recommend", {"queries": QUERIES, **options})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    for place, query in enumerate(QUERIES):
        columns = {name: [value] for name, value in query.items()}
        expected = recommender.answer(columns, options.get("k", 10), **_without_k(options))
        count = int(expected.hits.counts[0])
        assert found["ids"][place] == expected.hits.ids[0, :count].tolist(), query
        scores = expected.hits.scores[0, :count]
        np.testing.assert_allclose(found["scores"][place], scores, rtol=1e-5)
        assert found["fallback"][place] == bool(expected.fallback[0])
    # What it met is what it is judged by.
    assert found["ids"][0] != found["ids"][1]


def test_a_candidate_with_lists_is_embedded(server: Server, path: Path) -> None:
    asked = {
        "candidates": [
            {"film": "f2"},
            {"film": "new", "genres": ["Drama"]},
            {"film": "x", "genres": []},
        ]
    }
    answer = server.post("/v1/embed", asked)
    assert answer.status_code == 200, answer.text
    vectors = answer.json()["candidates"]
    recommender = Recommender.load(path)
    known = recommender.candidate_vectors(["f2"])
    np.testing.assert_allclose(vectors[0], known[0], rtol=1e-5, atol=1e-6)
    assert np.isfinite(vectors).all() and not np.allclose(vectors[1], vectors[2])


def test_a_longer_history_than_it_takes(server: Server) -> None:
    answer = server.post("/v1/recommend", {"queries": [{"met": ["f1"] * 6}]})
    assert answer.status_code == 400
    assert answer.json()["error"]["path"] == "queries[0].met"


def _without_k(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "k"}
