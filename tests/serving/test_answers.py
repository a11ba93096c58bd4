"""A server answers what `Recommender` answers, for every option."""

from typing import Any

import numpy as np
import pytest
from servers import Server

from turret.recommender.recommender import Recommender

QUERIES = [
    "3",
    17,
    "nobody",
    {"user": "5"},
    {"user": None, "country": "no"},
    {"user": 8, "country": "se"},
]
COLUMNS: list[dict[str, list[object]]] = [
    {"user": ["3"]},
    {"user": ["17"]},
    {"user": ["nobody"]},
    {"user": ["5"]},
    {"user": [None], "country": ["no"]},
    {"user": ["8"], "country": ["se"]},
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"k": 1},
    {"k": 200},
    {"exclude_seen": True},
    {"allow": ["f3", "f9", "f7", "unknown"]},
    {"allow": []},
    {"deny": ["f7", "f1"], "exclude_seen": True},
    {"where": "title like '%1'"},
    {"where": "title = 'Film № 3'", "deny": ["f3"]},
    {"k": 30, "where": "title like '%1%'", "exclude_seen": True, "deny": ["f11"]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_recommend_gives_the_same_ids_and_scores(
    server: Server, recommender: Recommender, options: dict[str, Any]
) -> None:
    answer = server.post("/v1/recommend", {"queries": QUERIES, **options})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    options = {"k": 10} | options
    for place, columns in enumerate(COLUMNS):
        # 120 candidates: more places than that stay empty.
        expected = recommender.answer(columns, options["k"], **without(options, "k"))
        count = int(expected.hits.counts[0])
        assert found["counts"][place] == count
        assert found["ids"][place] == expected.hits.ids[0, :count].tolist()
        scores = expected.hits.scores[0, :count]
        np.testing.assert_allclose(found["scores"][place], scores, rtol=1e-5)
        assert found["fallback"][place] == bool(expected.fallback[0])


def test_a_single_query_gives_the_same_to_the_bit(server: Server, recommender: Recommender) -> None:
    for user in ("3", "17", "39"):
        found = server.post("/v1/recommend", {"queries": [user], "k": 7}).json()
        hits = recommender.recommend({"user": [user]}, 7)
        assert found["ids"] == hits.ids.tolist()
        assert np.array(found["scores"], np.float32).tobytes() == hits.scores.tobytes()


def test_each_query_excludes_its_own(server: Server, recommender: Recommender) -> None:
    exclude = [["f7", "f2"], [], ["f7"], ["unknown", "f1"], ["f3"], [1]]
    found = server.post("/v1/recommend", {"queries": QUERIES, "exclude": exclude}).json()
    for place, columns in enumerate(COLUMNS):
        out = [[str(name) for name in exclude[place]]]
        hits = recommender.recommend(columns, exclude=out)
        assert found["ids"][place] == hits.ids[0].tolist()


def test_fields_stand_beside_the_ids(server: Server, recommender: Recommender) -> None:
    asked = {"queries": QUERIES, "k": 4, "fields": ["title", "genres", "film"]}
    found = server.post("/v1/recommend", asked).json()
    table = recommender.candidates
    for place, ids in enumerate(found["ids"]):
        rows = [table["film"].to_list().index(name) for name in ids]
        for name in asked["fields"]:
            assert found["fields"][name][place] == table[name].gather(rows).to_list()
    without_fields = server.post("/v1/recommend", {"queries": QUERIES, "k": 4}).json()
    assert "fields" not in without_fields and without_fields["ids"] == found["ids"]


def test_more_queries_than_a_batch_holds(server: Server, recommender: Recommender) -> None:
    users = [number % 45 for number in range(100)]
    found = server.post("/v1/recommend", {"queries": users, "k": 5}).json()
    assert found["ids"] == recommender.recommend({"user": users}, 5).ids.tolist()


def test_similar_gives_the_same(server: Server, recommender: Recommender) -> None:
    ids = ["f3", "f119", "f7"]
    found = server.post("/v1/similar", {"candidate_ids": ids, "k": 6, "fields": ["title"]}).json()
    hits = recommender.similar(ids, 6)
    # Film 119 has a vector of length zero, so nothing is like it.
    assert found["counts"] == hits.counts.tolist() == [6, 0, 6]
    for place, count in enumerate(found["counts"]):
        assert found["ids"][place] == hits.ids[place, :count].tolist()
        np.testing.assert_allclose(
            found["scores"][place], hits.scores[place, :count], rtol=1e-5, atol=1e-7
        )
    assert found["fields"]["title"][0] == [f"Film № {name[1:]}" for name in found["ids"][0]]


def test_embed_gives_the_vectors(server: Server, recommender: Recommender) -> None:
    films = ["f3", {"film": "f9"}]
    found = server.post("/v1/embed", {"queries": QUERIES, "candidates": films}).json()
    for vector, columns in zip(found["queries"], COLUMNS, strict=True):
        expected = recommender.query_vectors(columns)[0]
        if np.isnan(expected).any():
            assert vector is None
        else:
            np.testing.assert_allclose(vector, expected, rtol=1e-5, atol=1e-7)
    vectors = recommender.candidate_vectors(["f3", "f9"])
    assert np.array(found["candidates"], np.float32).tobytes() == vectors.tobytes()


def test_every_answer_names_the_version(server: Server) -> None:
    version = server.get("/readyz").json()["version"]
    for path, body in (
        ("recommend", {"queries": [1]}),
        ("similar", {"candidate_ids": ["f1"]}),
        ("embed", {"queries": [1]}),
    ):
        assert server.post(f"/v1/{path}", body).json()["model_version"] == version


def without(options: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != name}
