"""What queries saw since the training, and queries that are forgotten."""

from pathlib import Path

import numpy as np
import pytest
from bundles import by_country, by_id

from turret.bundle.bundle import Bundle
from turret.data.synthetic import synthetic
from turret.recipe.features.categorical import Categorical
from turret.recipe.features.history import History
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.recommender.live import LiveRecommender
from turret.recommender.recommender import Recommender
from turret.train.trainer import fit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return by_country().save(tmp_path / "bundle")


@pytest.fixture(scope="module")
def with_history() -> Recommender:
    data = synthetic(num_queries=60, num_candidates=30, num_interactions=900, seed=1).dataset
    query = Tower([History("met", table="candidate/item_id")])
    config = TwoTower(query=query, candidate=Tower([Categorical("item_id")]), embedding_dim=4)
    trained = fit(data, config, train=Train(epochs=1, batch_size=512)).trained
    return Recommender.build(trained, data)


def test_what_was_seen_is_excluded_also_after_opening_again(path: Path) -> None:
    asked = {"user": ["3", "17", "new"]}
    with LiveRecommender(path) as live:
        before = live.now.recommend(asked, 6, exclude_seen=True)
        new = [("3", before.ids[0, :2]), ("new", before.ids[2, :1]), ("3", ["no such film"])]
        live.saw(new)
        after = live.now.recommend(asked, 4, exclude_seen=True)
        assert after.ids[0].tolist() == before.ids[0, 2:].tolist()
        assert after.ids[1].tolist() == before.ids[1, :4].tolist()
        assert after.ids[2].tolist() == before.ids[2, 1:5].tolist()
        live.compact()
        compacted = live.now.recommend(asked, 4, exclude_seen=True)
        assert compacted.ids.tolist() == after.ids.tolist()
    again = Recommender.load(path).recommend(asked, 4, exclude_seen=True)
    assert again.ids.tolist() == after.ids.tolist()


def test_a_history_grows(with_history: Recommender, tmp_path: Path) -> None:
    path = with_history.save(tmp_path / "bundle")
    users = with_history.queries["user_id"].to_list()[:2]
    stored = with_history.queries["met"].to_list()[0]
    some = with_history.candidates["item_id"].to_list()[:3]
    with LiveRecommender(path) as live:
        live.saw([(users[0], some), ("new", some)])
        found = live.now.recommend({"user_id": [*users, "new"]}, 5)
        assert not live.now.fallbacks({"user_id": ["new"]}).any()
    given = with_history.recommend({"met": [[*stored, *some], some]}, 5)
    other = with_history.recommend({"user_id": users[1:]}, 5)
    for query, expected, row in ((0, given, 0), (1, other, 0), (2, given, 1)):
        np.testing.assert_allclose(found.scores[query], expected.scores[row], rtol=1e-5)
        assert found.ids[query].tolist() == expected.ids[row].tolist()


def test_a_forgotten_query_is_an_unknown_one(path: Path) -> None:
    unknown = {"user": ["nobody"], "country": ["no"]}
    with LiveRecommender(path) as live:
        popular = live.now.recommend({"user": ["nobody"]}, 9)
        by_country_alone = live.now.recommend(unknown, 9)
        live.saw([("3", ["f1"])])
        live.forget("3")
        for recommender in (live.now, Recommender.load(path)):
            answer = recommender.answer({"user": ["3"]}, 9, exclude_seen=True)
            assert answer.fallback.tolist() == [True]
            assert answer.hits.ids.tolist() == popular.ids.tolist()
            features = recommender.recommend({"user": ["3"], "country": ["no"]}, 9)
            assert features.scores.tobytes() == by_country_alone.scores.tobytes()
        live.saw([("3", popular.ids[0, :1])])
        again = live.now.recommend({"user": ["3"]}, 8, exclude_seen=True)
        assert again.ids.tolist() == popular.ids[:, 1:].tolist()
        live.compact()
        assert live.now.recommend({"user": ["3"]}, 8, exclude_seen=True).ids.tolist() == (
            again.ids.tolist()
        )
    bundle = Bundle.open(path)
    assert "3" not in bundle.queries["user"] and bundle.queries.height == 39
    plain, other = Recommender.load(path), Recommender(by_country())
    asked = {"user": [str(user) for user in range(4, 39)]}
    hits, before = (r.recommend(asked, 5, exclude_seen=True) for r in (plain, other))
    assert hits.ids.tolist() == before.ids.tolist()


def test_many_changes_lead_to_a_compaction(tmp_path: Path) -> None:
    path = by_id().save(tmp_path / "bundle")
    live = LiveRecommender(path, compact_after=3)
    for film in ("f1", "f2", "f3", "f4"):
        live.saw([("3", [film])])
    live.close()
    assert Bundle.open(path).provenance["compactions"] == 1
    out = Recommender.load(path).recommend({"user": ["3"]}, 120, exclude_seen=True).ids[0]
    assert not {"f1", "f2", "f3", "f4"} & set(out)
