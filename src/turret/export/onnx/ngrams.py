"""Words and n-grams in an ONNX model, as `turret.data.ngrams` finds and hashes them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from turret.data.ngrams import BEGIN, CHARACTERS, END
from turret.export.characters import characters as character_tables
from turret.export.onnx.builder import Builder
from turret.export.onnx.hashes import (
    as_numbers,
    bucket_value,
    combined_value,
    in_bytes,
    mixed_value,
    power,
    span_hashes,
)
from turret.export.onnx.lines import (
    Line,
    added_up,
    as_shape,
    behind,
    compressed,
    consecutive,
    length,
    placed,
    repeated,
    summed,
    summed_before,
    taken,
)
from turret.export.onnx.text import begins_text, entries, has_flag, normalized_line
from turret.export.onnx.value import OnnxValue, choose

__all__ = ["ngrams"]

_INT64 = np.dtype(np.int64)


class _Words(NamedTuple):
    """The words of texts.

    Attributes:
        codes: the code points of all words, int64 `[m]`.
        word: the word of each, ascending from 0.
        starts: for each word where it starts, int64 `[w]`.
        owner: the text of each word.
    """

    codes: OnnxValue
    word: OnnxValue
    starts: OnnxValue
    owner: OnnxValue


class _Grams(NamedTuple):
    """N-grams of one length.

    Attributes:
        hashes: int64.
        owner: the text of each, ascending.
    """

    hashes: OnnxValue
    owner: OnnxValue


def ngrams(
    nodes: Builder,
    texts: OnnxValue,
    *,
    words: Sequence[int],
    characters: Sequence[int],
    buckets: int,
) -> OnnxValue:
    """The buckets of a text's n-grams; see `turret.export.graph.Graph.ngrams`."""
    found = _words(nodes, normalized_line(nodes, texts))
    grams = [*_of_words(found, words), *_of_characters(nodes, found, characters)]
    return _side_by_side(nodes, grams, number=length(texts), buckets=buckets)


def _words(nodes: Builder, line: Line) -> _Words:
    """Cut text into words.

    Where letters and what goes on in a word follow each other, the first letter begins a word that
    goes on to their end.
    """
    tables = character_tables()
    flags = entries(nodes, tables.flags, line.codes)
    begins, goes_on, alone = (
        has_flag(flags, flag) for flag in (tables.begins, tables.goes_on, tables.alone)
    )
    breaks = ~goes_on | begins_text(line)
    letters = as_numbers(begins)
    # Letters of what goes on together, up to each character.
    before = taken(compressed(summed_before(letters), breaks), summed(as_numbers(breaks)) - 1)
    so_far = summed(letters) - before
    inside = goes_on & (so_far > 0)
    single = alone & ~inside
    kept, first = inside | single, single | (begins & (so_far == 1))
    first = compressed(first, kept)
    codes, owner = compressed(line.codes, kept), compressed(line.owner, kept)
    starts = compressed(consecutive(length(codes)), first)
    return _Words(codes, summed(as_numbers(first)) - 1, starts, taken(owner, starts))


def _of_words(words: _Words, sizes: Sequence[int]) -> Iterator[_Grams]:
    one = _word_hashes(words)
    number = length(one)
    places = consecutive(number)
    owner, hashes, size = words.owner, one, 1
    # Those of each length begin with one that is shorter by a word.
    for wanted in sorted(sizes):
        while size < wanted:
            hashes = combined_value(hashes, taken(one, _further(places, size)))
            size += 1
        last = _further(places, size - 1)
        inside = (places + (size - 1) < number) & (taken(owner, last) == owner)
        kept = compressed(mixed_value(hashes, seed=size), inside)
        yield _Grams(kept, compressed(owner, inside))


def _word_hashes(words: _Words) -> OnnxValue:
    """The hash of each word."""
    nodes = words.codes.nodes
    first = [nodes.constant(np.array([1])), nodes.constant(np.array([2**62]))]
    # A word ends where the next one starts; of no words there is no end.
    rest = nodes.add("Slice", [words.starts, *first], _INT64)
    ends = behind([rest, as_shape(length(words.codes))])
    number = as_shape(length(words.starts))
    ends = nodes.add("Slice", [ends, nodes.constant(np.array([0])), number], _INT64)
    return span_hashes(words.codes, words.word, starts=words.starts, ends=ends)


def _of_characters(nodes: Builder, words: _Words, sizes: Sequence[int]) -> Iterator[_Grams]:
    if not sizes:
        return
    codes, word = _marked(nodes, words)
    number = length(codes)
    places = consecutive(number)
    values, widths = in_bytes(codes)
    owner = taken(words.owner, word)
    hashes, size, shift = values, 1, power(widths)
    for wanted in sorted(sizes):
        while size < wanted:
            # A character, and behind it those of the next that are fewer by one.
            hashes = values + shift * taken(hashes, _further(places, 1))
            size += 1
        last = _further(places, size - 1)
        inside = (places + (size - 1) < number) & (taken(word, last) == word)
        kept = compressed(mixed_value(hashes, seed=CHARACTERS + size), inside)
        yield _Grams(kept, compressed(owner, inside))


def _marked(nodes: Builder, words: _Words) -> tuple[OnnxValue, OnnxValue]:
    """The characters of words between marks of their beginnings and ends; the word of each."""
    each = consecutive(length(words.starts))
    number = length(words.codes) + length(words.starts) * 2
    begins = words.starts + each * 2
    codes = repeated(nodes.constant(np.array(ord(END))), number)
    codes = placed(codes, begins, words.starts - words.starts + ord(BEGIN))
    codes = placed(codes, consecutive(length(words.codes)) + words.word * 2 + 1, words.codes)
    first = placed(repeated(number.like(0), number), begins, begins - begins + 1)
    return codes, summed(first) - 1


def _further(places: OnnxValue, steps: int) -> OnnxValue:
    """The places so many steps on; the last one where there is none."""
    on, last = places + steps, length(places) - 1
    return choose(on > last, places - places + last, on)


def _side_by_side(
    nodes: Builder, grams: Sequence[_Grams], *, number: OnnxValue, buckets: int
) -> OnnxValue:
    """The buckets of the n-grams of each text in a row."""
    zero = nodes.constant(np.array([0]))
    total = repeated(zero, number)
    parts: list[tuple[OnnxValue, OnnxValue, OnnxValue]] = []
    for hashes, owner in grams:
        counts = added_up(owner, number)
        inside = consecutive(length(owner)) - taken(summed_before(counts), owner)
        column = inside + taken(total, owner)
        parts.append((owner, column, bucket_value(hashes, buckets=buckets, seed=0)))
        total = total + counts
    widest = nodes.add("ReduceMax", [behind([total, zero])], _INT64, keepdims=0)
    owner, column, rows = (behind(part) for part in zip(*parts, strict=True))
    flat = placed(repeated(zero, number * widest), owner * widest + column, rows)
    shape = behind([as_shape(number), as_shape(widest)])
    return nodes.add("Reshape", [flat, shape], _INT64, allowzero=1)
