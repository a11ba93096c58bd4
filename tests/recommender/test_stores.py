"""A recommender that searches in a vector database answers as it does by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bundles import CANDIDATES, by_country

from turret.errors import StoreError
from turret.index.hits import Hits
from turret.index.stores.base import VectorStore
from turret.index.stores.registry import open_store
from turret.index.stores.storing import push
from turret.recommender.live import LiveRecommender
from turret.recommender.recommender import Recommender
from turret.recommender.stores import push_bundle, searching

ASKED = {"user": ["3", "17", "no such user", "0"]}


@pytest.fixture
def store() -> Iterator[VectorStore]:
    with open_store("qdrant", ":memory:", collection="films") as store:
        yield store


def same(left: Hits, right: Hits) -> None:
    assert left.ids.tolist() == right.ids.tolist()
    assert left.counts.tolist() == right.counts.tolist()
    assert np.allclose(left.scores, right.scores, rtol=1e-6, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"exclude_seen": True},
        {"where": "array_contains(genres, 'Drama')", "exclude_seen": True},
        {"where": "title like '%1'", "deny": ["f11", "f7"]},
        {"allow": ["f1", "f2", "f7"], "exclude": [["f1"], [], ["f7"], ["f2"]]},
    ],
)
def test_answers_are_the_same(store: VectorStore, how: dict[str, Any]) -> None:
    bundle = by_country()
    recommender = Recommender(bundle)
    push(store, bundle.index.candidates.with_columns(bundle.candidates))
    there = recommender.searching_in(store)
    for k in (1, 10, CANDIDATES + 1):
        same(there.recommend(ASKED, k, **how), recommender.recommend(ASKED, k, **how))
    assert there.fallbacks(ASKED).tolist() == [False, False, True, False]
    assert there.similar(["f1"], 3).ids.tolist() == recommender.similar(["f1"], 3).ids.tolist()


def test_changes_are_there_when_they_are_pushed(tmp_path: Path) -> None:
    path = by_country().save(tmp_path / "films")
    target = ("qdrant", str(tmp_path / "qdrant"))
    first = push_bundle(path, target)
    assert (first.collection, first.written) == ("films", CANDIDATES)
    films = pl.DataFrame({"film": ["new", "f3"], "title": ["New"] * 2, "genres": [["War"]] * 2})
    with LiveRecommender(path, compact_after=None) as live:
        live.put(films)
        live.remove(["f7", "f1"])
    changed = Recommender.load(path)
    with pytest.raises(StoreError, match="'films' does not hold the candidates as they are"):
        searching(changed, path, target)
    second = push_bundle(path, target)
    assert (second.candidates, second.version != first.version) == (CANDIDATES - 1, True)
    there = searching(changed, path, target)
    hows: list[dict[str, Any]] = [
        *({}, {"exclude_seen": True}, {"where": "title = 'New'"}, {"deny": ["new", "f7"]})
    ]
    for how in hows:
        hits = there.recommend(ASKED, CANDIDATES, **how)
        same(hits, changed.recommend(ASKED, CANDIDATES, **how))
        assert not {"f7", "f1"} & set(hits.ids.ravel())
    assert there.recommend(ASKED, 9, where="title = 'New'").counts.tolist() == [2] * 4
