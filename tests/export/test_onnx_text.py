"""Text in ONNX models, against Turret's own: characters, words, n-grams and hashes."""

import random
from collections import Counter
from functools import reduce

import numpy as np
import polars as pl
import pytest
from export.onnx_running import Function

from turret.data.hashing import MISSING, bucket_rows, combined, text_hashes
from turret.data.ngrams import normalized, text_ngrams
from turret.export.characters import all_characters, characters
from turret.export.onnx.text import normalized_line

WORDS, CHARACTERS, BUCKETS = (1, 3), (4, 1, 2), 1 << 20
LIKE = np.array(["x"], object)
CHOSEN = [
    "Ｗｉｄｅ ﬁne, ½ ﷺ",
    "e\u0301 a\u0323\u0302 a\u0302\u0323 \u0301e",
    "ΑΣ ΑΣΑ Σ ΑΣ. Α.Σ Α\u0301Σ\u00adΑ ΣΣ",
    "İstanbul ẞ ǅ",
    "가각 한국어 \u1100\u1161\u11a8",
    "ক্ষুধা \u09c7\u09be",
    "猫🚀café t-light 2nd 👩\u200d🚀 ❤\ufe0f ℹ © ⓴ 〇",
    "a\x00b\n\t\u3000c \u0301d \u200de",
    "",
    " ",
]


def mixtures(number: int, *, seed: int) -> list[str]:
    """Texts of marks, letters that merge, sigmas and what stands between words."""
    every, rng = all_characters(), random.Random(seed)
    tables = characters()
    points = np.array([ord(one) for one in every])
    special = np.flatnonzero((tables.order.at(points) > 0) | (tables.second.at(points) > 0))
    first = np.flatnonzero(tables.first.at(points) > 0)
    pools = [
        [every[place] for place in special],
        [every[place] for place in first],
        list("Σσς.'\u00ad \u200d🚀猫ℹ-"),
        every[:0x600],
    ]
    return [
        "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randrange(20)))
        for _ in range(number)
    ]


@pytest.fixture(scope="module")
def normalize() -> Function:
    return Function(lambda graph, texts: normalized_line(graph.nodes, texts), [LIKE], axes=[1, 1])


@pytest.fixture(scope="module")
def count() -> Function:
    def counted(graph, texts):
        options = {"words": WORDS, "characters": CHARACTERS, "buckets": BUCKETS}
        return graph.counted(graph.ngrams(texts, **options))

    return Function(counted, [LIKE], axes=[2, 2])


@pytest.mark.parametrize(
    "texts",
    [CHOSEN, [], ["", ""], mixtures(3000, seed=0), list(all_characters())],
    ids=["chosen", "none", "empty", "mixtures", "every character"],
)
def test_normalized(normalize: Function, texts: list[str]) -> None:
    codes, owner = normalize(np.array(texts, object))
    want = normalized(pl.Series(texts, dtype=pl.String)).to_list()
    assert "".join(map(chr, codes)) == "".join(want)
    lengths = [len(text) for text in want]
    np.testing.assert_array_equal(owner, np.repeat(np.arange(len(texts)), lengths))


@pytest.mark.parametrize(
    "texts",
    [
        CHOSEN,
        [],
        ["", "! "],
        mixtures(2000, seed=1),
        [f"a{one}b {one}" for one in all_characters()[::20]],
        ["long" * 3000, "x"],
    ],
    ids=["chosen", "none", "no words", "mixtures", "characters", "long"],
)
def test_ngrams(count: Function, texts: list[str]) -> None:
    rows, times = count(np.array(texts, object))
    series = normalized(pl.Series(texts, dtype=pl.String))
    hashes, owner = text_ngrams(series, words=WORDS, characters=CHARACTERS)
    want = [Counter[int]() for _ in texts]
    for row, bucket in zip(owner, bucket_rows(hashes, buckets=BUCKETS, seed=0), strict=True):
        want[row][int(bucket)] += 1
    assert len(rows) == len(texts)
    for found, often, counter in zip(rows, times, want, strict=True):
        kept = found > 0
        assert found[kept].tolist() == sorted(counter)
        assert dict(zip(found[kept].tolist(), often[kept].tolist(), strict=True)) == counter
        assert not often[~kept].any()


def test_hashes() -> None:
    def function(graph, one, two):
        return [
            graph.hashed([one], buckets=97, seed=0),
            graph.hashed([one, two], buckets=1_000_003, seed=1),
        ]

    one = [*CHOSEN, *mixtures(500, seed=2), "x" * 5000]
    two = [*mixtures(len(one) - 1, seed=3), ""]
    hashed = Function(function, [LIKE, LIKE], axes=[1, 1])
    found = hashed(np.array(one, object), np.array(two, object))
    hashes = [
        np.where(np.array(texts, object) == "", MISSING, text_hashes(pl.Series(texts)))
        for texts in (one, two)
    ]
    both = reduce(combined, hashes)
    np.testing.assert_array_equal(found[0], bucket_rows(hashes[0], buckets=97, seed=0))
    np.testing.assert_array_equal(found[1], bucket_rows(both, buckets=1_000_003, seed=1))
    none = hashed(np.array([], object), np.array([], object))
    assert [one.shape for one in none] == [(0,), (0,)]


def test_a_character_that_nobody_has_is_the_replacement_character() -> None:
    hashed = Function(
        lambda graph, texts: [graph.hashed([texts], buckets=10**9, seed=0)], [LIKE], axes=[1]
    )
    (found,) = hashed(np.array(["a\U00100000", "a\ufffd", "a\U000a0000"], object))
    assert found.tolist() == [found[1]] * 3


def test_the_characters_are_held_once() -> None:
    def function(graph, one, two):
        return [
            graph.hashed([text], buckets=9, seed=seed) for text in (one, two) for seed in (0, 1)
        ]

    model = Function(function, [LIKE, LIKE], axes=[1] * 4).model
    encoders = [node for node in model.graph.node if node.op_type == "LabelEncoder"]
    assert len(encoders) == 1
