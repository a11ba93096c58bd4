import math
from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl
import pytest
from bundles import by_country, dataset, model

from turret.bundle.bundle import Bundle
from turret.data.parts import Split
from turret.data.splits import random_split
from turret.data.writing import interactions_table, write_tables
from turret.errors import BundleError, DataError
from turret.evaluation.metrics.figures import WHOLE
from turret.index import registry
from turret.pipeline.revision import evaluate_bundle, rebuild_index, tune_index
from turret.recipe.data import Data
from turret.recipe.data import Split as SplitConfig
from turret.recipe.features.categorical import Categorical
from turret.recipe.recipe import Evaluation, Recipe
from turret.recipe.towers import Tower, TwoTower


@pytest.fixture(scope="module")
def parts() -> Split:
    return random_split(dataset(), test_fraction=0.2, seed=5)


@pytest.fixture
def place(parts: Split, tmp_path: Path) -> Path:
    """A bundle of known parameters on one part of the data, which lie beside it as files."""
    write_tables(dataset(), tmp_path / "data")
    recipe = Recipe(
        data=Data(
            files=str(tmp_path / "data" / "interactions.parquet"),
            queries=str(tmp_path / "data" / "queries.parquet"),
            candidates=str(tmp_path / "data" / "candidates.parquet"),
            query_id="user",
            candidate_id="film",
        ),
        split=SplitConfig(test_fraction=0.2, seed=5),
        model=TwoTower(
            query=Tower([Categorical("user"), Categorical("country")]),
            candidate=Tower([Categorical("film")]),
            embedding_dim=8,
        ),
        evaluation=Evaluation(ks=(1, 10), bootstrap=20),
    )
    trained = model(parts.train, query=("user", "country"))
    vectors = trained.candidate_vectors(parts.train.candidates)
    index = registry.build("exact", ids=parts.train.candidate_ids.to_list(), vectors=vectors)
    bundle = Bundle.assemble(trained=trained, dataset=parts.train, index=index, recipe=recipe)
    return bundle.save(tmp_path / "bundle")


def test_files_of_the_test_part_give_the_figures_of_the_test_part(
    place: Path, parts: Split, tmp_path: Path
) -> None:
    whole = evaluate_bundle(place)
    interactions_table(parts.test).write_csv(tmp_path / "test.csv")
    again = evaluate_bundle(place, files=str(tmp_path / "test.csv"))
    assert whole.pairs == again.pairs == len(parts.test.interactions)
    assert again.model == whole.model
    assert again.intervals == whole.intervals
    assert again.loss == whole.loss
    # Popularity counts events and not pairs, so these are of the same counts.
    for view in ("seen_included", "seen_excluded"):
        ours, theirs = again.baselines["popularity"], whole.baselines["popularity"]
        assert getattr(ours, view) == getattr(theirs, view)
    assert whole.train is not None and again.train is None


def test_no_report_is_written_into_a_bundle(place: Path) -> None:
    before = sorted(place.rglob("*"))
    for folder in (place, place / "deep" / "report"):
        with pytest.raises(BundleError, match="nothing is written there.* Choose a place beside"):
            evaluate_bundle(place, output=folder)
    assert sorted(place.rglob("*")) == before
    Bundle.open(place)


def test_new_queries_are_judged_by_their_features(place: Path, tmp_path: Path) -> None:
    events = {"user": ["new", "3"], "film": ["f7", "f8"], "country": ["se", "no"]}
    pl.DataFrame(events).write_csv(tmp_path / "new.csv")
    recipe = Bundle.open(place).recipe
    assert recipe is not None
    data = msgspec.structs.replace(recipe.data, queries=None, candidates=None)
    recipe = msgspec.structs.replace(recipe, data=data)
    replace(Bundle.open(place), recipe=recipe).save(place)
    report = evaluate_bundle(place, files=(str(tmp_path / "new.csv"),))
    assert (report.queries, report.pairs, report.candidates) == (2, 2, 120)
    pl.DataFrame(events).drop("country").write_csv(tmp_path / "new.csv")
    with pytest.raises(DataError, match="columns of new queries .* expected country"):
        evaluate_bundle(place, files=str(tmp_path / "new.csv"))


def test_candidates_that_the_bundle_does_not_have(place: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    pl.DataFrame({"user": ["3", "4"], "film": ["f8", "other"]}).write_csv(path)
    report = evaluate_bundle(place, files=str(path))
    assert report.pairs == 1
    assert report.warnings[-1].startswith("1 test pairs are of candidates")
    pl.DataFrame({"user": ["3"], "film": ["other"]}).write_csv(path)
    with pytest.raises(DataError, match=r"has a candidate of the bundle: got \['other'\]"):
        evaluate_bundle(place, files=str(path))


def test_a_bundle_without_recipe_has_no_data(tmp_path: Path) -> None:
    by_country().save(tmp_path / "bundle")
    with pytest.raises(BundleError, match="has no recipe"):
        evaluate_bundle(tmp_path / "bundle")


def test_another_index_answers_in_the_place_of_the_old_one(place: Path) -> None:
    before = Bundle.open(place)
    index = rebuild_index(place, kind="faiss")
    after = Bundle.open(place)
    assert (index.kind, after.index.kind) == ("faiss", "faiss")
    assert after.recipe is not None and after.recipe.index.kind == "faiss"
    assert after.index.ids.to_list() == before.index.ids.to_list()
    assert after.provenance == before.provenance
    found = after.index.search(before.query_vectors, 10)
    assert found.ids.tolist() == before.index.search(before.query_vectors, 10).ids.tolist()


def test_the_report_in_the_bundle_says_that_the_index_is_another(place: Path) -> None:
    judged = evaluate_bundle(place)
    replace(Bundle.open(place), report=judged.to_dict()).save(place)
    warning = (
        "These figures were taken before the index was built anew, of the kind {!r}: "
        "`turret evaluate` judges it."
    )
    for kind in ("faiss", "exact"):
        rebuild_index(place, kind=kind)
        report = Bundle.open(place).report
        assert report is not None
        assert report.pop("warnings") == [*judged.warnings, warning.format(kind)]
        assert report == {k: v for k, v in judged.to_dict().items() if k != "warnings"}


def test_an_index_that_is_not_exact_is_judged_by_what_it_answers(place: Path) -> None:
    exact = evaluate_bundle(place)
    rebuild_index(place, kind="faiss")
    answered = evaluate_bundle(place).model
    for view in ("seen_included", "seen_excluded"):
        expected = getattr(exact.model, view) | dict.fromkeys(WHOLE, math.nan)
        assert getattr(answered, view) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_a_tuned_index_keeps_what_was_measured(place: Path) -> None:
    curve = tune_index(place, target_recall=0.9, kind="scann", k=5)
    bundle = Bundle.open(place)
    assert bundle.curve == curve
    assert (bundle.index.kind, bundle.index.settings) == ("scann", curve.chosen.parameters)
    assert bundle.recipe is not None and bundle.recipe.index.kind == "scann"
    assert curve.chosen.recall == 1.0  # so few candidates are all scored
    rebuild_index(place, kind="exact")
    assert Bundle.open(place).curve is None
