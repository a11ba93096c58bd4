"""The scripts that measure the index, at sizes of a test; peers aside."""

import importlib
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import pytest

from turret.benchmarks.index import IndexSettings, World

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module(name)


def test_changes_and_searches_agree_with_the_shadow(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = script("index_faults", monkeypatch)
    options = Namespace(kind="exact", changes=400, searches=300, seed=0, compact_after=100)
    figures = faults.race(options, names=50)
    assert (figures["searches"], figures["wrong_answers"]) == (300, 0)
    assert 200 <= figures["changes_made"] <= 400


def test_a_wrong_answer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = script("index_faults", monkeypatch)
    shadow = faults.Shadow(np.eye(3, dtype=np.float32), np.array([True, True, False]))
    query = np.array([1, 2, 3], dtype=np.float32)

    def search(ids: list[str], scores: list[float], size: int = 2) -> object:
        found = np.array(ids, dtype=object), np.array(scores, dtype=np.float32)
        return faults.Search(0, query, *found, len(ids), size)

    assert not shadow.is_wrong(search(["n1", "n0"], [2, 1]), exact=True)
    for wrong in (
        search(["n2", "n1"], [3, 2]),  # one has left
        search(["n0", "n1"], [1, 2]),  # not in order
        search(["n1", "n0"], [2, 1.5]),  # another score
        search(["n1", "n1"], [2, 2]),  # twice the same
        search(["n1"], [2]),  # one is missing
        search(["n1", "n0"], [2, 1], size=3),  # another state
    ):
        assert shadow.is_wrong(wrong, exact=True)


def test_streamed_candidates_are_built_and_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scale = script("index_scale", monkeypatch)
    monkeypatch.setattr(scale, "BLOCK", 1000)
    options = Namespace(candidates=2500, dim=8, queries=5, k=10, kind="exact")
    assert scale.write(tmp_path, options)["candidates"] == 2500
    first = np.load(tmp_path / "vectors.npy")
    assert first.shape == (2500, 8) and len(np.unique(first, axis=0)) == 2500
    for kind in ("exact", "exact-int8", "scann"):
        options.kind = kind
        scale.build(tmp_path, options)
        (search,) = scale.answer(tmp_path, options)["searches"]
        assert search["recall"] == 1.0


def test_the_table_without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    index = script("index", monkeypatch)
    sizes = {"candidates": 3000, "dim": 8, "queries": 20, "clusters": 5, "k": 20, "timed": 3}
    settings = msgspec.convert({**sizes, "shares": []}, IndexSettings)
    options = Namespace(peer=None, rounds=1, cache=None)
    with ExitStack() as stack:
        result = index.compared(World.make(settings), settings, options, stack)
    assert [(row["library"], row["target"], row["recall"]) for row in result["table"]] == [
        ("turret", 0.95, 1.0),
        ("turret", 0.99, 1.0),
    ]
    assert result["figures"]["exact_int8_same"] and result["figures"]["candidates"] == 3000
