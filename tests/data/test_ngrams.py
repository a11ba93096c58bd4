from collections import Counter

import numpy as np
import polars as pl
import pytest

from turret.data.ngrams import normalized, text_ngrams, words_of

TEXTS = ["The cat, the hat", "", "ক্ষুধা লেগেছে", "日本語 text", "👩‍🚀 ok", "a"]


def slow(text: str, words: list[int], characters: list[int]) -> Counter[tuple[str, ...] | str]:
    """N-grams of one text, by loops over its words and characters."""
    found: Counter[tuple[str, ...] | str] = Counter()
    own = words_of(normalized(pl.Series([text])))[0].to_list()
    for size in words:
        found.update(tuple(own[i : i + size]) for i in range(len(own) - size + 1))
    for size in characters:
        for word in own:
            marked = f"<{word}>"
            found.update(marked[i : i + size] for i in range(len(marked) - size + 1))
    return found


@pytest.mark.parametrize(
    ("words", "characters"), [([1], []), ([1, 2, 3], []), ([], [2, 4]), ([1, 2], [3])]
)
def test_counts_against_loops(words: list[int], characters: list[int]) -> None:
    hashes, owner = text_ngrams(normalized(pl.Series(TEXTS)), words=words, characters=characters)
    name: dict[tuple[str, ...] | str, int] = {}
    for row, text in enumerate(TEXTS):
        expected = slow(text, words, characters)
        found = Counter(hashes[owner == row].tolist())
        assert sorted(found.values()) == sorted(expected.values())
        # One n-gram has one hash, in whichever text it stands.
        alone, _ = text_ngrams(normalized(pl.Series([text])), words=words, characters=characters)
        assert Counter(alone.tolist()) == found
        name |= dict.fromkeys(expected, row)
    assert len(np.unique(hashes)) == len(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "white hanging heart t light holder"),
        ("我喜欢", "我 喜 欢"),
        ("আমি বাংলায় গান গাই", "আমি বাংলায় গান গাই"),
        ("café CAFÉ", "café café"),
        ("x²³ ﬁne", "x23 fine"),
        ("🚀❤️ok", "🚀 ❤ ok"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("3.5kg, 10%", "3 5kg 10"),
        (" \n-_-", ""),
    ],
)
def test_words_of_many_scripts(text: str, words: str) -> None:
    assert words_of(normalized(pl.Series([text])))[0].to_list() == words.split()
