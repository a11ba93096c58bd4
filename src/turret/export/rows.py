"""The rows that a graph is asked for: what is given of them, and what the bundle holds beside.

As in `Recommender`: a column that is given is taken as it is, missing values and all; one that is
not, is looked up by the id of each row, and is missing where the id is unknown.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from turret.export.columns import Column
from turret.export.content import Side
from turret.export.graph import Graph, Value

__all__ = ["Rows"]

V = TypeVar("V", bound=Value)


class Rows(Generic[V]):
    """Queries or candidates inside a graph.

    Args:
        graph: the graph.
        side: which of the two.
        given: the input of each column, by its name; one of 0 rows is not given.

    Attributes:
        graph: the graph.
        side: which of the two.
        given: the inputs.
    """

    def __init__(self, graph: Graph[V], side: Side, given: Mapping[str, V]) -> None:
        """Keep the parts."""
        self.graph, self.side, self.given = graph, side, given

    @cached_property
    def size(self) -> V:
        """How many rows there are: the `n` of the graph, an int64 scalar."""
        return self.graph.size(list(self.given.values()))

    @cached_property
    def place(self) -> V:
        """Where the bundle holds each row, from 1; 0 for an id that it does not have, `[n]`."""
        graph = self.graph
        found = graph.lookup(self.given[self.side.id_column], self.side.ids)
        return graph.given_or(found, graph.zeros(self.size))

    def stored(self, array: np.ndarray) -> V:
        """What the bundle holds of each row.

        Args:
            array: a row an id, behind row 0 for what is unknown.
        """
        return self.graph.gather(self.graph.constant(array), self.place)

    def text(self, name: str) -> V:
        """A column of text, `[n]`."""
        return self._filled(self._column(name))

    def vector(self, name: str) -> V:
        """A column of vectors, float32 `[n, width]`."""
        return self._filled(self._column(name))

    def number(self, name: str) -> V:
        """A column of numbers, float64 `[n]`."""
        column = self._column(name)
        filled = self._filled(column)
        return self.graph.number(filled) if column.kind == "text" else filled

    def kind(self, name: str) -> str:
        """How a column is spelled."""
        return self._column(name).kind

    def alone(self) -> V:
        """Whether nothing but ids is given, a truth value without axes."""
        others = [self.given[c.name] for c in self.side.columns if c.name != self.side.id_column]
        if not others:
            return self.graph.constant(np.array(True))
        return self.graph.size(others) == 0

    def _column(self, name: str) -> Column:
        return next(column for column in self.side.columns if column.name == name)

    def _filled(self, column: Column) -> V:
        assert column.stored is not None  # a list, of which a feature fills in what it makes
        return self.graph.given_or(self.given[column.name], self.stored(column.stored))
