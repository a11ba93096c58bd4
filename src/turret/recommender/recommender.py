"""The recommender: raw ids and features in, candidates out."""

import os
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int64

from turret.bundle.bundle import Bundle
from turret.bundle.parts import Trained
from turret.bundle.trust import require_trusted
from turret.data.dataset import Dataset
from turret.index import registry
from turret.index.base import Index
from turret.index.filters import filter_of
from turret.index.hits import Hits
from turret.index.live_view import LiveView
from turret.index.stores.base import VectorStore
from turret.index.stores.index import StoreIndex
from turret.recommender import catalogue, exclusions
from turret.recommender.answer import Answer, RowAnswer
from turret.recommender.changes import opened, view_of
from turret.recommender.fingerprint import fingerprint
from turret.recommender.memory import Memory
from turret.recommender.popularity import Popularity
from turret.recommender.resolving import Columns, Resolver
from turret.recommender.similarity import Similarity

__all__ = ["Recommender"]


class Recommender:
    """Answers queries, given by raw ids and features, from a bundle.

    A query's vector comes from the bundle when only its id is given and the id is known; else the
    query tower computes it from the features that are given, the others filled in from the
    bundle's table of queries. A query of which nothing was met in training (an unknown id, and no
    other known feature) is a *fallback*: it gets the candidates with the most training
    interactions, and these numbers as scores.

    Any number of threads may use one recommender.

    Args:
        bundle: what a training gave, in memory or opened.
        memory: what became known of queries since.

    Example:
        >>> from turret.recipe.features.categorical import Categorical
        >>> from turret.recipe.towers import Tower, TwoTower
        >>> from turret.recipe.training import Train
        >>> from turret.train.trainer import fit
        >>> events = {"user_id": [1, 1, 2, 2], "item": ["tea", "pot", "tea", "cup"]}
        >>> train = Dataset.from_frames(events, query_id="user_id", candidate_id="item")
        >>> users, items = Tower([Categorical("user_id")]), Tower([Categorical("item")])
        >>> config = TwoTower(query=users, candidate=items)
        >>> trained = fit(train, config, train=Train(epochs=50)).trained
        >>> recommender = Recommender.build(trained, train)
        >>> hits = recommender.recommend({"user_id": ["2", "unknown"]}, k=2)
        >>> hits.ids.tolist()
        [['cup', 'tea'], ['tea', 'cup']]
        >>> recommender.recommend({"user_id": ["2"]}, k=2, exclude_seen=True).ids.tolist()
        [['pot', None]]
    """

    def __init__(self, bundle: Bundle, *, memory: Memory | None = None) -> None:
        """Keep the parts."""
        self._bundle = bundle
        self._memory = Memory() if memory is None else memory
        self._index: Index = bundle.index
        self._searched: Index = bundle.index
        self._candidates = bundle.index.candidates.with_columns(bundle.candidates)
        self._resolver = Resolver(bundle, self._memory)
        self._alike = Similarity(bundle.index.vectors)

    @classmethod
    def build(cls, trained: Trained, train: Dataset, *, index: str = "exact") -> "Recommender":
        """Makes a recommender of a model that was just trained.

        Args:
            trained: the model.
            train: the training part: its candidates are the catalogue, its interactions what
                queries have seen.
            index: the kind of search: `exact`, `scann` or `faiss`.

        Returns:
            The recommender; `save` writes it as a bundle.

        Raises:
            CandidateIndexError: if there is no such kind.
            MissingPartError: if the kind needs a library that is not installed.
        """
        vectors = trained.candidate_vectors(train.candidates)
        built = registry.build(index, ids=train.candidate_ids.to_list(), vectors=vectors)
        return cls(Bundle.assemble(trained=trained, dataset=train, index=built))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, allow_custom: Collection[str] = ()
    ) -> "Recommender":
        """Opens a bundle.

        Args:
            path: the directory of the bundle.
            allow_custom: import paths of the classes of one's own that its towers are made by. Name
                those alone whose code you trust, with whatever options the bundle has for them.

        Returns:
            A recommender that answers as the one in memory that the bundle was written from: the
            same ids, and scores that are equal to the bit for the same call. Changes that were
            logged beside the bundle (see `turret.recommender.live`) are made in it.

        Raises:
            BundleError: if there is no bundle, it is damaged or too new, or a tower is made by a
                class that is not allowed.
        """
        bundle, changes = opened(path, allow_custom=allow_custom)
        require_trusted(bundle.config, allow_custom)
        if not changes:
            return cls(bundle)
        return cls(bundle, memory=Memory(changes)).seeing(view_of(bundle, changes))

    def seeing(self, view: LiveView) -> "Recommender":
        """The same recommender with the candidates as of some change.

        Args:
            view: of a live index that began with the bundle's.

        Returns:
            A recommender that shares everything else.
        """
        same = copy(self)
        for name in ("_similarity", "_popularity"):
            same.__dict__.pop(name, None)
        same._index, same._searched, same._candidates = view, view, view.candidates
        return same

    def searching_in(self, store: VectorStore) -> "Recommender":
        """The same recommender, with a vector database for its index.

        Args:
            store: what just these candidates were pushed to; see `turret.index.stores.storing`.

        Returns:
            A recommender that shares all else; it fails when what was pushed is gone.

        Raises:
            StoreError: if the database does not hold the candidates as they are.
        """
        same = copy(self)
        same._searched = StoreIndex(store, self._candidates, alive=self._index.alive)
        return same

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the bundle to a directory and returns its absolute path; see `Bundle.save`."""
        return self._bundle.save(path)

    @property
    def bundle(self) -> Bundle:
        """What this recommender answers from."""
        return self._bundle

    @property
    def query_id(self) -> str:
        """The name of the column of query ids."""
        return self._bundle.query_id

    @property
    def candidate_id(self) -> str:
        """The name of the column of candidate ids."""
        return self._bundle.candidate_id

    @property
    def queries(self) -> pl.DataFrame:
        """The known queries: their ids and the columns that the query tower reads."""
        return self._bundle.queries

    @property
    def num_candidates(self) -> int:
        """How many candidates there are."""
        alive = self._index.alive
        return len(self._candidates) if alive is None else alive.count

    @property
    def candidates(self) -> pl.DataFrame:
        """The candidates: their ids and all columns that are there to be displayed."""
        columns = self._candidates.columns
        assert columns is not None
        alive = self._index.alive
        return columns if alive is None else columns[alive.rows]

    @property
    def candidate_ids(self) -> pl.Series:
        """The ids of the candidates by row, also of those that left."""
        return self._candidates.ids

    @property
    def fingerprint(self) -> str:
        """Tells by 64 hexadecimal digits what the answers depend on."""
        return fingerprint(self._bundle, self._searched, self._memory)

    def recommend(
        self,
        queries: Columns | pl.DataFrame,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        exclude: Sequence[Collection[str]] | None = None,
        allow: Collection[str] | None = None,
        deny: Collection[str] | None = None,
        where: str | None = None,
    ) -> Hits:
        """Finds the best candidates of each query.

        Args:
            queries: columns by name, each with one value for each of `n` queries: the query id,
                features of the query tower, or both. Ids may be text or whole numbers. A given
                value is used as it is, also where the bundle's table holds another one. A query
                that brings its history needs no id.
            k: answers for each query, at least 1.
            exclude_seen: leave out the candidates that the query met in training.
            exclude: for each query the ids of candidates to leave out; unknown ids are passed over.
            allow: ids of candidates of which all answers are taken; unknown ids are passed over.
            deny: ids of candidates to leave out for all queries; unknown ids are passed over.
            where: a condition on the candidates' columns that all answers fulfil, such as
                `"genre = 'Drama' and year >= 1990"`.

        Returns:
            The answers, best first, ties by smallest row: `k` for each query wherever `k`
            candidates are left; behind `counts` stand None and NaN. A candidate of which nothing
            was met in training is ranked by the score of its vector like any other: 0 in a tower
            without a body, which is above every negative score.

        Raises:
            QueryError: if a column is unknown, or needed and neither given nor in the bundle; if
                columns differ in length; if `k`, `exclude` or a filter cannot be used.
        """
        return self.answer(
            queries,
            k,
            exclude_seen=exclude_seen,
            exclude=exclude,
            allow=allow,
            deny=deny,
            where=where,
        ).hits

    def answer(
        self,
        queries: Columns | pl.DataFrame,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        exclude: Sequence[Collection[str]] | None = None,
        allow: Collection[str] | None = None,
        deny: Collection[str] | None = None,
        where: str | None = None,
    ) -> Answer:
        """Finds what `recommend` finds, and says which queries are fallbacks.

        Args and errors are those of `recommend`.

        Returns:
            The answers, marked.
        """
        found = self.answer_rows(
            queries,
            k,
            exclude_seen=exclude_seen,
            exclude=exclude,
            allow=allow,
            deny=deny,
            where=where,
        )
        return Answer(self._candidates.name(found.hits), found.fallback)

    def answer_rows(
        self,
        queries: Columns | pl.DataFrame,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        exclude: Sequence[Collection[str]] | None = None,
        allow: Collection[str] | None = None,
        deny: Collection[str] | None = None,
        where: str | None = None,
    ) -> RowAnswer:
        """Finds what `answer` finds, by row; arguments and errors are those of `recommend`."""
        resolved = self._resolver.resolve(queries)
        rows = exclusions.named(self._candidates, exclude, queries=len(resolved))
        if exclude_seen:
            moved = exclusions.moved_in(self._index)
            seen = self._resolver.seen_by(resolved, self._candidates, moved=moved)
            rows = exclusions.joined(seen, rows)
        among = filter_of(self._candidates, allow=allow, deny=deny, where=where)
        known = np.flatnonzero(~resolved.fallback)
        theirs = None if rows is None else [rows[query] for query in known.tolist()]
        # Searched even when nobody is left, so that a wrong `k` is refused.
        hits = self._searched.search_rows(resolved.vectors, k, exclude_rows=theirs, among=among)
        if resolved.fallback.any():
            hits = self._popularity.beside(hits, resolved.fallback, exclude_rows=rows, among=among)
        return RowAnswer(hits, resolved.fallback)

    def query_vectors(self, queries: Columns | pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """The vectors that queries are searched with.

        Args:
            queries: as for `recommend`, which raises the same errors.

        Returns:
            `[n, d]`; NaN for a fallback, which has none.
        """
        resolved = self._resolver.resolve(queries)
        vectors = np.full((len(resolved), self._candidates.dim), np.nan, dtype=np.float32)
        vectors[~resolved.fallback] = resolved.vectors
        return vectors

    def candidate_vectors(self, candidate_ids: Sequence[str | int]) -> Float32[np.ndarray, "n d"]:
        """The vectors of candidates.

        Args:
            candidate_ids: as for `similar`.

        Returns:
            `[n, d]`, as they are searched: without a scale of their own.

        Raises:
            QueryError: if an id is unknown.
        """
        return self._candidates.vectors[self._rows_of(candidate_ids)]

    def described(self, candidate_ids: Iterable[str]) -> pl.DataFrame:
        """What is known of candidates.

        Args:
            candidate_ids: ids; unknown ones and repetitions are passed over.

        Returns:
            A row for each of them, in no order: the id and every column that is there to display.
        """
        return catalogue.described(self._candidates, candidate_ids, alive=self._index.alive)

    def fallbacks(self, queries: Columns | pl.DataFrame) -> Bool[np.ndarray, " n"]:
        """Says which queries get the popular candidates, because nothing of them is known.

        Args:
            queries: as for `recommend`, which raises the same errors.

        Returns:
            `[n]`, True for a fallback.
        """
        return self._resolver.resolve(queries).fallback

    def similar(self, candidate_ids: Sequence[str | int], k: int = 10) -> Hits:
        """Finds the candidates whose vectors point in the most similar direction.

        score(a, b) = a . b / (|a| |b|)

        Args:
            candidate_ids: ids of `n` candidates, as text or whole numbers.
            k: answers for each, at least 1.

        Returns:
            The answers, best first, ties by smallest row; a candidate is not among its own. A
            vector of length zero has no direction: its candidate has no answers (a count of 0)
            and is no answer.

        Raises:
            QueryError: if an id is unknown, or `k` is not a positive whole number.
        """
        rows = self._rows_of(candidate_ids)
        hits = self._similarity.search(rows, k=k, among=self._index.alive)
        return self._candidates.name(hits)

    @cached_property
    def _similarity(self) -> Similarity:
        return self._alike.grown(self._index)

    def _rows_of(self, candidate_ids: Sequence[str | int]) -> Int64[np.ndarray, " n"]:
        return catalogue.rows_of(
            self._candidates,
            candidate_ids,
            alive=self._index.alive,
            candidate_id=self.candidate_id,
        )

    @cached_property
    def _popularity(self) -> Popularity:
        return Popularity(
            self._bundle.candidate_count, self._index, exclusions.moved_in(self._index)
        )
