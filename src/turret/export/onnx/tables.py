"""Tables from texts to numbers in an ONNX model, and the order of its nodes.

A `LabelEncoder` holds its table in itself. So that a table is there once, all who look the same one
up at a time do so in one node: their texts are put behind each other first, and taken apart after.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["Table", "with_tables"]


@dataclass(frozen=True, eq=False)
class Table:
    """A table, and who looks it up.

    Attributes:
        keys: the texts that have a number.
        values: their numbers.
        asked: pairs of names: of texts, and of what is found for them.
    """

    keys: Iterable[str]
    values: Sequence[int]
    asked: list[tuple[str, str]] = field(default_factory=list)


def with_tables(nodes: Sequence[onnx.NodeProto], tables: Sequence[Table]) -> list[onnx.NodeProto]:
    """Make the nodes that look tables up, and order all nodes.

    Args:
        nodes: the others, in any order.
        tables: what is looked up.

    Returns:
        All nodes, each behind those whose values it reads.
    """
    made = list(nodes)
    reads = {name: list(node.input) for node in nodes for name in node.output}
    for table in tables:
        reads.update({found: [texts] for texts, found in table.asked})
    for number, table in enumerate(tables):
        for together in _at_a_time(table.asked, reads):
            made.extend(_looked_up(table, together, prefix=f"table_{number}_{together[0][1]}"))
    return _ordered(made)


def _at_a_time(
    asked: Sequence[tuple[str, str]], reads: Mapping[str, Sequence[str]]
) -> Iterator[list[tuple[str, str]]]:
    """Cut into groups, of which none asks for what another of the same group finds."""
    rest = list(asked)
    while rest:
        found = {name for _, name in rest}
        now = [one for one in rest if not _reaches(one[0], found, reads)]
        yield now
        rest = [one for one in rest if one not in now]


def _reaches(start: str, goals: set[str], reads: Mapping[str, Sequence[str]]) -> bool:
    """Whether a value is computed from one of others."""
    todo, met = [start], {start}
    while todo:
        name = todo.pop()
        if name in goals:
            return True
        new = [one for one in reads.get(name, ()) if one not in met]
        met.update(new)
        todo.extend(new)
    return False


def _looked_up(
    table: Table, asked: Sequence[tuple[str, str]], *, prefix: str
) -> Iterator[onnx.NodeProto]:
    """The nodes that look one table up, once for all who ask."""
    keys, numbers = list(table.keys), list(table.values)
    encoder = {"keys_strings": keys, "values_int64s": numbers, "default_int64": 0}
    domain = "ai.onnx.ml"
    if not keys:
        # An attribute may not be an empty list. The encoder of one key gives 0 for all.
        encoder |= {"keys_strings": [""], "values_int64s": [0]}
    if len(asked) == 1:
        ((texts, found),) = asked
        yield helper.make_node("LabelEncoder", [texts], [found], domain=domain, **encoder)
        return
    flat = [f"{prefix}_flat_{place}" for place in range(len(asked))]
    sizes = [f"{prefix}_size_{place}" for place in range(len(asked))]
    line = f"{prefix}_line"
    yield _constant(line, np.array([-1]))
    for place, (texts, _) in enumerate(asked):
        yield helper.make_node("Reshape", [texts, line], [flat[place]])
        yield helper.make_node("Shape", [flat[place]], [sizes[place]])
    joined, every, size = f"{prefix}_joined", f"{prefix}_found", f"{prefix}_sizes"
    yield helper.make_node("Concat", flat, [joined], axis=0)
    yield helper.make_node("Concat", sizes, [size], axis=0)
    yield helper.make_node("LabelEncoder", [joined], [every], domain=domain, **encoder)
    parts = [f"{prefix}_part_{place}" for place in range(len(asked))]
    yield helper.make_node("Split", [every, size], parts, axis=0)
    for place, (texts, found) in enumerate(asked):
        shape = f"{prefix}_shape_{place}"
        yield helper.make_node("Shape", [texts], [shape])
        yield helper.make_node("Reshape", [parts[place], shape], [found], allowzero=1)


def _constant(name: str, array: np.ndarray) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))


def _ordered(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes, each behind those whose values it reads, and else as they stand."""
    maker = {name: place for place, node in enumerate(nodes) for name in node.output}
    done: set[int] = set()
    ordered: list[onnx.NodeProto] = []
    for first in range(len(nodes)):
        todo = [first]
        while todo:
            place = todo[-1]
            before = {maker[name] for name in _read(nodes[place]) if name in maker} - done
            if place in done:
                todo.pop()
            elif before:
                todo.extend(sorted(before, reverse=True))
            else:
                done.add(place)
                ordered.append(nodes[todo.pop()])
    return ordered


def _read(node: onnx.NodeProto) -> Iterator[str]:
    """The names that a node reads, and those that the graphs in it read from outside."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                yield from _read(inner)
