import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from contracts.filter_contract import FilterContract
from contracts.index_contract import IndexContract, whole_numbers

from turret.errors import CandidateIndexError, QueryError
from turret.index import registry
from turret.index.base import Index, Parameter
from turret.index.candidates import Candidates
from turret.index.changes import ChangeLog
from turret.index.live import LiveIndex


class _Live(IndexContract, FilterContract):
    """A third was there at the beginning, the others were added; some were replaced meanwhile."""

    kind = "live"
    is_exact = False
    base: str

    @classmethod
    def build(
        cls, ids: Sequence[str], vectors: np.ndarray, columns: pl.DataFrame | None = None
    ) -> Index:
        third = len(ids) // 3
        first = None if columns is None else columns[:third]
        base = registry.build(cls.base, ids=ids[:third], vectors=vectors[:third], columns=first)
        live = LiveIndex(base)
        for start in range(third, len(ids), 50):
            part = slice(start, start + 50)
            rest = None if columns is None else columns[part]
            live.put(ids[part], vectors[part], columns=rest)
        return live.view()

    def test_saved_and_loaded_answers_bit_equal(self, index: Index, tmp_path: Path) -> None:
        """It is saved as its base, built anew."""
        index.save(tmp_path)
        again = registry.load(tmp_path, ids=index.ids.to_list(), vectors=index.vectors)
        queries = whole_numbers(5, self.dim, seed=3)
        assert again.search(queries, 12).ids.tolist() == index.search(queries, 12).ids.tolist()

    def test_refuses_an_unknown_parameter(self, vectors: np.ndarray) -> None:
        with pytest.raises(CandidateIndexError, match="made of another one"):
            type(self.build([], vectors[:0])).build(Candidates([], vectors[:0]))


class TestLiveExact(_Live):
    base = "exact"


class TestLiveScann(_Live):
    base = "scann"


class TestLiveFaiss(_Live):
    base = "faiss"


class Shadow:
    """The same changes on a dictionary, and answers by sorting."""

    def __init__(self) -> None:
        self.vectors: dict[str, np.ndarray] = {}

    def best(self, query: np.ndarray, k: int) -> list[float]:
        return sorted((float(vector @ query) for vector in self.vectors.values()), reverse=True)[:k]


def check(live: LiveIndex, shadow: Shadow, *, seed: int, dim: int = 4) -> None:
    query = whole_numbers(1, dim, seed=seed)
    hits = live.view().search(query, 7)
    count = int(hits.counts[0])
    assert hits.scores[0, :count].tolist() == shadow.best(query[0], 7)
    for name, score in zip(hits.ids[0, :count], hits.scores[0, :count], strict=True):
        assert float(shadow.vectors[name] @ query[0]) == score
    assert len(live) == len(shadow.vectors)


def change(live: LiveIndex, shadow: Shadow, rng: np.random.Generator, number: int) -> None:
    name = f"item {rng.integers(0, 60)}"
    vector = whole_numbers(1, 4, seed=number)
    if rng.random() < 0.4:
        assert live.remove([name, "no such candidate"]) == (name in shadow.vectors)
        shadow.vectors.pop(name, None)
    else:
        live.put([name], vector)
        shadow.vectors[name] = vector[0]


@pytest.mark.parametrize("kind", ["exact", "scann", "faiss"])
def test_a_thousand_changes_give_what_a_dictionary_gives(kind: str) -> None:
    rng = np.random.default_rng(0)
    shadow = Shadow()
    names = [f"item {row}" for row in range(30)]
    vectors = whole_numbers(30, 4, seed=9)
    shadow.vectors.update(zip(names, vectors, strict=True))
    live = LiveIndex(registry.build(kind, ids=names, vectors=vectors))
    for number in range(1000):
        change(live, shadow, rng, number)
        if number % 10 == 0:
            check(live, shadow, seed=number)
        if number % 300 == 299:
            live.compacted()
            check(live, shadow, seed=number)


def test_an_older_view_stays_as_it_was() -> None:
    live = LiveIndex(registry.build("exact", ids=["a", "b"], vectors=np.eye(2)))
    views = [live.view()]
    query = np.array([[2, 1]], dtype=np.float32)
    for step in range(3000):
        live.put([f"c{step}"], np.array([[step, 0]], dtype=np.float32))
        if step % 1000 == 0:
            views.append(live.view())
    live.remove(["a", "c0", "c1000"])
    assert views[0].search(query, 3).ids.tolist() == [["a", "b", None]]
    assert views[1].search(query, 3).ids.tolist() == [["a", "b", "c0"]]
    assert views[2].search(query, 2).ids.tolist() == [["c1000", "c999"]]
    assert live.view().search(query, 1).ids.tolist() == [["c2999"]]
    assert "c1000" not in live.view().search(query, 3000).ids[0]


def test_add_and_update_look_at_what_is_there() -> None:
    live = LiveIndex(registry.build("exact", ids=["a", "b"], vectors=np.eye(2)))
    one = np.ones((1, 2), dtype=np.float32)
    with pytest.raises(CandidateIndexError, match="there already: got 'a'"):
        live.add(["a"], one)
    with pytest.raises(CandidateIndexError, match="no such candidate: got 'c'"):
        live.update(["c"], one)
    live.remove(["a"])
    live.add(["a"], 5 * one)
    live.update(["b"], 7 * one)
    hits = live.view().search(one, 3)
    assert (hits.ids.tolist(), hits.scores[0, :2].tolist()) == ([["b", "a", None]], [14.0, 10.0])
    with pytest.raises(CandidateIndexError, match="another length: got 3, expected 2"):
        live.put(["c"], np.ones((1, 3)))
    with pytest.raises(QueryError, match="one string"):
        live.remove("a")


def test_columns_of_new_candidates() -> None:
    table = pl.DataFrame({"year": [1990, 2000], "genre": ["a", None]})
    live = LiveIndex(registry.build("exact", ids=["x", "y"], vectors=np.eye(2), columns=table))
    query = np.ones((1, 2), dtype=np.float32)
    live.put(["z"], np.eye(2)[:1], columns=pl.DataFrame({"year": [2010]}))
    assert live.view().search(query, 3, where="year >= 2000").ids.tolist() == [["y", "z", None]]
    assert live.view().search(query, 3, where="genre is null").counts.tolist() == [2]
    live.put(["y"], np.eye(2)[:1], columns=pl.DataFrame({"year": [1980]}))
    assert live.view().search(query, 3, where="year >= 2000").ids.tolist() == [["z", None, None]]
    with pytest.raises(CandidateIndexError, match="no such column: got 'yaer'"):
        live.put(["w"], np.eye(2)[:1], columns=pl.DataFrame({"yaer": [1]}))
    with pytest.raises(CandidateIndexError, match="does not fit its column"):
        live.put(["w"], np.eye(2)[:1], columns=pl.DataFrame({"year": ["soon"]}))
    assert live.compacted().ids.to_list() == ["x", "z", "y"]


def test_searches_from_four_threads_while_one_changes() -> None:
    """The vector of `item i` is (i, version): an answer is right if it is of one moment."""
    size = 40
    names = [f"item {row}" for row in range(size)]

    def vectors(version: int) -> np.ndarray:
        return np.array([[row, version] for row in range(size)], dtype=np.float32)

    live = LiveIndex(registry.build("exact", ids=names, vectors=vectors(0)))
    wrong: list[str] = []
    done = threading.Event()
    query = np.array([[0, 1]], dtype=np.float32)

    def look() -> None:
        while not done.is_set():
            hits = live.view().search(query, size)
            if hits.counts[0] != size or len(set(hits.ids[0])) != size:
                wrong.append(f"{hits.counts[0]} answers")
            if len(set(hits.scores[0].tolist())) != 1:
                wrong.append(f"of several moments: {set(hits.scores[0].tolist())}")

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(1, 150):
        live.put(names, vectors(version))
        if version % 50 == 0:
            live.compacted()
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_changes_made_while_it_is_compacted_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveIndex(registry.build("exact", ids=["a", "b"], vectors=np.eye(2)))
    build = registry.of

    def slow(kind: str, candidates: Candidates, **parameters: Parameter) -> Index:
        live.remove(["a"])
        live.put(["c"], np.array([[3, 3]], dtype=np.float32))
        return build(kind, candidates, **parameters)

    monkeypatch.setattr(registry, "of", slow)
    live.compacted()
    query = np.ones((1, 2), dtype=np.float32)
    assert live.view().search(query, 3).ids.tolist() == [["c", "b", None]]


def test_the_log_has_each_change_before_it_is_seen(tmp_path: Path) -> None:
    base = registry.build("exact", ids=["a", "b"], vectors=np.eye(2))
    log = ChangeLog(tmp_path / "x.log", belongs_to="x")
    live = LiveIndex(base, log=log.append)
    live.put(["c"], np.array([[3, 3]], dtype=np.float32))
    live.remove(["a"])
    log.close()
    again = LiveIndex(base)
    for one in ChangeLog.peek(tmp_path / "x.log", belongs_to="x"):
        again.apply(one)
    query = np.ones((1, 2), dtype=np.float32)
    assert again.view().search(query, 3).ids.tolist() == [["c", "b", None]]


def test_a_change_that_cannot_be_kept_is_not_made() -> None:
    def full(change: object) -> None:
        raise OSError("disk full")

    live = LiveIndex(registry.build("exact", ids=["a"], vectors=np.eye(1)), log=full)
    with pytest.raises(OSError, match="disk full"):
        live.remove(["a"])
    assert live.view().search(np.ones((1, 1)), 1).ids.tolist() == [["a"]]


def test_a_compaction_keeps_the_settings_while_they_suit() -> None:
    vectors = whole_numbers(60, 4, seed=0)
    names = [f"item {row}" for row in range(60)]
    index = registry.build("faiss", ids=names[:20], vectors=vectors[:20], lists=3)
    live = LiveIndex(index)
    live.put(names[20:30], vectors[20:30])
    assert live.compacted().settings == index.settings
    live.put(names[30:], vectors[30:])
    live.put(["one more"], vectors[:1])
    assert live.compacted().settings["lists"] == 0
    small = LiveIndex(registry.build("exact", ids=["a"], vectors=vectors[:1], storage="int8"))
    small.put(names, vectors)
    assert small.compacted().settings == {"storage": "int8"}


def test_it_is_saved_with_the_settings_of_its_base(tmp_path: Path) -> None:
    vectors = whole_numbers(9, 4, seed=1)
    base = registry.build("exact", ids="abcdefghi", vectors=vectors, storage="int8")
    live = LiveIndex(base)
    live.remove(["b"])
    live.view().save(tmp_path)
    rest = np.delete(vectors, 1, axis=0)
    again = registry.load(tmp_path, ids="acdefghi", vectors=rest)
    assert again.settings == {"storage": "int8"}
    assert again.search(rest[:2], 3).ids.tolist() == live.view().search(rest[:2], 3).ids.tolist()
