"""ONNX models of bundles, against the recommender."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from bundles import by_id
from export.onnx_running import session
from export.worlds import CANDIDATES, bundle, configs, dataset, inputs, questions
from typer.testing import CliRunner

from turret.cli.app import app
from turret.export.content import Content
from turret.export.formats import export
from turret.export.onnx.models import MODELS, fill, models
from turret.index.hits import Hits
from turret.recommender.recommender import Recommender

K = 7
Session = onnxruntime.InferenceSession


def answers(called: Session, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [one.name for one in called.get_outputs()]
    found = [np.asarray(one) for one in called.run(None, given)]
    return dict(zip(names, found, strict=True))


def fed(content: Content, given: dict[str, Any], **others: np.ndarray) -> dict[str, np.ndarray]:
    """The inputs of a question: those that are not given are left out."""
    spelled = inputs(content.query.columns, given)
    called = {column.name: column.input for column in content.query.columns}
    return {called[name]: one for name, one in spelled.items() if len(one)} | others


def close(found: np.ndarray, want: np.ndarray) -> None:
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)


def require_same(
    found: dict[str, np.ndarray], recommender: Recommender, given: Any, **options: Any
) -> None:
    """The same answers, and the same fallbacks."""
    want = recommender.answer(given, CANDIDATES, **options)
    np.testing.assert_array_equal(found["fallback"], want.fallback)
    require_hits(found, want.hits)


def require_hits(found: dict[str, np.ndarray], every: Hits) -> None:
    """The first answers; those whose scores are equal but for rounding may stand in any order."""
    want = Hits(every.ids[:, :K], every.scores[:, :K], np.minimum(every.counts, K))
    np.testing.assert_array_equal(found["counts"], want.counts)
    close(found["scores"], want.scores)
    there = np.arange(K) < want.counts[:, None]
    assert (found["ids"][~there] == "").all()
    other = (found["ids"] != want.ids) & there
    for row, place in zip(*np.nonzero(other), strict=True):
        ids = every.ids[row].tolist()
        close(found["scores"][row, place], every.scores[row, ids.index(found["ids"][row, place])])
        assert len(set(found["ids"][row, there[row]])) == want.counts[row]
    assert other.mean() < 0.01


@pytest.fixture(scope="module")
def content() -> Content:
    return Content(bundle("sum"))


@pytest.fixture(scope="module")
def sessions(content: Content) -> dict[str, Session]:
    return {name: session(model) for name, model in models(content, k=K)}


@pytest.fixture(scope="module", params=configs())
def model(
    request: pytest.FixtureRequest, sessions: dict[str, Session]
) -> Iterator[tuple[Content, Session]]:
    content = Content(bundle(request.param))
    if request.param == "sum":
        yield content, sessions["recommend"]
    else:
        yield content, session(next(models(content, k=K))[1])


def test_a_thousand_queries(model: tuple[Content, Session]) -> None:
    content, recommend = model
    recommender, number = Recommender(content.bundle), 0
    for given in questions(content.bundle.query_encoder.columns).values():
        found = answers(recommend, fed(content, given))
        require_same(found, recommender, given)
        number += len(found["ids"])
    assert number > 1000


def test_two_models_behind_each_other_answer_as_one(
    content: Content, sessions: dict[str, Session]
) -> None:
    exclude = np.array([["f1", "f2", ""]] * 250, object)
    for given in questions().values():
        named = fed(content, given)
        more = {"k": np.array(9)}
        vectors = answers(sessions["query"], named)
        if len(vectors["vectors"]) == len(exclude):
            more["exclude"] = exclude
        found = answers(sessions["search"], {"vectors": vectors["vectors"]} | more)
        want = answers(sessions["recommend"], named | more)
        np.testing.assert_array_equal(vectors["fallback"], want["fallback"])
        assert found.keys() == want.keys()
        for name in want:
            np.testing.assert_array_equal(found[name], want[name])


def test_exclusions(content: Content, sessions: dict[str, Session]) -> None:
    recommender = Recommender(content.bundle)
    ids = content.candidate.ids.to_list()
    given = {"user": ["1", "2", "3", "nobody"]}
    exclude = [ids[:100], ids, ["no such film"], ids[20:]]
    padded = np.array([[*one, *[""] * (len(ids) - len(one))] for one in exclude], object)
    found = answers(sessions["recommend"], fed(content, given, exclude=padded))
    require_same(found, recommender, given, exclude=exclude)
    assert found["counts"].tolist() == [K, 0, K, K]


def test_more_answers_than_candidates(content: Content, sessions: dict[str, Session]) -> None:
    given = {"user": ["1", "nobody"]}
    found = answers(sessions["recommend"], fed(content, given, k=np.array(10**6)))
    want = Recommender(content.bundle).recommend(given, CANDIDATES)
    assert found["ids"].shape == (2, CANDIDATES)
    assert found["counts"].tolist() == [CANDIDATES] * 2
    close(found["scores"], want.scores)
    assert {*found["ids"][0]} == {*want.ids[0]}
    # Of equal scores the smaller row is first; the fallback has whole numbers as scores.
    assert found["ids"][1].tolist() == want.ids[1].tolist()


def test_columns_of_candidates(content: Content, sessions: dict[str, Session]) -> None:
    found = answers(sessions["recommend"], fed(content, {"user": ["1"]}))
    table = dataset().candidates
    rows = [table["film"].to_list().index(one) for one in found["ids"][0]]
    assert found["title"][0].tolist() == table["title"].gather(rows).to_list()
    assert found["stars"][0].tolist() == table["stars"].gather(rows).to_list()


def test_candidates(content: Content, sessions: dict[str, Session]) -> None:
    table, trained = dataset().candidates, content.bundle.trained
    ids = np.array(table["film"].to_list(), object)
    known = answers(sessions["candidate"], {"film": ids})["vectors"]
    close(known, trained.candidate_vectors(table))
    new = table.with_columns(film=pl.lit("new")).head(40).reverse()
    given = inputs(content.candidate.columns, new.to_dict())
    named = {column.input: given[column.name] for column in content.candidate.columns}
    close(answers(sessions["candidate"], named)["vectors"], trained.candidate_vectors(new))


def test_similar(content: Content, sessions: dict[str, Session]) -> None:
    ids, recommender = content.candidate.ids.to_list(), Recommender(content.bundle)
    found = answers(sessions["similar"], {"candidate_ids": np.array(ids, object)})
    require_hits(found, recommender.similar(ids, CANDIDATES))
    none = answers(sessions["similar"], {"candidate_ids": np.array(["no such film"], object)})
    assert none["counts"].tolist() == [0]


def test_no_queries(content: Content, sessions: dict[str, Session]) -> None:
    found = answers(sessions["recommend"], {})
    assert found["ids"].shape == (0, K)
    assert found["counts"].shape == (0,)


def test_columns_that_differ_in_length_are_refused(sessions: dict[str, Session]) -> None:
    given = {"user": np.array(["1", "2", "3"], object), "age": np.array([1.0, 2.0])}
    with pytest.raises(Exception, match="reshape"):
        sessions["recommend"].run(None, given)


def test_what_a_model_says_of_itself(sessions: dict[str, Session], content: Content) -> None:
    said = sessions["recommend"].get_modelmeta()
    assert said.producer_name == "turret"
    assert said.description == MODELS["recommend"]
    fingerprint = content.bundle.provenance["data_fingerprint"]
    assert said.custom_metadata_map["data_fingerprint"] == fingerprint
    (given,) = [x for x in sessions["recommend"].get_overridable_initializers() if x.name == "k"]
    assert given.type == "tensor(int64)"


ALONE = """
import json, sys
sys.modules["turret"] = None
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
given = {"user": numpy.array(["12"], object), "k": numpy.array(3)}
ids, titles = session.run(["ids", "title"], given)
print(json.dumps([ids.tolist(), titles.tolist()]))
"""


def test_the_command_and_a_process_without_turret(tmp_path: Path) -> None:
    by_id().save(tmp_path / "bundle")
    output = tmp_path / "models"
    command = ["export", str(tmp_path / "bundle"), "--format", "onnx", "--output", str(output)]
    result = CliRunner().invoke(app, [*command, "-k", "4", "--json"])
    assert result.exit_code == 0, result.output
    files = {path.name for path in output.iterdir()}
    assert files == {"manifest.json", *(f"{name}.onnx" for name in MODELS)}
    for path in output.glob("*.onnx"):
        onnx.checker.check_model(path, full_check=True)
        domains = {one.domain: one.version for one in onnx.load(path).opset_import}
        assert domains | {"": 20, "ai.onnx.ml": 4} == {"": 20, "ai.onnx.ml": 4}
    alone = [sys.executable, "-I", "-c", ALONE, str(output / "recommend.onnx")]
    ran = subprocess.run(alone, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    want = Recommender(by_id()).recommend({"user": ["12"]}, 3).ids.tolist()
    numbers = [one.removeprefix("f") for one in want[0]]
    assert json.loads(ran.stdout) == [want, [[f"Film № {number}" for number in numbers]]]


def test_constants_beside_a_large_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from turret.export.onnx import models as writer

    by_id().save(tmp_path / "bundle")
    (tmp_path / "large").mkdir()
    monkeypatch.setattr(writer, "_LARGEST", 1000)
    fill(tmp_path / "bundle", tmp_path / "large", k=K)
    assert (tmp_path / "large" / "recommend.onnx.data").exists()
    opened = onnxruntime.InferenceSession(tmp_path / "large" / "recommend.onnx")
    found = answers(opened, {"user": np.array(["3"], object)})
    want = Recommender(by_id()).recommend({"user": ["3"]}, K)
    assert found["ids"].tolist() == want.ids.tolist()


def test_it_replaces_an_earlier_export(tmp_path: Path) -> None:
    by_id().save(tmp_path / "bundle")
    for k in (3, 5):
        export(tmp_path / "bundle", tmp_path / "models", format="onnx", k=k)
    opened = onnxruntime.InferenceSession(tmp_path / "models" / "recommend.onnx")
    assert answers(opened, {"user": np.array(["3"], object)})["ids"].shape == (1, 5)
