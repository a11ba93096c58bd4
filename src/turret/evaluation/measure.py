"""The figures of one model or baseline: rank the truth, then take every metric."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Int64, Integer

from turret.data.dataset import Dataset
from turret.evaluation.baselines.base import Baseline, BaselineScores
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.metrics.figures import Sums, sums
from turret.evaluation.metrics.rank_table import RankTable
from turret.evaluation.ranking import Ranks, Ties, rank_truth
from turret.evaluation.scores import VectorScores
from turret.evaluation.truth import Truth

__all__ = [
    "Model",
    "View",
    "Views",
    "measure",
    "measure_baseline",
    "model_scores",
    "queries_of_truth",
    "views",
]


@runtime_checkable
class Model(Protocol):
    """What has vectors for queries and candidates, such as `turret.model.trained.TrainedModel`."""

    def query_vectors(self, queries: pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """One vector for each row of a query table."""
        ...

    def candidate_vectors(self, candidates: pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """One vector for each row of a candidate table."""
        ...

    def known_queries(self, queries: pl.DataFrame) -> Bool[np.ndarray, " n"]:
        """Whether anything is known of each query; the others are served the popular."""
        ...


@dataclass(frozen=True, eq=False)
class View:
    """Figures with the seen candidates either included or excluded.

    Attributes:
        sums: the figures before their last step.
        queries: how many queries have a truth.
        pairs: how many events the truth stands for.
    """

    sums: Sums
    queries: int
    pairs: int

    @cached_property
    def figures(self) -> dict[str, float]:
        """The value of each figure, such as `"ndcg@20"`; NaN where nothing counts."""
        return self.sums.figures()

    @classmethod
    def of(
        cls,
        truth: Truth,
        ranks: Integer[np.ndarray, " pairs"],
        *,
        ks: Iterable[int],
        ranked: int | Int64[np.ndarray, " queries"] | None,
        kept: Bool[np.ndarray, " pairs"] | None = None,
    ) -> "View":
        """Takes every figure of a truth, or of some of its pairs, of which the ranks are known."""
        chosen = slice(None) if kept is None else kept
        table = RankTable.of(
            truth.indptr if kept is None else truth.bounds(kept),
            ranks[chosen],
            ks=ks,
            events=truth.events[chosen],
            ranked=ranked,
            gains=None if truth.gain is None else truth.gain[chosen],
        )
        return cls(
            sums=sums(table),
            queries=int(np.count_nonzero(table.truth)),
            pairs=int(table.events.sum()),
        )


@dataclass(frozen=True, eq=False)
class Views:
    """Both views of one evaluation.

    Attributes:
        seen_included: every candidate is ranked.
        seen_excluded: the candidates that a query met in training are taken off its ranking, and
            off its truth; None when nothing was said to be seen.
        fallbacks: how many of the queries were ranked for by popularity, since the model knows
            nothing of them.
        truth: the pairs.
        ranks: their ranks.
        unseen: whether training did not have each pair; None when nothing was said to be seen.
    """

    seen_included: View
    seen_excluded: View | None
    fallbacks: int
    truth: Truth = field(repr=False)
    ranks: Ranks = field(repr=False)
    unseen: Bool[np.ndarray, " pairs"] | None = field(repr=False)

    def among(self, pairs: Bool[np.ndarray, " pairs"], *, ks: Iterable[int]) -> "Views":
        """Takes the figures of some pairs of the truth alone, their ranks being what they are.

        Args:
            pairs: whether each pair is among them.
            ks: the list lengths.

        Returns:
            The figures, over the queries that have such a pair.
        """
        truth, excluded, unseen = self.truth, self.ranks.excluded, self.unseen
        ranks = self.ranks
        included = View.of(truth, ranks.included, ks=ks, ranked=ranks.num_candidates, kept=pairs)
        if excluded is None or unseen is None:
            return replace(self, seen_included=included)
        return replace(
            self,
            seen_included=included,
            seen_excluded=View.of(
                truth, excluded, ks=ks, ranked=ranks.num_unseen, kept=pairs & unseen
            ),
        )


def views(
    truth: Truth,
    ranks: Ranks,
    *,
    ks: Iterable[int],
    fallbacks: int = 0,
    unseen: Bool[np.ndarray, " pairs"] | None = None,
) -> Views:
    """Takes every figure of both views.

    Args:
        truth: the pairs.
        ranks: their ranks.
        ks: the list lengths.
        fallbacks: how many of the queries were ranked for by popularity.
        unseen: whether training did not have each pair; None: where its rank is not 0.

    Returns:
        The figures with seen candidates included, and excluded if `ranks` knows them.
    """
    excluded = ranks.excluded
    if excluded is not None and unseen is None:
        unseen = excluded != 0
    return Views(
        View.of(truth, ranks.included, ks=ks, ranked=ranks.num_candidates),
        None
        if excluded is None
        else View.of(truth, excluded, ks=ks, ranked=ranks.num_unseen, kept=unseen),
        fallbacks,
        truth,
        ranks,
        unseen,
    )


def measure(
    model: Model,
    test: Dataset,
    *,
    train: Dataset | None = None,
    ks: Iterable[int],
    ties: Ties = "row",
    truth: Truth | None = None,
    popularity: Popularity | None = None,
) -> Views:
    """Evaluates a model over the whole catalogue, each query scored once.

    A query of which the model knows nothing is ranked for by popularity, as it is served.

    Args:
        model: gives the vectors.
        test: the events whose candidates should be found.
        train: the events whose candidates count as seen; None leaves `seen_excluded` out.
        ks: the list lengths.
        ties: what happens to equal scores, see `turret.evaluation.ranking.rank_truth`.
        truth: the pairs to be found, when they are not all of `test`.
        popularity: ranks for queries of which the model knows nothing; None: that of `train`, and
            where there is none, all candidates are equally popular.

    Returns:
        The figures.

    Raises:
        EvaluationError: if a score is not finite.
    """
    if truth is None:
        truth = Truth.of(test.interactions, num_candidates=test.num_candidates)
    scores, known = model_scores(model, test, train=train, truth=truth, popularity=popularity)
    ranks = rank_truth(scores, truth, seen=None if train is None else train.interactions, ties=ties)
    return views(truth, ranks, ks=ks, fallbacks=int(np.count_nonzero(~known)))


def model_scores(
    model: Model,
    test: Dataset,
    *,
    train: Dataset | None,
    truth: Truth,
    popularity: Popularity | None = None,
) -> tuple[VectorScores, Bool[np.ndarray, " queries"]]:
    """The scores by which a model ranks for the queries of a truth, as they are served.

    Args:
        model: gives the vectors.
        test: has the tables.
        train: counted for the popularity, unless that is given.
        truth: has the queries.
        popularity: ranks for queries of which the model knows nothing; None: that of `train`, and
            where there is none, all candidates are equally popular.

    Returns:
        The scores, and whether the model knows each query.

    Raises:
        EvaluationError: if a vector is not finite.
    """
    vectors, known = queries_of_truth(model, test, truth=truth)
    candidates = model.candidate_vectors(test.candidates)
    if not known.all():
        if popularity is None and train is not None:
            popularity = Popularity.fit(train)
        vectors, candidates = _with_popularity(vectors, candidates, known, popularity)
    return VectorScores(vectors, candidates), known


def _with_popularity(
    queries: Float32[np.ndarray, "queries d"],
    candidates: Float32[np.ndarray, "n d"],
    known: Bool[np.ndarray, " queries"],
    popularity: Popularity | None,
) -> tuple[Float32[np.ndarray, "queries e"], Float32[np.ndarray, "n e"]]:
    """Vectors of one more dimension, in which the queries that are not known score the counts."""
    counts = np.zeros(len(candidates), np.float32) if popularity is None else popularity.counts
    theirs = np.where(known[:, None], queries, np.float32(0))
    asks = (~known).astype(np.float32)
    return np.column_stack([theirs, asks]), np.column_stack([candidates, counts])


def measure_baseline(
    baseline: Baseline,
    test: Dataset,
    *,
    train: Dataset | None = None,
    ks: Iterable[int],
    ties: Ties = "row",
) -> Views:
    """Evaluates a baseline as `measure` does a model.

    Args:
        baseline: gives the scores; fitted on the same tables as those of `test`.
        test: the events whose candidates should be found.
        train: the events whose candidates count as seen; None leaves `seen_excluded` out.
        ks: the list lengths.
        ties: what happens to equal scores.

    Returns:
        The figures.
    """
    truth = Truth.of(test.interactions, num_candidates=test.num_candidates)
    seen = None if train is None else train.interactions
    scores = BaselineScores(baseline, truth.query_row)
    return views(truth, rank_truth(scores, truth, seen=seen, ties=ties), ks=ks)


def queries_of_truth(
    model: Model, test: Dataset, *, truth: Truth
) -> tuple[Float32[np.ndarray, "n d"], Bool[np.ndarray, " n"]]:
    """The vectors of the queries of a truth, in its order, and whether the model knows them."""
    if len(truth) * 2 < test.num_queries:
        asked = test.queries[truth.query_row]
        return model.query_vectors(asked), model.known_queries(asked)
    # Where most are asked for, computing all costs less than copying the rows of the table.
    vectors, known = model.query_vectors(test.queries), model.known_queries(test.queries)
    return vectors[truth.query_row], known[truth.query_row]
