"""N-grams of words and of characters, of any script."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from jaxtyping import Int64, UInt64

from turret.data.hashing import combined, joined_bytes, mixed, span_hashes, text_hashes

__all__ = ["BEGIN", "CHARACTERS", "END", "normalized", "text_ngrams", "words_of"]

# A Han character and a pictograph are words of their own, for nothing divides them.
_LETTER = r"[[\p{L}\p{N}]--\p{Han}]"
_INSIDE = r"[[\p{L}\p{N}\p{M}\x{200C}\x{200D}]--\p{Han}]"
_WORD = rf"\p{{Han}}|\p{{Extended_Pictographic}}|{_LETTER}{_INSIDE}*"
BEGIN, END = "\x02", "\x03"
"""Stand before and behind a word whose characters are taken together."""

CHARACTERS = 100
"""Plus how many they are, the seed of n-grams of characters; of words it is the number alone."""


def normalized(texts: pl.Series) -> pl.Series:
    """Bring text to one form: NFKC, in lower case; a null is an empty text.

    Example:
        >>> normalized(pl.Series(["Ｗｉｄｅ ﬁne", None])).to_list()
        ['wide fine', '']
    """
    return texts.fill_null("").str.normalize("NFKC").str.to_lowercase()


def words_of(texts: pl.Series) -> pl.Series:
    """Cut text into words.

    Args:
        texts: Normalized text.

    Returns:
        A list of words for each.

    Example:
        >>> words_of(pl.Series(["t-light 2nd", "猫🚀café"])).to_list()
        [['t', 'light', '2nd'], ['猫', '🚀', 'café']]
    """
    return texts.str.extract_all(_WORD)


def text_ngrams(
    texts: pl.Series, *, words: Sequence[int], characters: Sequence[int]
) -> tuple[UInt64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """All n-grams of some texts.

    Args:
        texts: Normalized text, `n` rows.
        words: Lengths of n-grams of words.
        characters: Lengths of n-grams of characters; the beginning and the end of a word count.

    Returns:
        The hash of each n-gram, and in which row it stands.
    """
    lists = words_of(texts)
    counts = lists.list.len().to_numpy().astype(np.int64)
    flat = lists.filter(lists.list.len() > 0).explode()
    owner = np.repeat(np.arange(len(texts)), counts)
    parts = [*_of_words(flat, owner, words), *_of_characters(flat, owner, characters)]
    if not parts:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    hashes, owners = zip(*parts, strict=True)
    return np.concatenate(hashes), np.concatenate(owners)


_Part = tuple[UInt64[np.ndarray, " k"], Int64[np.ndarray, " k"]]


def _of_words(
    flat: pl.Series, owner: Int64[np.ndarray, " w"], sizes: Sequence[int]
) -> Iterator[_Part]:
    one = text_hashes(flat)
    for size in sizes:
        if size > len(one):
            continue
        last = len(one) - size + 1
        hashes = one[:last]
        for place in range(1, size):
            hashes = combined(hashes, one[place : place + last])
        inside = owner[:last] == owner[size - 1 :]
        yield mixed(hashes[inside], seed=size), owner[:last][inside]


def _of_characters(
    flat: pl.Series, owner: Int64[np.ndarray, " w"], sizes: Sequence[int]
) -> Iterator[_Part]:
    if len(flat) == 0 or not sizes:
        return
    marked = BEGIN + flat + END
    data = joined_bytes(marked)
    starts = np.flatnonzero((data & 0xC0) != 0x80)
    word = np.repeat(np.arange(len(flat)), marked.str.len_chars().to_numpy())
    ends = np.append(starts, len(data))
    for size in sizes:
        if size > len(starts):
            continue
        last = len(starts) - size + 1
        inside = np.flatnonzero(word[:last] == word[size - 1 :])
        hashes = span_hashes(data, starts[inside], ends[inside + size])
        yield mixed(hashes, seed=CHARACTERS + size), owner[word[inside]]
