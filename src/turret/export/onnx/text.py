"""Text in one form, in an ONNX model: NFKC and lower case, as `turret.data.ngrams.normalized`.

The characters of all texts of a batch stand in one line of code points, beside which another says
to which text each belongs. NFKC takes them apart, puts marks in their order, and merges what can
be. A character merges with the last one before it that is no mark, unless something stands between
that does not merge and is not of a lower class; so each group, from one that merges with none
before it to the next such, is looked at from left to right, all groups at once.
"""

from collections.abc import Sequence

import numpy as np

from turret.export.characters import Expansion, Trie, characters
from turret.export.onnx.builder import Builder
from turret.export.onnx.hashes import as_numbers
from turret.export.onnx.lines import (
    Line,
    as_shape,
    behind,
    compressed,
    consecutive,
    length,
    line_of,
    placed,
    repeated,
    summed,
    summed_before,
    taken,
)
from turret.export.onnx.value import OnnxValue, choose

__all__ = ["begins_text", "entries", "has_flag", "normalized_line"]

_INT64 = np.dtype(np.int64)
_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C2
_CLASSES = 4096
"""More than there are classes of marks, as `Characters.order` counts them."""


def normalized_line(nodes: Builder, texts: OnnxValue) -> Line:
    """The characters of texts `[n]` in one form."""
    tables = characters()
    line = line_of(nodes, texts)
    line = _merged(nodes, _in_order(nodes, _expanded(nodes, line, tables.apart)))
    return _expanded(nodes, _with_final_sigma(nodes, line), tables.lower)


def entries(nodes: Builder, trie: Trie, codes: OnnxValue) -> OnnxValue:
    """The numbers of code points."""
    starts, values = nodes.constant(trie.starts), nodes.constant(trie.entries)
    block = codes.nodes.add("Div", [codes, codes.like(256)], _INT64)
    return taken(values, taken(starts, block) + codes % 256)


def begins_text(line: Line) -> OnnxValue:
    """Whether each character is the first of its text."""
    places = consecutive(length(line.owner))
    last = choose(places > 0, places - 1, places)
    return ~(taken(line.owner, last) == line.owner) | (places == 0)


def _expanded(nodes: Builder, line: Line, expansion: Expansion) -> Line:
    """Characters in the place of those that become others."""
    place = entries(nodes, expansion.places, line.codes)
    stays = place == 0
    count = choose(stays, place.like(1) + place, place % 32)
    start = nodes.add("Div", [place, place.like(32)], _INT64)
    first = summed_before(count)
    number = nodes.add("ReduceSum", [count], _INT64, keepdims=0)
    # Each character says where it begins; so those behind know whose they are.
    begun = repeated(number.like(0), number)
    source = summed(placed(begun, first, as_numbers(first >= 0))) - 1
    inside = consecutive(number) - taken(first, source)
    where = choose(taken(stays, source), inside - inside, taken(start, source) + inside)
    become = taken(nodes.constant(expansion.codes), where)
    codes = choose(taken(stays, source), taken(line.codes, source), become)
    return Line(codes, taken(line.owner, source))


def _in_order(nodes: Builder, line: Line) -> Line:
    """Marks that follow each other, in the order of their classes."""
    order = entries(nodes, characters().order, line.codes)
    run = summed(as_numbers((order == 0) | begins_text(line)))
    inputs = [run * _CLASSES + order, as_shape(length(order))]
    places = nodes.add_several("TopK", inputs, [_INT64, _INT64], largest=0)[1]
    return Line(taken(line.codes, places), line.owner)


def _merged(nodes: Builder, line: Line) -> Line:
    """Characters and marks, merged where that can be."""
    tables = characters()
    order, second = (entries(nodes, one, line.codes) for one in (tables.order, tables.second))
    size = length(line.codes)
    begins = ((order == 0) & (second == 0)) | begins_text(line)
    places = consecutive(size)
    starts = compressed(places, begins)
    ends = _next(starts, size)
    several = ends - starts > 1
    starts, ends = compressed(starts, several), compressed(ends, several)
    lengths = behind([ends - starts, nodes.constant(np.array([1]))])
    steps = nodes.add("ReduceMax", [lengths], _INT64, keepdims=0) - 1
    merged = nodes.constant(tables.merged.reshape(-1))
    columns = tables.merged.shape[1]
    # Behind the last character one that takes what is to be written nowhere.
    codes = behind([line.codes, nodes.constant(np.array([0]))])
    base = choose(taken(order, starts) == 0, starts, starts - starts - 1)

    def step(number: OnnxValue, state: Sequence[OnnxValue]) -> Sequence[OnnxValue]:
        codes, base, last = state
        place = starts + number + 1
        there = place < ends
        place = choose(there, place, starts)
        one, other = taken(codes, choose(base >= 0, base, starts)), taken(codes, place)
        own = entries(nodes, tables.order, other)
        row, column = entries(nodes, tables.first, one), entries(nodes, tables.second, other)
        whole = taken(merged, row * columns + column)
        merges = there & (base >= 0) & (whole > 0) & ((last == 0) | (last < own))
        nowhere = place - place + size
        codes = placed(codes, choose(merges, base, nowhere), whole)
        codes = placed(codes, choose(merges, place, nowhere), place - place - 1)
        stays = there & ~merges
        base = choose(stays & (own == 0), place, base)
        return codes, base, choose(stays, own, last)

    codes = nodes.repeat(steps, (codes, base, base - base), step)[0]
    first = [nodes.constant(np.array([0])), as_shape(size)]
    codes = nodes.add("Slice", [codes, *first], _INT64)
    kept = codes >= 0
    return Line(compressed(codes, kept), compressed(line.owner, kept))


def _with_final_sigma(nodes: Builder, line: Line) -> Line:
    """A capital sigma at the end of a word as the small one that stands there."""
    tables = characters()
    flags = entries(nodes, tables.flags, line.codes)
    cased, passed = has_flag(flags, tables.cased), has_flag(flags, tables.passed)
    seen = ~passed
    # What is looked at beside each: the last and the next that is not passed over, if of its text.
    none = nodes.constant(np.array([-1]))
    owners = behind([none, compressed(line.owner, seen), none])
    cases = behind([none, compressed(as_numbers(cased), seen), none])
    before = summed_before(as_numbers(seen))
    after = summed(as_numbers(seen)) + 1
    is_cased = [
        (taken(owners, place) == line.owner) & (taken(cases, place) > 0)
        for place in (before, after)
    ]
    final = (line.codes == _SIGMA) & is_cased[0] & ~is_cased[1]
    return Line(choose(final, line.codes.like(_FINAL_SIGMA), line.codes), line.owner)


def has_flag(flags: OnnxValue, flag: int) -> OnnxValue:
    """Whether a flag is set."""
    return flags.nodes.add("BitwiseAnd", [flags, flags.like(flag)], _INT64) > 0


def _next(starts: OnnxValue, size: OnnxValue) -> OnnxValue:
    """Where each group ends: where the next one starts, or at the end of all."""
    nodes = starts.nodes
    first = [nodes.constant(np.array([1])), nodes.constant(np.array([2**62]))]
    rest = behind([nodes.add("Slice", [starts, *first], _INT64), as_shape(size)])
    # Where there is no group, there is no end either.
    return nodes.add(
        "Slice", [rest, nodes.constant(np.array([0])), as_shape(length(starts))], _INT64
    )
