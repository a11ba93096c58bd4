"""The figures of what an index answers: the rank of a candidate is its place in the answer."""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int32, Int64, Integer

from turret.data.dataset import Dataset
from turret.errors import EvaluationError
from turret.evaluation.baselines.base import BaselineScores
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.lists import Lists, top_lists
from turret.evaluation.measure import Model, Views, queries_of_truth, views
from turret.evaluation.metrics.rank_table import check_ks
from turret.evaluation.ranking import Ranks
from turret.evaluation.truth import Truth

__all__ = ["RowHits", "Searchable", "index_lists", "measure_index"]

_PAIRS = 1 << 14
"""Pairs that are looked up in the answers at a time."""


@runtime_checkable
class RowHits(Protocol):
    """Answers of an index by row."""

    @property
    def rows(self) -> Int64[np.ndarray, "q k"]:
        """Rows of the index, best first; the number of its candidates where there is no answer."""
        ...


@runtime_checkable
class Searchable(Protocol):
    """An index, such as `turret.index.base.Index`."""

    is_exact: ClassVar[bool]
    """Whether it always finds the true best."""

    @property
    def ids(self) -> pl.Series:
        """The candidate ids, by row of the index."""
        ...

    def search_rows(
        self,
        queries: Float32[np.ndarray, "q d"],
        k: int,
        *,
        exclude_rows: Sequence[Integer[np.ndarray, " ..."]] | None = None,
    ) -> RowHits:
        """The `k` best rows for each query."""
        ...


def measure_index(
    model: Model,
    index: Searchable,
    *,
    test: Dataset,
    train: Dataset,
    ks: Sequence[int],
    popularity: Popularity | None = None,
) -> Views:
    """Evaluates an index by the ids it answers.

    Unlike `turret.evaluation.measure.measure` it sees what an approximate index misses. A candidate
    that is not among the `max(ks)` answers counts as not retrieved. The index is not asked for
    queries of which the model knows nothing: they are ranked for by popularity, as they are served.

    Args:
        model: gives the query vectors.
        index: searched twice, with and without the seen candidates.
        test: the events whose candidates should be found.
        train: the events whose candidates count as seen; over the same tables as `test`.
        ks: the list lengths.
        popularity: ranks for queries of which the model knows nothing; None: that of `train`.

    Returns:
        The figures.

    Raises:
        EvaluationError: if no candidate of the index is one of the data set.
    """
    lengths = check_ks(ks)
    truth = Truth.of(test.interactions, num_candidates=test.num_candidates)
    lists, known = index_lists(
        model, index, test=test, train=train, truth=truth, k=lengths[-1], popularity=popularity
    )
    owner = np.repeat(np.arange(len(truth)), np.diff(truth.indptr))
    included, unseen = (
        _places(answers, owner=owner, candidate_row=truth.candidate_row)
        for answers in (lists.included, lists.excluded)
    )
    met = _met(truth, owner, _seen_by_query(train, truth), size=test.num_candidates)
    fallbacks = int(np.count_nonzero(~known))
    return views(truth, Ranks(included, unseen), ks=lengths, fallbacks=fallbacks, unseen=~met)


def index_lists(
    model: Model,
    index: Searchable,
    *,
    test: Dataset,
    train: Dataset,
    truth: Truth,
    k: int,
    popularity: Popularity | None = None,
) -> tuple[Lists, Bool[np.ndarray, " queries"]]:
    """Lists what an index answers to the queries of a truth.

    Args:
        model: gives the query vectors.
        index: searched twice, with and without the seen candidates.
        test: has the tables.
        train: the events whose candidates count as seen.
        truth: has the queries.
        k: how many answers to ask for.
        popularity: ranks for queries of which the model knows nothing; None: that of `train`.

    Returns:
        The lists, in rows of the candidate table (-1 also for an id that it does not have), and
        whether the model knows each query.

    Raises:
        EvaluationError: if no candidate of the index is one of the data set.
    """
    vectors, known = queries_of_truth(model, test, truth=truth)
    in_table, in_index = _translations(index, test)
    seen = _seen_by_query(train, truth)
    asked, fallbacks = np.flatnonzero(known), np.flatnonzero(~known)
    excluded = [_known(in_index[seen[query]]) for query in asked.tolist()]

    def answers(
        exclude_rows: Sequence[Int64[np.ndarray, " ..."]] | None,
    ) -> Int32[np.ndarray, "queries k"]:
        hits = index.search_rows(vectors[asked], k, exclude_rows=exclude_rows)
        found = np.full((len(truth), k), -1, dtype=np.int32)
        found[asked, : hits.rows.shape[1]] = in_table[hits.rows]
        return found

    lists = Lists(included=answers(None), excluded=answers(excluded))
    if len(fallbacks):
        theirs = truth.take(fallbacks)
        counted = Popularity.fit(train) if popularity is None else popularity
        popular = BaselineScores(counted, theirs.query_row)
        served = top_lists(popular, theirs, seen=train.interactions, k=k)
        lists.included[fallbacks], lists.excluded[fallbacks] = served.included, served.excluded
    return lists, known


def _seen_by_query(train: Dataset, truth: Truth) -> list[Int32[np.ndarray, " ..."]]:
    indptr, seen = train.pairs_by_query()
    return [seen[indptr[row] : indptr[row + 1]] for row in truth.query_row.tolist()]


def _met(
    truth: Truth,
    owner: Int64[np.ndarray, " pairs"],
    seen_by_query: Sequence[Integer[np.ndarray, " ..."]],
    *,
    size: int,
) -> Bool[np.ndarray, " pairs"]:
    """Whether each pair of the truth was seen."""
    keys = np.repeat(np.arange(len(truth)), [len(rows) for rows in seen_by_query]) * size
    if len(seen_by_query):
        keys += np.concatenate(seen_by_query)
    return np.isin(owner * size + truth.candidate_row, keys)


def _known(rows: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " ..."]:
    return rows[rows >= 0]


def _translations(
    index: Searchable, test: Dataset
) -> tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " candidates"]]:
    """The candidate row of each index row, with a -1 more at the end, and the way back."""
    table = pl.DataFrame({"id": test.candidate_ids}).with_row_index("row")
    ids = pl.DataFrame({"id": index.ids})
    found = ids.join(table, on="id", how="left", maintain_order="left")["row"]
    in_table = np.append(found.cast(pl.Int64).fill_null(-1).to_numpy(), -1)
    known = np.flatnonzero(in_table >= 0)
    if len(known) == 0:
        raise EvaluationError(
            "no candidate of the index is one of the data set",
            got=index.ids[:3].to_list(),
            expected=f"ids such as {test.candidate_ids.to_list()[:3]}",
        )
    in_index = np.full(test.num_candidates, -1, dtype=np.int64)
    in_index[in_table[known]] = known
    return in_table, in_index


def _places(
    answers: Int32[np.ndarray, "queries k"],
    *,
    owner: Int64[np.ndarray, " pairs"],
    candidate_row: Integer[np.ndarray, " pairs"],
) -> Int32[np.ndarray, " pairs"]:
    """The place, from 1, of each pair's candidate in its query's answer; 0 where it is absent."""
    places = np.zeros(len(owner), dtype=np.int32)
    for start in range(0, len(owner), _PAIRS):
        part = slice(start, start + _PAIRS)
        same = answers[owner[part]] == candidate_row[part, None]
        places[part] = np.where(same.any(axis=1), same.argmax(axis=1) + 1, 0)
    return places
