"""Text in one form, words and n-grams in TensorFlow, as `turret.data.ngrams` makes them.

The characters of all texts of a batch stand in one line of code points, beside which another says
to which text each belongs. What is known of each character are the tables of
`turret.export.characters`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from turret.data.ngrams import BEGIN, CHARACTERS, END
from turret.export.characters import Expansion, Trie
from turret.export.characters import characters as tables_of_characters
from turret.export.tensorflow.hashes import bucket_rows, combined, mixed, powers, text_hashes

if TYPE_CHECKING:
    from turret.export.tensorflow.graph import TensorFlowGraph

__all__ = ["ngrams"]

Tensor = Any  # the library has no types
_BLOCK = 256
_CLASSES = 4096
"""More than there are classes of marks, as `Characters.order` counts them."""
_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C2


class _Line(NamedTuple):
    """The characters of texts: int64, and the text of each, ascending."""

    codes: Tensor
    owner: Tensor


class _Words(NamedTuple):
    """Words: their characters, int64; the word of each, ascending; and the text of each word."""

    codes: Tensor
    word: Tensor
    owner: Tensor


def ngrams(
    graph: "TensorFlowGraph",
    texts: Tensor,
    *,
    words: Sequence[int],
    characters: Sequence[int],
    buckets: int,
) -> Tensor:
    """The buckets of a text's n-grams; see `turret.export.graph.Graph.ngrams`."""
    tf = graph.tf
    found = _words(graph, _normalized(graph, texts))
    pairs = [*_of_words(tf, found, words), *_of_characters(tf, found, characters)]
    hashes, owners = (tf.concat(part, 0) for part in zip(*pairs, strict=True))
    order = tf.argsort(owners, stable=True)
    rows = tf.gather(bucket_rows(tf, hashes, buckets=buckets, seed=0), order)
    owner, number = tf.gather(owners, order), tf.size(texts, tf.int64)
    return tf.RaggedTensor.from_value_rowids(rows, owner, nrows=number).to_tensor(0)


def _normalized(graph: "TensorFlowGraph", texts: Tensor) -> _Line:
    """The characters of texts in one form: NFKC, in lower case."""
    tf, tables = graph.tf, tables_of_characters()
    ragged = tf.strings.unicode_decode(texts, "UTF-8")
    line = _Line(tf.cast(ragged.values, tf.int64), ragged.value_rowids())
    line = _expanded(graph, line, tables.apart)
    line = _merged(graph, _in_order(graph, line))
    return _expanded(graph, _with_final_sigma(graph, line), tables.lower)


def _numbers_of(graph: "TensorFlowGraph", trie: Trie) -> Callable[[Tensor], Tensor]:
    """What gives the numbers of code points."""
    tf, starts, values = graph.tf, graph.constant(trie.starts), graph.constant(trie.entries)
    return lambda codes: tf.gather(values, tf.gather(starts, codes // _BLOCK) + codes % _BLOCK)


def _places(tf: Any, values: Tensor) -> Tensor:
    return tf.range(tf.size(values, tf.int64))


def _begins_text(tf: Any, line: _Line) -> Tensor:
    """Whether each character is the first of its text."""
    places = _places(tf, line.owner)
    before = tf.gather(line.owner, tf.maximum(places - 1, 0))
    return (places == 0) | (line.owner != before)


def _counted(tf: Any, truths: Tensor, *, exclusive: bool = False) -> Tensor:
    """How many hold up to each, or before it."""
    return tf.cumsum(tf.cast(truths, tf.int64), exclusive=exclusive)


def _expanded(graph: "TensorFlowGraph", line: _Line, expansion: Expansion) -> _Line:
    """Characters in the place of those that become others."""
    tf, place = graph.tf, _numbers_of(graph, expansion.places)(line.codes)
    count = tf.where(place == 0, tf.ones_like(place), place % 32)
    source = tf.repeat(_places(tf, place), count)
    inside = _places(tf, source) - tf.gather(tf.cumsum(count, exclusive=True), source)
    place = tf.gather(place, source)
    become = tf.where(place == 0, tf.zeros_like(place), place // 32 + inside)
    become = tf.gather(graph.constant(expansion.codes), become)
    codes = tf.where(place == 0, tf.gather(line.codes, source), become)
    return _Line(codes, tf.gather(line.owner, source))


def _in_order(graph: "TensorFlowGraph", line: _Line) -> _Line:
    """Marks that follow each other, in the order of their classes."""
    tf, order = graph.tf, _numbers_of(graph, tables_of_characters().order)(line.codes)
    run = _counted(tf, (order == 0) | _begins_text(tf, line))
    places = tf.argsort(run * _CLASSES + order, stable=True)
    return _Line(tf.gather(line.codes, places), line.owner)


def _merged(graph: "TensorFlowGraph", line: _Line) -> _Line:
    """Characters and marks, merged where that can be.

    A character merges with the last one before it that is no mark, unless something stands between
    that does not merge and is not of a lower class. So each group, from one that merges with none
    before it to the next such, is looked at from left to right, all groups at once.
    """
    tf, tables = graph.tf, tables_of_characters()
    # All that the model holds is asked for before the loop, which may not run at all.
    order_of, first_of, second_of = (
        _numbers_of(graph, one) for one in (tables.order, tables.first, tables.second)
    )
    merged, order = graph.constant(tables.merged), order_of(line.codes)
    begins = ((order == 0) & (second_of(line.codes) == 0)) | _begins_text(tf, line)
    size = tf.size(line.codes, tf.int64)
    starts = tf.boolean_mask(_places(tf, line.codes), begins)
    ends = tf.concat([starts[1:], [size]], 0)[: tf.size(starts)]
    several = ends - starts > 1
    starts, ends = tf.boolean_mask(starts, several), tf.boolean_mask(ends, several)
    steps = tf.reduce_max(tf.concat([ends - starts, tf.ones([1], tf.int64)], 0))

    def step(number: Tensor, codes: Tensor, base: Tensor, last: Tensor) -> tuple[Tensor, ...]:
        there = starts + number < ends
        place = tf.where(there, starts + number, starts)
        one, other = tf.gather(codes, tf.maximum(base, 0)), tf.gather(codes, place)
        own, pair = order_of(other), [first_of(one), second_of(other)]
        whole = tf.gather_nd(merged, tf.stack(pair, 1))
        merges = there & (base >= 0) & (whole > 0) & ((last == 0) | (last < own))
        into, gone = tf.boolean_mask(base, merges), tf.boolean_mask(place, merges)
        codes = tf.tensor_scatter_nd_update(codes, into[:, None], tf.boolean_mask(whole, merges))
        codes = tf.tensor_scatter_nd_update(codes, gone[:, None], -tf.ones_like(gone))
        stays = there & ~merges
        base = tf.where(stays & (own == 0), place, base)
        return number + 1, codes, base, tf.where(stays, own, last)

    base = tf.where(tf.gather(order, starts) == 0, starts, -tf.ones_like(starts))
    first = (tf.constant(1, tf.int64), line.codes, base, tf.zeros_like(base))
    codes = tf.while_loop(lambda number, *_: number < steps, step, first)[1]
    return _Line(tf.boolean_mask(codes, codes >= 0), tf.boolean_mask(line.owner, codes >= 0))


def _with_final_sigma(graph: "TensorFlowGraph", line: _Line) -> _Line:
    """A capital sigma at the end of a word as the small one that stands there."""
    tf, tables = graph.tf, tables_of_characters()
    flags = _numbers_of(graph, tables.flags)(line.codes)
    cased, seen = _has(tf, flags, tables.cased), ~_has(tf, flags, tables.passed)
    # What is looked at beside each: the last and the next that is not passed over, if of its text.
    none = tf.constant([-1], tf.int64)
    owners = tf.concat([none, tf.boolean_mask(line.owner, seen), none], 0)
    cases = tf.concat([[False], tf.boolean_mask(cased, seen), [False]], 0)
    before, after = _counted(tf, seen, exclusive=True), _counted(tf, seen) + 1
    behind, ahead = (
        (tf.gather(owners, place) == line.owner) & tf.gather(cases, place)
        for place in (before, after)
    )
    final = (line.codes == _SIGMA) & behind & ~ahead
    small = tf.constant(_FINAL_SIGMA, tf.int64)
    return _Line(tf.where(final, small, line.codes), line.owner)


def _has(tf: Any, flags: Tensor, flag: int) -> Tensor:
    """Whether a flag is set."""
    return tf.bitwise.bitwise_and(flags, tf.constant(flag, tf.int64)) > 0


def _words(graph: "TensorFlowGraph", line: _Line) -> _Words:
    """Cut text into words.

    Where letters and what goes on in a word follow each other, the first letter begins a word that
    goes on to their end.
    """
    tf, tables = graph.tf, tables_of_characters()
    flags = _numbers_of(graph, tables.flags)(line.codes)
    begins, goes_on, alone = (
        _has(tf, flags, flag) for flag in (tables.begins, tables.goes_on, tables.alone)
    )
    breaks = ~goes_on | _begins_text(tf, line)
    # Letters of what goes on together, up to each character.
    earlier = tf.boolean_mask(_counted(tf, begins, exclusive=True), breaks)
    so_far = _counted(tf, begins) - tf.gather(earlier, _counted(tf, breaks) - 1)
    inside = goes_on & (so_far > 0)
    single = alone & ~inside
    kept, first = inside | single, single | (begins & (so_far == 1))
    first, owner = tf.boolean_mask(first, kept), tf.boolean_mask(line.owner, kept)
    word = _counted(tf, first) - 1
    return _Words(tf.boolean_mask(line.codes, kept), word, tf.boolean_mask(owner, first))


def _of_words(tf: Any, words: _Words, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """The hashes of n-grams of words, and the text of each."""
    number = tf.size(words.owner, tf.int64)
    texts = tf.RaggedTensor.from_value_rowids(words.codes, words.word, nrows=number)
    one = text_hashes(tf, tf.strings.unicode_encode(tf.cast(texts, tf.int32), "UTF-8"))
    for size in sizes:
        last = tf.maximum(number - size + 1, 0)
        hashes = one[:last]
        for place in range(1, size):
            hashes = combined(tf, hashes, one[place : place + last])
        inside = words.owner[:last] == words.owner[size - 1 : size - 1 + last]
        hashes = tf.boolean_mask(mixed(tf, hashes, seed=size), inside)
        yield hashes, tf.boolean_mask(words.owner[:last], inside)


def _of_characters(tf: Any, words: _Words, sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """The hashes of n-grams of characters, and the text of each."""
    if not sizes:
        return
    number = tf.size(words.owner, tf.int64)
    inner = tf.RaggedTensor.from_value_rowids(words.codes, words.word, nrows=number)
    begin, end = (tf.fill([number, 1], tf.constant(ord(one), tf.int64)) for one in (BEGIN, END))
    marked = tf.concat([begin, inner, end], 1)
    codes, word = tf.cast(marked.values, tf.int32), marked.value_rowids()
    one = tf.strings.unicode_encode(codes[:, None], "UTF-8")
    value, width = text_hashes(tf, one), tf.strings.length(one)
    step = tf.gather(powers(tf, tf.cast(width, tf.int64)), width)
    for size in sizes:
        last = tf.maximum(tf.size(word, tf.int64) - size + 1, 0)
        hashes, shift = value[:last], step[:last]
        for place in range(1, size):
            hashes += shift * value[place : place + last]
            shift *= step[place : place + last]
        inside = word[:last] == word[size - 1 : size - 1 + last]
        hashes = tf.boolean_mask(mixed(tf, hashes, seed=CHARACTERS + size), inside)
        yield hashes, tf.gather(words.owner, tf.boolean_mask(word[:last], inside))
