"""A model with a history: from a recipe to answers, for queries known and new."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from history_recipe import RECIPE

from turret.data.dataset import Dataset
from turret.data.synthetic import synthetic
from turret.errors import QueryError, RecipeError
from turret.pipeline.revision import evaluate_bundle
from turret.pipeline.training import Outcome, train
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.recommender.recommender import Recommender
from turret.train.trainer import fit

ELSEWHERE = """
import sys
from turret.recommender.recommender import Recommender
hits = Recommender.load(sys.argv[1]).recommend({"met": [["1", "5"], ["7"]]}, k=3)
print(hits.ids.tolist(), hits.scores.tobytes().hex())
"""


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return synthetic(num_queries=80, num_candidates=40, num_interactions=2000, seed=1).dataset


@pytest.fixture(scope="module")
def outcome(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train(RECIPE, output=tmp_path_factory.mktemp("runs") / "one", dataset=dataset)


def test_it_learns_what_goes_with_what(outcome: Outcome) -> None:
    ours, popular = outcome.report.model, outcome.report.baselines["popularity"]
    assert ours.seen_excluded["ndcg@5"] > 1.05 * popular.seen_excluded["ndcg@5"]


def test_the_stored_history_and_the_same_in_a_request_give_the_same_answer(
    outcome: Outcome,
) -> None:
    recommender = Recommender.load(outcome.bundle)
    some = recommender.queries.head(5)
    stored = recommender.recommend({"user_id": some["user_id"].to_list()}, k=4)
    given = recommender.recommend({"met": some["met"].to_list()}, k=4)
    assert (stored.ids == given.ids).all()
    np.testing.assert_allclose(stored.scores, given.scores, rtol=1e-6)


def test_a_new_query_is_served_by_its_history(outcome: Outcome) -> None:
    recommender = Recommender.load(outcome.bundle)
    ids = recommender.candidates["item_id"].to_list()
    lists = [[ids[3], ids[9]], ["never seen"], []]
    assert recommender.fallbacks({"met": lists}).tolist() == [False, True, True]
    hits = recommender.recommend({"user_id": ["new"] * 3, "met": lists}, k=3)
    assert hits.counts.tolist() == [3, 3, 3]
    assert (hits.ids[1] == hits.ids[2]).all()
    with pytest.raises(QueryError, match="met"):
        recommender.recommend({"met": ["no list"]}, k=3)


def test_another_process_answers_the_same(outcome: Outcome) -> None:
    here = Recommender.load(outcome.bundle).recommend({"met": [["1", "5"], ["7"]]}, k=3)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(outcome.bundle)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{here.ids.tolist()} {here.scores.tobytes().hex()}"


def test_a_bundle_is_judged_again_with_the_same_figures(
    outcome: Outcome, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turret.pipeline.revision.sources.load", lambda _: dataset)
    again = evaluate_bundle(outcome.bundle)
    assert again.model == outcome.report.model
    assert not [one for one in again.warnings if "changed" in one]


def test_new_queries_of_other_data_have_no_history(outcome: Outcome, tmp_path: Path) -> None:
    ids = Recommender.load(outcome.bundle).candidates["item_id"].to_list()
    events = pl.DataFrame({"user_id": ["new", "1"], "item_id": ids[:2]})
    events.write_csv(tmp_path / "events.csv")
    report = evaluate_bundle(outcome.bundle, files=str(tmp_path / "events.csv"))
    assert (report.queries, report.pairs) == (2, 2)
    assert [one for one in report.warnings if one.startswith("Of 1 of 2 test queries")]


def test_a_past_in_batches_of_queries_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    (feature,) = RECIPE.model.query.features
    past = msgspec.structs.replace(feature, sees="past")
    tower = msgspec.structs.replace(RECIPE.model.query, features=(past,))
    model = msgspec.structs.replace(RECIPE.model, query=tower)
    with pytest.raises(RecipeError, match="differs from pair to pair"):
        train(msgspec.structs.replace(RECIPE, model=model), output=tmp_path / "x", dataset=dataset)


@pytest.fixture(scope="module")
def with_ids(dataset: Dataset) -> Recommender:
    met = History("met", table="candidate/item_id", pooling="transformer", length=8, heads=2)
    users = Tower([Categorical("user_id", dropout=0.5), met])
    config = TwoTower(query=users, candidate=Tower([Categorical("item_id")]), embedding_dim=8)
    settings = Train(epochs=3, batch_size=32)
    trained = fit(dataset, config, loss=Softmax(candidates="all"), train=settings).trained
    return Recommender.build(trained, dataset)


def test_a_query_that_brings_its_history_needs_no_id(with_ids: Recommender) -> None:
    ids = with_ids.candidates["item_id"].to_list()
    lists = [ids[3:9], [ids[1]], ["never seen"]]
    assert with_ids.fallbacks({"met": lists}).tolist() == [False, False, True]
    without = with_ids.recommend({"met": lists}, k=3)
    unknown = with_ids.recommend({"user_id": ["new", "newer", "newest"], "met": lists}, k=3)
    assert (without.ids == unknown.ids).all()
    known = with_ids.recommend({"user_id": ["1", "1", "1"], "met": lists}, k=3)
    assert (known.scores != without.scores).any()


def test_a_known_query_with_its_own_history_is_the_stored_one(with_ids: Recommender) -> None:
    some = with_ids.queries.head(5)
    stored = with_ids.recommend({"user_id": some["user_id"].to_list()}, k=4)
    given = with_ids.recommend(some, k=4)
    assert (stored.ids == given.ids).all()
    np.testing.assert_allclose(stored.scores, given.scores, rtol=1e-5)


def test_a_bundle_keeps_a_learned_pooling(with_ids: Recommender, tmp_path: Path) -> None:
    opened = Recommender.load(with_ids.save(tmp_path / "one"))
    asked = {"met": [["1", "5", "7"], ["7"]]}
    assert opened.recommend(asked, k=3).scores.tobytes() == (
        with_ids.recommend(asked, k=3).scores.tobytes()
    )


@pytest.fixture(scope="module")
def by_tower(dataset: Dataset) -> Recommender:
    kinds = pl.Series("kind", [f"k{number % 3}" for number in range(dataset.num_candidates)])
    described = replace(dataset, candidates=dataset.candidates.with_columns(kinds))
    users = Tower([History("met", lookup="tower", length=8)])
    items = Tower([Categorical("item_id"), Categorical("kind")])
    config = TwoTower(query=users, candidate=items, embedding_dim=8, normalize=True)
    trained = fit(described, config, loss=Softmax(temperature=0.2), train=Train(epochs=2)).trained
    return Recommender.build(trained, described)


def test_a_history_of_the_candidate_towers_vectors(by_tower: Recommender, tmp_path: Path) -> None:
    """The query is the direction of the mean of what the index holds, here and in a bundle."""
    vectors = by_tower.bundle.index.vectors
    row_of = {name: row for row, name in enumerate(by_tower.candidates["item_id"].to_list())}
    lists = by_tower.queries["met"].to_list()[:5]
    asked = {"met": [[*ids, "never seen"] for ids in lists]}
    hits = by_tower.recommend(asked, k=4)
    for ids, scores, found in zip(lists, hits.scores, hits.ids, strict=True):
        mean = np.mean([vectors[row_of[name]] for name in ids], axis=0)
        want = vectors @ (mean / np.linalg.norm(mean))
        np.testing.assert_allclose(scores, np.sort(want)[::-1][:4], rtol=1e-5)
        np.testing.assert_allclose([want[row_of[name]] for name in found], scores, rtol=1e-5)
    opened = Recommender.load(by_tower.save(tmp_path / "one"))
    assert opened.recommend(asked, k=4).scores.tobytes() == hits.scores.tobytes()
    stored = opened.recommend({"user_id": opened.queries["user_id"].to_list()[:5]}, k=4)
    np.testing.assert_allclose(stored.scores, hits.scores, rtol=1e-5)
