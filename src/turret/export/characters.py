"""What is known of each character: tables from which a model without a text library takes it.

Text features bring text to one form and cut it into words (`turret.data.ngrams`). These tables say
what that does to a character, and to characters that meet; they are made by asking the very
functions that encoders use, about every character there is.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from turret.data.ngrams import words_of

__all__ = [
    "PLANES",
    "REPLACEMENT",
    "Characters",
    "Expansion",
    "Trie",
    "all_characters",
    "characters",
]

PLANES = (0, 1, 2, 3, 14)
"""The planes of Unicode that have, or may get, characters."""

REPLACEMENT = 0xFFFD
"""What a character of another plane is taken for: one that Unicode gave to nobody, or private."""

_BLOCK = 256
_CODES = 0x110000

Numbers = Int64[np.ndarray, "_"]


class Trie(NamedTuple):
    """A number for each code point: `entries[starts[c // 256] + c % 256]`.

    Attributes:
        starts: for each block of 256 code points where its entries start.
        entries: the numbers; of blocks that are alike once.
    """

    starts: Numbers
    entries: Numbers

    @classmethod
    def of(cls, points: Numbers, values: Numbers) -> "Trie":
        """The trie of the values of some code points; 0 for others."""
        whole = np.zeros(_CODES, np.int64)
        whole[points] = values
        kept: dict[bytes, int] = {}
        blocks = whole.reshape(-1, _BLOCK)
        place = [kept.setdefault(block.tobytes(), len(kept)) for block in blocks]
        entries = np.frombuffer(b"".join(kept), np.int64)
        return cls(np.array(place, np.int64) * _BLOCK, entries)

    def at(self, points: Numbers) -> Numbers:
        """The numbers of code points."""
        return self.entries[self.starts[points // _BLOCK] + points % _BLOCK]


class Expansion(NamedTuple):
    """Characters that become one or more others.

    Attributes:
        places: for each code point 0, if it stays, else `32 start + count`.
        codes: `codes[start : start + count]` is what it becomes.
    """

    places: Trie
    codes: Numbers

    @classmethod
    def of(cls, points: Numbers, become: pl.Series) -> "Expansion":
        """What characters become; `become` has a text for each."""
        before = pl.Series([chr(point) for point in points.tolist()])
        changed = np.flatnonzero((before != become).to_numpy())
        texts = become.gather(changed).to_list()
        counts = np.array([len(text) for text in texts], np.int64)
        starts = np.cumsum(counts) - counts
        codes = np.array([ord(one) for text in texts for one in text], np.int64)
        return cls(Trie.of(points[changed], 32 * starts + counts), codes)


class Characters(NamedTuple):
    """The tables.

    Attributes:
        apart: what NFKD makes of each character, before marks are put in order.
        lower: what each becomes in lower case.
        order: the canonical combining class of each: 0 for what is no mark.
        first: for each that may merge with a later one its row in `merged`, from 1.
        second: for each that may merge with an earlier one its column there, from 1.
        merged: the code point of two characters that merge in NFC; 0 where they do not.
        flags: for each the sum of the following.
        cased: the flag of letters with a case; a sigma behind one, and before none, is final.
        passed: the flag of what is passed over when looking for these.
        begins: the flag of what begins a word.
        goes_on: the flag of what goes on in a word that began.
        alone: the flag of what is a word of its own, if no word goes on there.
    """

    apart: Expansion
    lower: Expansion
    order: Trie
    first: Trie
    second: Trie
    merged: Int64[np.ndarray, "a b"]
    flags: Trie
    cased: int = 1
    passed: int = 2
    begins: int = 4
    goes_on: int = 8
    alone: int = 16


@cache
def all_characters() -> tuple[str, ...]:
    """Every character of the planes, in the order of code points."""
    return tuple(
        chr(point)
        for plane in PLANES
        for point in range(plane << 16, (plane + 1) << 16)
        if not 0xD800 <= point < 0xE000
    )


@cache
def characters() -> Characters:
    """The tables; made at the first call, in two seconds."""
    texts = pl.Series(all_characters())
    points = _points(texts)
    first, second, merged = _merging(texts)
    return Characters(
        apart=Expansion.of(points, texts.str.normalize("NFKD")),
        lower=Expansion.of(points, texts.str.to_lowercase()),
        order=_order(texts, points),
        first=first,
        second=second,
        merged=merged,
        flags=Trie.of(points, _flags(texts)),
    )


def _points(texts: pl.Series) -> Numbers:
    return np.array([ord(one) for one in texts.to_list()], np.int64)


def _order(texts: pl.Series, points: Numbers) -> Trie:
    """A number for each mark, 0 for others: of two marks the one with the smaller stands first."""

    def swaps(before: pl.Series, after: str | pl.Series) -> Bool[np.ndarray, "_"]:
        return (
            (before + after).str.normalize("NFD") == after + before.str.normalize("NFD")
        ).to_numpy()

    apart = (texts.str.normalize("NFD") == texts).to_numpy()
    # U+0334 is of the lowest class, 1; U+0345 of the highest, 240.
    high, low = swaps(texts, "\u0334"), swaps(pl.Series(["\u0345"] * len(texts)), texts)
    there = np.flatnonzero((high | low) & apart)
    marks = texts.gather(there)
    order = np.zeros(len(marks), np.int64)
    while (order == 0).any():
        first = int(np.argmin(order))
        like = pl.Series([marks[first]] * len(marks))
        goes_behind, goes_before = swaps(like, marks), swaps(marks, like)
        goes_behind[first] = goes_before[first] = False  # it cannot be told from itself
        order[~goes_behind & ~goes_before] = 1 + goes_behind.sum()
    return Trie.of(points[there], order)


def _merging(texts: pl.Series) -> tuple[Trie, Trie, Int64[np.ndarray, "a b"]]:
    """Which characters merge, and into what."""
    apart = texts.str.normalize("NFD")
    whole = texts.filter((apart.str.len_chars() > 1) & (apart.str.normalize("NFC") == texts))
    parts = whole.str.normalize("NFD")
    one = parts.str.head(-1).str.normalize("NFC")
    assert (one.str.len_chars() == 1).all()  # of what merges each beginning does, too
    a, b = _points(one), _points(parts.str.tail(1))
    firsts, row = np.unique(a, return_inverse=True)
    seconds, column = np.unique(b, return_inverse=True)
    merged = np.zeros((len(firsts) + 1, len(seconds) + 1), np.int64)
    merged[row + 1, column + 1] = _points(whole)
    first = Trie.of(firsts, np.arange(1, len(firsts) + 1))
    return first, Trie.of(seconds, np.arange(1, len(seconds) + 1)), merged


def _flags(texts: pl.Series) -> Numbers:
    def is_final(before: pl.Series) -> Bool[np.ndarray, "_"]:
        return (before + "Σ").str.to_lowercase().str.ends_with("ς").to_numpy()

    def one_word(of: pl.Series) -> Bool[np.ndarray, "_"]:
        found = words_of(of)
        return ((found.list.len() == 1) & (found.list.first() == of).fill_null(False)).to_numpy()

    cased, begins = is_final(texts), one_word(texts + "a")
    passed = is_final("A" + texts) & ~cased
    goes_on, alone = one_word("a" + texts), one_word(texts) & ~begins
    flags = np.stack([cased, passed, begins, goes_on, alone]).astype(np.int64)
    return (1 << np.arange(len(flags))) @ flags
