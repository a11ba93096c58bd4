import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bundles import bundle_of, dataset, model

from turret.bundle.bundle import Bundle
from turret.errors import CandidateIndexError, QueryError
from turret.index.filters import Filter
from turret.recommender.live import LiveRecommender
from turret.recommender.recommender import Recommender
from turret.recommender.similarity import Similarity

ASKED = {"user": ["3", "17", "no such user"]}


@pytest.fixture(params=["exact", "scann"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    data = dataset()
    return bundle_of(data, model(data), kind=request.param).save(tmp_path / "bundle")


def films(*names: str, title: str = "New") -> pl.DataFrame:
    return pl.DataFrame({"film": names, "title": [title] * len(names)})


def test_changes_are_there_after_opening_again(path: Path) -> None:
    best = Recommender.load(path).recommend(ASKED, 5).ids
    with LiveRecommender(path) as live:
        assert live.now.recommend(ASKED, 5).ids.tolist() == best.tolist()
        live.add(films("new 1", "new 2"))
        gone = {best[0, 0], best[2, 0]}
        assert live.remove([*gone, "no such film"]) == len(gone)
        now = live.now.recommend(ASKED, 200)
    assert now.counts.tolist() == [120 + 2 - len(gone)] * 3
    assert not set(now.ids.ravel()) & gone
    for again in (Recommender.load(path), LiveRecommender(path)):
        plain = again if isinstance(again, Recommender) else again.now
        hits = plain.recommend(ASKED, 200)
        assert hits.ids.tolist() == now.ids.tolist()
        assert hits.scores.tobytes() == now.scores.tobytes()
        assert plain.candidates.height == now.counts[0]
        with pytest.raises(QueryError, match="there is no candidate"):
            plain.similar([best[0, 0]])
        assert best[0, 0] not in plain.similar(["new 1"], 200).ids
        if isinstance(again, LiveRecommender):
            again.close()


def test_a_new_candidate_has_the_vector_of_its_tower(path: Path) -> None:
    with LiveRecommender(path) as live:
        live.add(films("new"))
        bundle = live.now.bundle
        vector = bundle.trained.candidate_vectors(films("new"))[0]
        hits = live.now.recommend({"user": ["3"]}, 200, where="title = 'New'")
        row = bundle.queries["user"].to_list().index("3")
        assert hits.ids[0, 0] == "new" and hits.counts[0] == 1
        assert hits.scores[0, 0] == pytest.approx(bundle.query_vectors[row] @ vector, rel=1e-6)


def test_what_was_seen_and_how_often_stays_with_the_id(path: Path) -> None:
    plain = Recommender.load(path)
    asked = {"user": ["3"]}
    everything = set(plain.recommend(asked, 200).ids[0]) - {None}
    unseen = set(plain.recommend(asked, 200, exclude_seen=True).ids[0]) - {None}
    seen = everything - unseen
    popular = plain.recommend({"user": ["nobody"]}, 4)
    with LiveRecommender(path) as live:
        live.update(films(*seen, *popular.ids[0], title="Again").unique("film"))
        for _ in range(2):
            now = live.now.recommend(asked, 200, exclude_seen=True)
            assert set(now.ids[0]) - {None} == unseen
            again = live.now.recommend({"user": ["nobody"]}, 4)
            assert sorted(again.scores[0]) == sorted(popular.scores[0])
            live.compact()
        titles = live.now.candidates.filter(pl.col("film").is_in(list(seen)))["title"]
        assert set(titles) == {"Again"}


def test_a_compaction_keeps_every_answer_and_ends_the_log(path: Path) -> None:
    with LiveRecommender(path) as live:
        live.put(films("new 1", "new 2"))
        live.remove(["f7", "f8"])
        before = live.now.recommend(ASKED, 200, exclude_seen=True)
        live.compact()
        after = live.now.recommend(ASKED, 200, exclude_seen=True)
        assert [set(row) for row in after.ids] == [set(row) for row in before.ids]
        live.remove(["f9"])
        now = live.now.recommend(ASKED, 200)
    bundle = Bundle.open(path)
    assert {"new 1", "new 2", "f9"} <= set(bundle.candidates["film"])
    assert not {"f7", "f8"} & set(bundle.candidates["film"])
    assert len(list(path.with_name("bundle.changes").iterdir())) == 1
    assert Recommender.load(path).recommend(ASKED, 200).ids.tolist() == now.ids.tolist()


def test_compaction_in_the_background_while_others_ask(path: Path) -> None:
    live = LiveRecommender(path, compact_after=5)
    wrong: list[object] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            hits = live.now.recommend(ASKED, 10, exclude_seen=True)
            if hits.counts.tolist() != [10] * 3 or "f7" in hits.ids:
                wrong.append(hits)

    live.remove(["f7"])
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(20):
        live.put(films(f"new {number}"))
    done.set()
    for thread in threads:
        thread.join()
    live.close()
    assert wrong == []
    with LiveRecommender(path) as again:
        there = set(again.now.candidates["film"])
    assert {f"new {number}" for number in range(20)} <= there and "f7" not in there
    assert "compactions" in Bundle.open(path).provenance


def test_one_process_changes_at_a_time(path: Path) -> None:
    with LiveRecommender(path):
        with pytest.raises(CandidateIndexError, match="another writer"):
            LiveRecommender(path)
    LiveRecommender(path).close()


def test_what_cannot_be_added_is_refused(path: Path) -> None:
    with LiveRecommender(path) as live:
        with pytest.raises(CandidateIndexError, match="no ids.*a column film"):
            live.add(pl.DataFrame({"title": ["x"]}))
        with pytest.raises(CandidateIndexError, match="there already: got 'f1'"):
            live.add(films("f1"))
        with pytest.raises(CandidateIndexError, match="no such candidate: got 'x'"):
            live.update(films("x"))
        assert live.now.recommend(ASKED, 200).counts.tolist() == [120] * 3


CHANGER = """
import sys
import polars as pl
from turret.recommender.live import LiveRecommender
live = LiveRecommender(sys.argv[1], compact_after=7)
start = int(sys.argv[2])
for number in range(start, start + 10**6):
    live.put(pl.DataFrame({"film": [f"n{number}"]}))
    print("+", number, flush=True)
    if number % 3 == 0:
        live.remove([f"n{number}"])
        print("-", number, flush=True)
"""


def test_every_acknowledged_change_survives_a_kill_also_in_compactions(tmp_path: Path) -> None:
    data = dataset()
    path = bundle_of(data, model(data)).save(tmp_path / "bundle")
    there: dict[int, bool] = {}
    rng = np.random.default_rng(0)
    for turn in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", CHANGER, str(path), str(1000 * turn)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(int(rng.integers(20, 60)))]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        for line in lines:
            sign, number = line.split()
            there[int(number)] = sign == "+"
        now = set(Recommender.load(path).candidates["film"])
        last = max(there)
        for number, kept in there.items():
            # A removal of the very last one may have been made without having been told.
            assert (f"n{number}" in now) == kept or (number == last and number % 3 == 0), number


def full(bundle: Bundle, path: Path) -> None:
    raise OSError("full")


def test_a_compaction_that_fails_leaves_everything_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LiveRecommender(path) as live:
        live.put(films("new 1"))
        with monkeypatch.context() as patched:
            patched.setattr(Bundle, "save", full)
            with pytest.raises(OSError, match="full"):
                live.compact()
        live.put(films("new 2"))
    assert {"new 1", "new 2"} <= set(Recommender.load(path).candidates["film"])
    with LiveRecommender(path) as live:
        live.compact()
    assert {"new 1", "new 2"} <= set(Bundle.open(path).candidates["film"])


def test_a_failure_after_the_new_bundle_stands_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Bundle.save

    def saved_and_then_failing(bundle: Bundle, path: Path) -> None:
        save(bundle, path)
        raise OSError("cannot flush")

    with LiveRecommender(path) as live:
        live.put(films("new 1"))
        with monkeypatch.context() as patched:
            patched.setattr(Bundle, "save", saved_and_then_failing)
            with pytest.raises(OSError, match="cannot flush"):
                live.compact()
        live.put(films("new 2"))
        live.remove(["f7"])
        now = set(live.now.candidates["film"])
    assert {"new 1", "new 2"} <= now and "f7" not in now
    assert set(Recommender.load(path).candidates["film"]) == now
    with LiveRecommender(path) as live:
        live.compact()
    assert set(Bundle.open(path).candidates["film"]) == now


def test_a_compaction_that_fails_in_the_background_waits_for_as_many_changes_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    told: list[str] = []

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    def failing(bundle: Bundle, path: Path) -> None:
        tried.append(number)
        raise OSError("full")

    logger, handler = logging.getLogger("turret"), Told()
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(Bundle, "save", failing)
    live = LiveRecommender(path, compact_after=3)
    for number in range(1, 14):
        live.put(films(f"new {number}"))
        for thread in threading.enumerate():
            if thread.name == "turret-compaction":
                thread.join()
    monkeypatch.undo()
    number = 14
    live.compact()
    live.close()
    logger.removeHandler(handler)
    assert tried == [3, 6, 12]
    assert [text.rpartition("after ")[2] for text in told] == [
        f"{wait} changes" for wait in (6, 12, 24)
    ]
    assert str(path) in told[0]
    assert {f"new {n}" for n in range(1, 14)} <= set(Bundle.open(path).candidates["film"])


@pytest.mark.parametrize("size", [0, 1, 40, 99])
def test_similarity_in_two_parts_is_that_of_the_whole(size: int) -> None:
    vectors = np.random.default_rng(0).integers(-3, 4, (100, 3)).astype(np.float32)
    vectors[[2, 50, 98]] = 0
    rows = np.array([0, 2, 45, 98, 99])
    mask = np.random.default_rng(1).random(100) < 0.4
    whole = Similarity(vectors)
    parts = Similarity(vectors[size:], behind=Similarity(vectors[:size]))
    for among in (None, Filter(mask)):
        for k in (3, 120):
            expected = whole.search(rows, k=k, among=among)
            found = parts.search(rows, k=k, among=among)
            assert found.counts.tolist() == expected.counts.tolist()
            # Products of other shapes round differently, so that equal scores may change places.
            np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5, atol=1e-6)
            for one, other, count in zip(found.rows, expected.rows, found.counts, strict=True):
                assert len(set(one[:count])) == count
                assert k < 100 or set(one[:count]) == set(other[:count])
                assert one[count:].tolist() == other[count:].tolist()
