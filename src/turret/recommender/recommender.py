"""The recommender: raw ids and features in, candidates out."""

import os
from collections.abc import Collection, Sequence
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
from turret.errors import QueryError
from turret.index import registry
from turret.index.base import Index, check_search
from turret.index.exact import search_exactly
from turret.index.filters import Filter, filter_of
from turret.index.hits import Hits, RowHits
from turret.index.live import LiveIndex
from turret.index.live_view import LiveView
from turret.recommender.changes import opened
from turret.recommender.resolving import Columns, Resolved, Resolver

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

    def __init__(self, bundle: Bundle) -> None:
        """Keep the bundle."""
        self._bundle = bundle
        self._index: Index = bundle.index
        self._candidates = bundle.index.candidates.with_columns(bundle.candidates)
        self._resolver = Resolver(bundle)
        self._moved: dict[int, int] = {}

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
        live = LiveIndex(bundle.index)
        for change in changes:
            live.apply(change)
        return cls(bundle).seeing(live.view())

    def seeing(self, view: LiveView) -> "Recommender":
        """The same recommender with the candidates as of some change.

        Args:
            view: of a live index that began with the bundle's.

        Returns:
            A recommender that shares everything else.
        """
        same = copy(self)
        for name in ("_directions", "_popular", "_counts"):
            same.__dict__.pop(name, None)
        same._index, same._candidates = view, view.candidates
        same._moved = view.moved
        return same

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the bundle; see `Bundle.save`.

        Args:
            path: the directory of the bundle.

        Returns:
            Its absolute path.

        Raises:
            BundleError: if something else stands there.
        """
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
    def candidates(self) -> pl.DataFrame:
        """The candidates: their ids and all columns that are there to be displayed."""
        columns = self._candidates.columns
        assert columns is not None
        alive = self._index.alive
        return columns if alive is None else columns[alive.rows]

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
        resolved = self._resolver.resolve(queries)
        rows = self._excluded(resolved, exclude_seen=exclude_seen, exclude=exclude)
        among = filter_of(self._candidates, allow=allow, deny=deny, where=where)
        if not resolved.fallback.any():
            hits = self._index.search_rows(resolved.vectors, k, exclude_rows=rows, among=among)
        else:
            hits = self._with_fallbacks(resolved, k, rows, among=among)
        return self._candidates.name(hits)

    def fallbacks(self, queries: Columns | pl.DataFrame) -> Bool[np.ndarray, " n"]:
        """Says which queries get the popular candidates, because nothing of them is known.

        Args:
            queries: as for `recommend`.

        Returns:
            `[n]`, True for a fallback.

        Raises:
            QueryError: as for `recommend`.
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
        if isinstance(candidate_ids, str):
            raise QueryError(
                "the candidate ids are one string",
                got=candidate_ids,
                expected="a list of ids",
                fix=f"Write [{candidate_ids!r}].",
            )
        ids = [str(name) for name in candidate_ids]
        alive = self._index.alive
        row_of = self._candidates.row_of
        unknown = [
            name
            for name in ids
            if name not in row_of or not (alive is None or alive.mask[row_of[name]])
        ]
        if unknown:
            raise QueryError(
                f"there is no candidate with this {self.candidate_id}",
                got=unknown[0],
                expected=f"one of the {len(self._candidates)} candidates of the bundle",
            )
        rows = np.array([row_of[name] for name in ids], dtype=np.int64)
        directions, pointless = self._directions
        vectors = check_search(directions[rows], dim=self._candidates.dim, k=k, exclude=None)
        everything = np.arange(len(self._candidates))
        excluded = [
            everything if row in pointless else np.append(pointless, row) for row in rows.tolist()
        ]
        hits = search_exactly(directions, vectors, k=k, exclude_rows=excluded, among=alive)
        # Rounding may carry a cosine a little beyond 1.
        return self._candidates.name(hits._replace(scores=np.clip(hits.scores, -1, 1)))

    @cached_property
    def _directions(self) -> tuple[Float32[np.ndarray, "c d"], Int64[np.ndarray, " zeros"]]:
        """The candidate vectors scaled to length 1, and the rows of those without a direction."""
        vectors = self._candidates.vectors
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        zero = lengths == 0
        directions = vectors / np.where(zero, 1.0, lengths)[:, None]
        return directions.astype(np.float32), np.flatnonzero(zero)

    @cached_property
    def _popular(self) -> Int64[np.ndarray, " c"]:
        """Rows of the candidates, those with the most training interactions first."""
        order = np.argsort(-self._counts, kind="stable")
        alive = self._index.alive
        return order if alive is None else order[alive.keeps(order)]

    @cached_property
    def _counts(self) -> Int64[np.ndarray, " c"]:
        """Training interactions of each candidate; none of those that came later."""
        counts = np.zeros(len(self._candidates), dtype=np.int64)
        counts[: self._bundle.candidate_count.shape[0]] = self._bundle.candidate_count
        for before, now in self._moved.items():
            counts[now] = counts[before]
        return counts

    def _excluded(
        self, resolved: Resolved, *, exclude_seen: bool, exclude: Sequence[Collection[str]] | None
    ) -> list[Int64[np.ndarray, " ..."]] | None:
        """The rows that each query excludes."""
        named = self._candidates.exclusions(exclude)
        if named is not None and len(named) != len(resolved):
            raise QueryError(
                "exclude has not one entry for each query",
                got=len(named),
                expected=str(len(resolved)),
                fix="Give an empty list for a query that excludes nothing.",
            )
        if not exclude_seen:
            return named
        seen = [self._resolver.seen(row) for row in resolved.rows.tolist()]
        if self._moved:
            moved = self._moved
            now = [[moved[row] for row in rows.tolist() if row in moved] for rows in seen]
            pairs = zip(seen, now, strict=True)
            seen = [np.append(rows, more).astype(np.int64) for rows, more in pairs]
        if named is None:
            return seen
        return [np.concatenate(pair) for pair in zip(seen, named, strict=True)]

    def _with_fallbacks(
        self,
        resolved: Resolved,
        k: int,
        rows: list[Int64[np.ndarray, " ..."]] | None,
        *,
        among: Filter | None,
    ) -> RowHits:
        """Searches for the queries of which something is known, and the popular for the others."""
        known = np.flatnonzero(~resolved.fallback)
        theirs = None if rows is None else [rows[query] for query in known.tolist()]
        # Searched even when nobody is left, so that a wrong `k` is refused.
        found = self._index.search_rows(resolved.vectors, k, exclude_rows=theirs, among=among)
        hits = RowHits.empty(queries=len(resolved), k=k, size=len(self._candidates))
        for whole, part in zip(hits, found, strict=True):
            whole[known] = part
        popular = self._popular
        if among is not None:
            popular = popular[among.keeps(popular)]
        for query in np.flatnonzero(resolved.fallback).tolist():
            best = popular
            if rows is not None and len(rows[query]) > 0:
                best = best[: k + len(rows[query])]
                best = best[~np.isin(best, rows[query])]
            best = best[:k]
            hits.rows[query, : len(best)] = best
            hits.scores[query, : len(best)] = self._counts[best]
            hits.counts[query] = len(best)
        return hits
