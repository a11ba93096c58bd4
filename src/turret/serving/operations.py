"""What is done with the queries of a batch. Equal operations are done together."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool

from turret.index.hits import Hits
from turret.recommender.recommender import Recommender
from turret.recommender.resolving import as_series

__all__ = ["Asked", "EmbedCandidates", "EmbedQueries", "Found", "Recommend", "Similar"]


class Asked(NamedTuple):
    """One query.

    Attributes:
        values: its features, in the order of the operation's names.
        exclude: ids of candidates that it leaves out.
    """

    values: tuple[object, ...]
    exclude: Collection[str] = ()


class Found(NamedTuple):
    """The answers to one query or candidate.

    Attributes:
        ids: the candidates, best first.
        scores: their scores.
        fallback: whether nothing is known of the query.
        fields: for each column asked for its values.
    """

    ids: list[str]
    scores: list[float]
    fallback: bool
    fields: list[list[Any]]


class Recommend(NamedTuple):
    """The best candidates of queries that give the same features and the same options."""

    recommender: Recommender
    names: tuple[str, ...]
    k: int
    exclude_seen: bool
    allow: tuple[str, ...] | None
    deny: tuple[str, ...] | None
    where: str | None
    fields: tuple[str, ...]

    def __call__(self, items: Sequence[Asked]) -> list[Found]:
        """Answer them."""
        answer = self.recommender.answer(
            _columns(self.names, [item.values for item in items]),
            self.k,
            exclude_seen=self.exclude_seen,
            exclude=[item.exclude for item in items] if any(i.exclude for i in items) else None,
            allow=self.allow,
            deny=self.deny,
            where=self.where,
        )
        return _found(self.recommender, answer.hits, answer.fallback.tolist(), self.fields)


class Similar(NamedTuple):
    """The candidates most like some candidates."""

    recommender: Recommender
    k: int
    fields: tuple[str, ...]

    def __call__(self, items: Sequence[str]) -> list[Found]:
        """Answer them."""
        hits = self.recommender.similar(items, self.k)
        return _found(self.recommender, hits, [False] * len(items), self.fields)


class EmbedQueries(NamedTuple):
    """The vectors of queries that give the same features."""

    recommender: Recommender
    names: tuple[str, ...]

    def __call__(self, items: Sequence[Asked]) -> list[list[float] | None]:
        """Embed them."""
        columns = _columns(self.names, [item.values for item in items])
        vectors = self.recommender.query_vectors(columns)
        unknown: Bool[np.ndarray, " n"] = np.isnan(vectors[:, 0])
        listed: list[list[float] | None] = vectors.tolist()
        for place in np.flatnonzero(unknown).tolist():
            listed[place] = None
        return listed


class EmbedCandidates(NamedTuple):
    """The vectors of candidates: by id when nothing else is given, else by their features."""

    recommender: Recommender
    names: tuple[str, ...]

    def __call__(self, items: Sequence[Asked]) -> list[list[float]]:
        """Embed them."""
        if self.names == (self.recommender.candidate_id,):
            ids = [str(item.values[0]) for item in items]
            return self.recommender.candidate_vectors(ids).tolist()
        columns = _columns(self.names, [item.values for item in items])
        series = [as_series(values, name=name) for name, values in columns.items()]
        return self.recommender.bundle.trained.candidate_vectors(pl.DataFrame(series)).tolist()


def _columns(
    names: tuple[str, ...], values: Sequence[tuple[object, ...]]
) -> Mapping[str, list[object]]:
    return {name: [row[place] for row in values] for place, name in enumerate(names)}


def _found(
    recommender: Recommender, hits: Hits, fallback: Sequence[bool], fields: tuple[str, ...]
) -> list[Found]:
    ids, scores, k = hits.ids.tolist(), hits.scores.tolist(), hits.ids.shape[1]
    for place, count in enumerate(hits.counts.tolist()):
        if count < k:
            ids[place], scores[place] = ids[place][:count], scores[place][:count]
    if not fields:
        return [Found(*one, []) for one in zip(ids, scores, fallback, strict=True)]
    known = recommender.described(name for one in ids for name in one)
    place_of = {name: i for i, name in enumerate(known[recommender.candidate_id])}
    columns = [known[name].to_list() for name in fields]
    return [
        Found(
            names,
            theirs,
            marked,
            [[column[place_of[name]] for name in names] for column in columns],
        )
        for names, theirs, marked in zip(ids, scores, fallback, strict=True)
    ]
