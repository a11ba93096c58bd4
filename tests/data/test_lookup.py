import numpy as np
import polars as pl
import pytest

from turret.data import lookup
from turret.data.lookup import TextTable


def some(seed: int, n: int) -> pl.Series:
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcé猫"))
    texts = ["".join(rng.choice(letters, rng.integers(0, 6))) for _ in range(n)]
    return pl.Series(texts, dtype=pl.String)


@pytest.mark.parametrize("n", [0, 1, 2, 500])
def test_against_a_dictionary(n: int) -> None:
    texts = some(0, n).unique(maintain_order=True)
    places = {text: place for place, text in enumerate(texts)}
    asked = pl.concat([some(1, 700), texts, pl.Series([None], dtype=pl.String)])
    expected = [places.get(text, -1) for text in asked.to_list()]
    table = TextTable.of(texts)
    assert table.find(asked).tolist() == expected
    assert table.find(asked[:1]).tolist() == expected[:1]
    assert table.find(asked[:0]).tolist() == []


def test_texts_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "text_hashes", lambda texts: np.full(len(texts), 7, np.uint64))
    table = TextTable.of(pl.Series(["a", "b", "c"]))
    assert table.find(pl.Series(["c", "a", "x", None, "b"])).tolist() == [2, 0, -1, -1, 1]


def test_the_last_slot_is_followed_by_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_first", lambda hashes, slots: np.full(len(hashes), slots - 1))
    table = TextTable.of(pl.Series(["a", "b", "c"]))
    assert sorted(table.slots.tolist()) == [-1] * 5 + [0, 1, 2]
    assert table.find(pl.Series(["b", "c", "a", "d"])).tolist() == [1, 2, 0, -1]
