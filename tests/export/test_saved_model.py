"""SavedModels, called by TensorFlow in a process without Turret, against the recommender."""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from export.agreement import assert_same_hits
from export.tensorflow_running import EXPORTING, Calls, run
from export.worlds import CANDIDATES, bundle, inputs, questions
from tensorflow_environment import interpreter

from turret.errors import ExportError
from turret.export.columns import Column
from turret.export.content import Content
from turret.index.hits import Hits
from turret.recipe.bodies.custom import Custom
from turret.recommender.recommender import Recommender

MODELS = ("sum", "mlp", "dot")
"""One has every feature, all together have every body."""
NEW = pl.DataFrame(
    {
        "film": ["f3", "new", "f-unknown"],
        "title": ["The FOX — ﬁne", None, "Σ № 7"],
        "genres": [["Noir", "Drama", "Noir"], None, []],
        "year": [1999, None, 2050],
        "cover": [[1.0, 2.0, 3.0], None, [0.0, 0.0, 0.0]],
    },
    schema_overrides={"cover": pl.List(pl.Float32)},
)


@dataclass
class Exported:
    """A bundle, what answers from it, and the calls of its SavedModel by what was asked."""

    name: str
    folder: Path
    calls: Calls
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        return self.folder / f"{self.name}.saved-model" / "1"

    @cached_property
    def recommender(self) -> Recommender:
        return Recommender(bundle(self.name))

    @cached_property
    def content(self) -> Content:
        return Content(bundle(self.name))

    def ask(self, what: str, function: str, given: dict[str, Any], **options: Any) -> None:
        self.outputs[what] = self.calls.add(self.model, function, given, **options)

    def answer(self, what: str) -> dict[str, np.ndarray]:
        return self.calls.outputs(self.outputs[what])

    def hits(self, what: str) -> Hits:
        found = self.answer(what)
        return Hits(found["ids"], found["scores"], found["counts"])


def asked(model: Exported) -> dict[str, dict[str, Any]]:
    """The questions, in the columns that the model reads."""
    return questions(model.content.bundle.query_encoder.columns)


def named(columns: tuple[Column, ...], given: dict[str, Any]) -> dict[str, np.ndarray]:
    """Inputs by their own names, without those that are not given."""
    values = inputs(columns, given)
    return {column.input: values[column.name] for column in columns if column.name in given}


def everything(columns: tuple[Column, ...], given: dict[str, Any]) -> dict[str, np.ndarray]:
    values = inputs(columns, given)
    return {column.input: values[column.name] for column in columns}


EXCLUDED = [["f7", "f8", ""], ["f-unknown", "f1", "f1"], ["", "", ""]]


def ask(one: Exported) -> None:
    """All calls of one model."""
    queries, candidates = one.content.query.columns, one.content.candidate.columns
    for name, given in asked(one).items():
        one.ask(f"vectors {name}", "embed_query", named(queries, given))
        one.ask(name, "recommend", {**named(queries, given), "k": np.int64(10)})
    known = {"user": ["1", "nobody", "42"]}
    one.ask("default k", "recommend", {"user": np.array(["42"])})
    one.ask("all", "recommend", {**named(queries, known), "k": np.int64(CANDIDATES + 50)})
    excluded = {"k": np.int64(20), "exclude": np.array(EXCLUDED)}
    one.ask("excluded", "recommend", {**named(queries, known), **excluded})
    others = [f"f{n}" for n in range(CANDIDATES) if n not in (3, 4)]
    one.ask("two left", "recommend", {"user": ["1"], "exclude": [others], "k": np.int64(5)})
    whole = {**everything(queries, known), "k": np.int64(9), "exclude": np.full((0, 0), "")}
    one.ask("signature", "serving_default", whole, signature=True)
    one.ask("no rows", "recommend", {"user": np.full(0, "")})
    one.ask("uneven", "recommend", {"user": ["1", "2", "3"], "country": ["no", "se"]})
    ids = list(bundle(one.name).index.ids)
    # Two that are equal, and one whose vector is zero.
    one.ask(
        "similar", "similar", {"film": [ids[7], ids[9], ids[5], "f-unknown"], "k": np.int64(12)}
    )
    stored = {"film": ids}
    one.ask("candidates", "embed_candidate", named(candidates, stored))
    one.ask("new", "embed_candidate", named(candidates, NEW.to_dict()))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    folder = tmp_path_factory.mktemp("saved-models")
    calls = Calls(folder)
    found = {name: Exported(name, folder, calls) for name in MODELS}
    for name in MODELS:
        bundle(name).save(folder / name)
    run(EXPORTING, folder / "differences.json", *(folder / name for name in MODELS))
    for one in found.values():
        ask(one)
    assert calls.made() == [], "the other side has Turret"
    return found


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, exported: dict[str, Exported]) -> Exported:
    return exported[request.param]


def test_queries_have_the_recommenders_vectors(model: Exported) -> None:
    for name, given in asked(model).items():
        found, want = model.answer(f"vectors {name}"), model.recommender.query_vectors(given)
        np.testing.assert_array_equal(found["fallback"], np.isnan(want[:, 0]), err_msg=name)
        np.testing.assert_allclose(found["vectors"], want, rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_thousand_queries_have_the_recommenders_answers(model: Exported) -> None:
    number = 0
    for name, given in asked(model).items():
        want = model.recommender.answer(given, 10)
        assert_same_hits(model.hits(name), want.hits)
        np.testing.assert_array_equal(model.answer(name)["fallback"], want.fallback, err_msg=name)
        number += len(want.fallback)
    assert number >= 1000


def test_one_and_many_agree(model: Exported) -> None:
    alone, place = model.hits("one"), questions()["by id"]["user"].index("42")
    together = model.hits("by id")
    assert_same_hits(alone, Hits(*(part[place : place + 1] for part in together)))


def test_k_is_what_the_export_says_where_nobody_says(model: Exported) -> None:
    assert_same_hits(model.hits("default k"), model.recommender.recommend({"user": ["42"]}, 7))


def test_answers_show_the_columns_of_candidates(model: Exported) -> None:
    found, table = model.answer("one"), model.recommender.candidates
    for place, name in enumerate(found["ids"][0].tolist()):
        row = table.row(by_predicate=pl.col("film") == name, named=True)
        assert found["title"][0, place] == row["title"]
        assert found["stars"][0, place] == row["stars"]
        year = float("nan") if row["year"] is None else float(row["year"])
        np.testing.assert_equal(found["year"][0, place], year)


def test_more_than_there_are(model: Exported) -> None:
    known = {"user": ["1", "nobody", "42"]}
    found = model.hits("all")
    assert found.ids.shape == (3, CANDIDATES)
    assert found.counts.tolist() == [CANDIDATES] * 3
    assert_same_hits(found, model.recommender.recommend(known, CANDIDATES))


def test_excluded_candidates(model: Exported) -> None:
    known = {"user": ["1", "nobody", "42"]}
    exclude = [[name for name in one if name] for one in EXCLUDED]
    want = model.recommender.recommend(known, 20, exclude=exclude)
    assert_same_hits(model.hits("excluded"), want)


def test_fewer_than_k_are_left(model: Exported) -> None:
    found = model.answer("two left")
    assert found["counts"].tolist() == [2]
    assert set(found["ids"][0, :2]) == {"f3", "f4"}
    assert found["ids"][0, 2:].tolist() == [""] * 3 == found["title"][0, 2:].tolist()
    assert np.isnan(found["scores"][0, 2:]).all() and not np.isnan(found["scores"][0, :2]).any()


def test_the_signature_takes_all_inputs(model: Exported) -> None:
    known = {"user": ["1", "nobody", "42"]}
    assert_same_hits(model.hits("signature"), model.recommender.recommend(known, 9))


def test_no_rows(model: Exported) -> None:
    assert model.answer("no rows")["ids"].shape[0] == 0


def test_columns_of_different_lengths_are_refused(model: Exported) -> None:
    assert "differ in how many rows" in model.answer("uneven")["error"].item()


def test_similar_candidates(model: Exported) -> None:
    found = model.hits("similar")
    ids = list(bundle(model.name).index.ids)
    want = model.recommender.similar([ids[7], ids[9], ids[5]], 12)
    assert_same_hits(Hits(*(part[:3] for part in found)), want)
    assert found.counts.tolist()[2:] == [0, 0]


def test_candidates_have_the_vectors_of_the_tower(model: Exported) -> None:
    trained, table = model.content.bundle.trained, model.content.bundle.candidates
    want = trained.candidate_vectors(table)
    np.testing.assert_allclose(model.answer("candidates")["vectors"], want, rtol=1e-5, atol=1e-5)


def test_new_candidates(model: Exported) -> None:
    trained, table = model.content.bundle.trained, model.content.bundle.candidates
    # A column that is not given is looked up by the id.
    released = NEW.join(table.select("film", "released"), on="film", how="left")
    found = model.answer("new")["vectors"]
    np.testing.assert_allclose(found, trained.candidate_vectors(released), rtol=1e-5, atol=1e-5)


def test_every_operation_is_as_in_numpy_and_scann_as_without(exported: dict[str, Exported]) -> None:
    folder = next(iter(exported.values())).folder
    assert json.loads((folder / "differences.json").read_text()) == {}


def test_it_has_the_layout_of_tensorflow_serving(model: Exported) -> None:
    assert sorted(path.name for path in model.model.parent.iterdir()) == ["1", "manifest.json"]
    assert (model.model / "saved_model.pb").is_file()


def test_a_body_of_ones_own_is_refused() -> None:
    own = bundle("mlp")
    custom = msgspec.structs.replace(own.config.query, body=[Custom("towers:Gated")])
    config = msgspec.structs.replace(own.config, query=custom)
    with pytest.raises(ExportError, match="the query tower has a body of one's own"):
        Content(replace(own, config=config))


@pytest.mark.environment
def test_tensorflow_without_turret_answers_with_the_bundles_titles(tmp_path: Path) -> None:
    recommender = Recommender(bundle("sum"))
    recommender.save(tmp_path / "films")
    run(EXPORTING, tmp_path / "differences.json", tmp_path / "films")
    calls, python = Calls(tmp_path), interpreter()
    asked = calls.add(
        tmp_path / "films.saved-model" / "1", "recommend", {"user": ["42"], "k": np.int64(5)}
    )
    assert calls.made(python) == []
    titles = dict(recommender.candidates.select("film", "title").iter_rows())
    want = [titles[name] for name in recommender.recommend({"user": ["42"]}, 5).ids[0]]
    assert calls.outputs(asked)["title"][0].tolist() == want
