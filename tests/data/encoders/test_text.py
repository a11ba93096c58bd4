import math
from collections import Counter

import numpy as np
import polars as pl
import pytest
from contracts.feature_contract import FeatureContract, fitted

from turret.data.encoders.text import TextEncoder
from turret.errors import RecipeError
from turret.recipe.features.text import Text

TITLES = pl.DataFrame(
    {
        "title": [
            "Red heart T-light",
            "red wooden heart",
            "我喜欢机器学习",
            "আমি গান গাই",
            "🚀 moon",
            None,
        ]
    }
)


class TestText(FeatureContract):
    feature = Text("title", buckets=1 << 20)
    train = TITLES
    met = pl.DataFrame({"title": ["RED", "机器", "গান", "🚀🚀", "a wooden chair"]})
    unmet = pl.DataFrame({"title": ["", "  \t", "...", "zqx", None]})
    refused = pl.DataFrame({"title": [1.5]})


class TestWordsAlone(TestText):
    feature = Text("title", words=[1], characters=[], buckets=1 << 20, length=4)


class TestCharactersAlone(FeatureContract):
    feature = Text("title", words=[], characters=[3], buckets=1 << 20)
    train = TITLES
    met = pl.DataFrame({"title": ["woodenly", "আমি"]})
    unmet = pl.DataFrame({"title": ["", "zqx", None]})
    refused = pl.DataFrame({"title": [["red"]]})


def words(length: int = 64) -> TextEncoder:
    feature = Text("title", words=[1], characters=[], buckets=1 << 20, length=length)
    encoder = fitted(feature, TITLES)
    assert isinstance(encoder, TextEncoder)
    return encoder


def row(word: str) -> int:
    return int(words().encode(pl.DataFrame({"title": [word]}))["rows"][0, 0])


def test_weights_are_their_formula() -> None:
    text = "red red red heart wooden unseen"
    parts = words().encode(pl.DataFrame({"title": [text]}))
    documents = {"red": 2, "heart": 2, "wooden": 1}
    counts: Counter[str] = Counter(text.split())
    raw = {
        row(word): (1 + math.log(counts[word])) * (math.log((1 + 5) / (1 + n)) + 1)
        for word, n in documents.items()
    }
    norm = math.sqrt(sum(weight**2 for weight in raw.values()))
    found = dict(zip(parts["rows"][0].tolist(), parts["weights"][0].tolist(), strict=True))
    found.pop(-1)
    assert found.keys() == raw.keys()
    for one, weight in raw.items():
        assert found[one] == pytest.approx(weight / norm, rel=1e-6)


def test_the_heaviest_are_kept_and_have_length_1() -> None:
    parts = words(length=2).encode(pl.DataFrame({"title": ["heart red red wooden"]}))
    assert parts["rows"].tolist() == [[row("red"), row("wooden")]]
    assert np.square(parts["weights"]).sum() == pytest.approx(1, rel=1e-6)
    assert parts["weights"][0, 0] > parts["weights"][0, 1] > 0


def test_one_form_of_each_character() -> None:
    forms = pl.DataFrame({"title": ["ＲＥＤ", "Red", "re\u0064"]})
    rows = words().encode(forms)["rows"][:, 0]
    assert len(set(rows.tolist())) == 1 and rows[0] > 0


def test_words_of_two_follow_each_other() -> None:
    encoder = fitted(Text("title", words=[2], characters=[], buckets=1 << 20), TITLES)
    frame = pl.DataFrame({"title": ["heart wooden", "wooden heart", "red", "wooden. Heart!"]})
    assert encoder.known(encoder.encode(frame)).tolist() == [False, True, False, True]


def test_a_million_characters() -> None:
    long = pl.DataFrame({"title": ["wooden " * 142_857 + "heart", "red"]})
    parts = words().encode(long)
    assert parts["rows"][0, :2].tolist() == [row("wooden"), row("heart")]
    assert parts["rows"][1, 0] == row("red")
    whole = fitted(Text("title"), TITLES).encode(long)
    assert np.square(whole["weights"]).sum(axis=1) == pytest.approx([1, 1], rel=1e-6)


def test_impossible_values_are_refused() -> None:
    for keys, message in (
        ({"words": [], "characters": []}, "words, characters"),
        ({"words": [0]}, "words: got"),
        ({"characters": [3, 3]}, "different lengths"),
        ({"buckets": 0}, "buckets: got 0"),
        ({"length": 0}, "length: got 0"),
    ):
        with pytest.raises(RecipeError, match=message):
            Text("title", **keys)  # pyright: ignore[reportArgumentType]  # that is the test
