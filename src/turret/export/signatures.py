"""What an exported model answers: the functions that it is called by, in the words of a graph.

Each takes the inputs by name and gives the outputs by name. They answer as `Recommender` does with
an exact index; what that refuses with an error, a model cannot: see each function.
"""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float32

from turret.export.content import Content
from turret.export.display import shown
from turret.export.features.parts import any_of, column
from turret.export.graph import Graph, Value
from turret.export.rows import Rows
from turret.export.towers import tower
from turret.recommender.similarity import directions_of
from turret.storage.naming import unlike

__all__ = ["OUTPUTS", "Signatures"]

V = TypeVar("V", bound=Value)

OUTPUTS = ("ids", "scores", "counts", "fallback")
"""Outputs that are no columns of the candidates."""


class Signatures(Generic[V]):
    """The functions of one model.

    Args:
        content: what is exported.
    """

    def __init__(self, content: Content) -> None:
        """Keep the content."""
        self.content = content

    def embed_query(self, graph: Graph[V], given: Mapping[str, V]) -> dict[str, V]:
        """The vectors that queries are searched with.

        Args:
            graph: the graph.
            given: the input of each column of the query side, by the column's name.

        Returns:
            `vectors`, float32 `[n, d]`, NaN for a fallback; and `fallback`, `[n]`.
        """
        rows = Rows(graph, self.content.query, given)
        vectors, known = tower(rows, self.content.bundle.config)
        fallback = ~known | (rows.alone() & (rows.place == 0))
        vectors = graph.where(column(graph, ~fallback), vectors, math.nan)
        return {"vectors": vectors, "fallback": fallback}

    def embed_candidate(self, graph: Graph[V], given: Mapping[str, V]) -> dict[str, V]:
        """The vectors of candidates, new ones too.

        Args:
            graph: the graph.
            given: the input of each column of the candidate side, by the column's name.

        Returns:
            `vectors`, float32 `[n, d]`.
        """
        rows = Rows(graph, self.content.candidate, given)
        return {"vectors": tower(rows, self.content.bundle.config)[0]}

    def recommend(
        self, graph: Graph[V], given: Mapping[str, V], *, k: V, exclude: V
    ) -> dict[str, V]:
        """The best candidates of each query: `search` with the vectors of `embed_query`.

        Args:
            graph: the graph.
            given: as for `embed_query`.
            k: as for `search`.
            exclude: as for `search`.

        Returns:
            As `search`.
        """
        return self.search(graph, self.embed_query(graph, given)["vectors"], k=k, exclude=exclude)

    def search(self, graph: Graph[V], vectors: V, *, k: V, exclude: V) -> dict[str, V]:
        """The best candidates of vectors.

        Args:
            graph: the graph.
            vectors: float32 `[n, d]`; one with a NaN stands for a fallback.
            k: answers for each, an int64 scalar of at least 1.
            exclude: for each vector the ids of candidates to leave out, `[n, m]`, padded with the
                empty text; 0 rows leave out nothing.

        Returns:
            `ids` and `scores` (float32), `[n, min(k, candidates)]`, best first, ties by smallest
            row; `counts`, int64 `[n]`, behind which the id is the empty text and the score NaN;
            `fallback`, `[n]`; and every column of the candidates, as `turret.export.display.shown`,
            like `ids`. The scores of a fallback are the numbers of training interactions.
        """
        fallback = any_of(graph, ~(vectors == vectors))
        candidates, counted = self._vectors, self._popularity
        scores = vectors @ graph.transpose(graph.constant(candidates), (1, 0))
        scores = graph.where(column(graph, fallback), graph.constant(counted), scores)
        named = graph.lookup(exclude, self.content.candidate.ids)
        # As wide as what is named, for as many rows as there are vectors.
        nothing = graph.sum(named, axis=0, keepdims=True) * 0
        nothing = column(graph, graph.cast(fallback, "int64")) * 0 + nothing
        excluded = graph.marked(graph.given_or(named, nothing), len(candidates))
        scores = graph.where(~excluded, scores, -math.inf)
        return {**self._best(graph, scores, k=k), "fallback": fallback}

    def similar(self, graph: Graph[V], ids: V, *, k: V) -> dict[str, V]:
        """The candidates that point in the most similar direction.

        Args:
            graph: the graph.
            ids: of candidates, `[n]`; an unknown one has no answers.
            k: answers for each, an int64 scalar of at least 1.

        Returns:
            `ids`, `scores`, `counts` and the columns, as of `recommend`; a candidate is not among
            its own, and one whose vector is zero has and is none.
        """
        directions, pointless = self._directions
        place = graph.lookup(ids, self.content.candidate.ids)
        row = graph.where(place > 0, place - 1, 0)
        held = graph.constant(directions)
        scores = graph.gather(held, row) @ graph.transpose(held, (1, 0))
        without = (place == 0) | graph.gather(graph.constant(pointless), row)
        excluded = graph.marked(column(graph, place), len(directions))
        excluded = excluded | graph.constant(pointless) | column(graph, without)
        scores = graph.where(~excluded, scores, -math.inf)
        best = self._best(graph, scores, k=k)
        # Rounding may carry a cosine a little beyond 1.
        return {**best, "scores": graph.clip(best["scores"], -1.0, 1.0)}

    def _best(self, graph: Graph[V], scores: V, *, k: V) -> dict[str, V]:
        """The answers by their scores, of which -inf is none."""
        size = len(self._vectors)
        best, places = graph.top_k(scores, graph.where(k < size, k, size))
        there = best > -math.inf
        found = {
            "ids": graph.where(there, graph.gather(graph.constant(self._ids), places), ""),
            "scores": graph.where(there, best, math.nan),
            "counts": graph.sum(graph.cast(there, "int64"), axis=1),
        }
        for name, values in self._shown.items():
            value = graph.gather(graph.constant(values), places)
            nothing = "" if values.dtype == object else 0 if values.dtype == np.int64 else math.nan
            found[name] = graph.where(there, value, nothing)
        return found

    @cached_property
    def _ids(self) -> np.ndarray:
        return np.array(self.content.candidate.ids.to_list(), dtype=object)

    @cached_property
    def _vectors(self) -> Float32[np.ndarray, "c d"]:
        return self.content.bundle.index.vectors

    @cached_property
    def _popularity(self) -> Float32[np.ndarray, "1 c"]:
        return self.content.bundle.candidate_count.astype(np.float32)[None, :]

    @cached_property
    def _directions(self) -> tuple[Float32[np.ndarray, "c d"], Bool[np.ndarray, " c"]]:
        """The candidates' vectors at length 1, and which have none."""
        return directions_of(self._vectors)

    @cached_property
    def _shown(self) -> dict[str, np.ndarray]:
        table, taken = self.content.bundle.candidates, set(OUTPUTS)
        found: dict[str, np.ndarray] = {}
        for name in table.columns:
            if name == self.content.bundle.candidate_id:
                continue
            found[unlike(name, taken | found.keys())] = shown(table[name])
        return found
