"""The protocol of some papers: each test candidate among a few sampled ones, not among all.

It is here to reproduce what such papers give (Neural Collaborative Filtering: one test candidate
against 99), and for nothing else: the order in which it puts models is not that of the whole
ranking (Krichene and Rendle, KDD 2020, https://doi.org/10.1145/3394486.3403226).
"""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Int64
from scipy import sparse

from turret.data import sources
from turret.data.dataset import Dataset
from turret.data.frames import require_columns
from turret.data.vocabulary import Vocabulary, as_ids
from turret.errors import DataError
from turret.evaluation.baselines.base import Baseline, BaselineScores
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.measure import Model, model_scores
from turret.evaluation.metrics.at_k import hit_rate, ndcg
from turret.evaluation.metrics.figures import label
from turret.evaluation.metrics.rank_table import RankTable
from turret.evaluation.parts import SampledFigures
from turret.evaluation.scores import Scores, not_finite
from turret.evaluation.truth import Truth
from turret.model.meetings import met_matrix
from turret.recipe.sampled import Sampled

__all__ = ["draw_negatives", "read_negatives", "sampled_ranks", "sampled_report"]

_CELLS = 1 << 22
"""Scores, or numbers of chance, that are held at a time."""


def sampled_report(
    model: Model,
    baselines: Mapping[str, Baseline],
    parts: Sequence[Dataset],
    config: Sampled,
    *,
    popularity: Popularity,
) -> SampledFigures:
    """Takes the figures of the protocol, a mean over the test pairs that training did not have.

    The hit rate is that of one list of the candidate and its negatives, and NDCG is
    `1 / log2(1 + rank)` within it, since a single candidate is true.

    Args:
        model: what is evaluated, by its own scores.
        baselines: by name, fitted on the training part.
        parts: what is known of the test queries, the test part, and whatever else was held back:
            a candidate that a query met in any of them is never drawn.
        config: how many negatives, or where they are.
        popularity: ranks for queries of which the model knows nothing.

    Returns:
        The figures of the model and of each baseline, against the same negatives.

    Raises:
        DataError: the negatives that come with the data cannot be read, or do not fit these.
    """
    seen, test = parts[0], parts[1]
    truth = Truth.of(test.interactions, num_candidates=test.num_candidates)
    if config.file is not None:
        negatives = read_negatives(config.file, truth, test)
    else:
        met = sum(map(met_matrix, parts[1:]), start=met_matrix(seen))
        negatives = draw_negatives(truth, met, number=config.negatives, seed=config.seed)
    new = ~_met(met_matrix(seen), truth)
    own, _ = model_scores(model, test, train=seen, truth=truth, popularity=popularity)
    theirs = {name: BaselineScores(one, truth.query_row) for name, one in baselines.items()}

    def figures(scores: Scores) -> dict[str, float]:
        ranks = sampled_ranks(scores, truth, negatives)[new]
        table = RankTable.of(np.arange(len(ranks) + 1), ranks, ks=config.ks)
        found: dict[str, float] = {}
        for name, metric in (("sampled_hit_rate", hit_rate), ("sampled_ndcg", ndcg)):
            means = metric(table).mean(axis=0) if len(ranks) else np.full(len(config.ks), np.nan)
            found |= {label(name, k): float(mean) for k, mean in zip(table.ks, means, strict=True)}
        return found

    counts = (negatives >= 0).sum(axis=1)[new]
    return SampledFigures(
        pairs=int(new.sum()),
        fewest=int(counts.min(initial=negatives.shape[1])),
        most=int(counts.max(initial=0)),
        model=figures(own),
        baselines={name: figures(scores) for name, scores in theirs.items()},
    )


def sampled_ranks(
    scores: Scores, truth: Truth, negatives: Int32[np.ndarray, "pairs m"]
) -> Int64[np.ndarray, " pairs"]:
    """Ranks each true candidate among its negatives.

    Args:
        scores: the scores of each query of the truth.
        truth: the pairs.
        negatives: rows of candidates that compete with each pair; -1 stands for none.

    Returns:
        One more than the number of negatives that come before: those of a higher score, and those
        of an equal score in a smaller row.

    Raises:
        EvaluationError: if a score is not finite.
    """
    ranks = np.zeros(len(truth.candidate_row), np.int64)
    size, columns = len(truth), scores.num_candidates
    step = min(max(1, _CELLS // max(columns, 1)), max(1, size))
    for start in range(0, size, step):
        stop = min(start + step, size)
        scored = scores.block(slice(start, stop), rows=step, columns=columns)
        scored = np.asarray(scored)[: stop - start]
        if not np.isfinite(scored).all():
            raise not_finite("some scores are not finite")
        pairs = slice(int(truth.indptr[start]), int(truth.indptr[stop]))
        query = np.repeat(np.arange(stop - start), np.diff(truth.indptr[start : stop + 1]))
        true, others = truth.candidate_row[pairs, None], negatives[pairs]
        own, theirs = scored[query[:, None], true], scored[query[:, None], others]
        before = (theirs > own) | ((theirs == own) & (others < true))
        ranks[pairs] = 1 + (before & (others >= 0)).sum(axis=1)
    return ranks


def draw_negatives(
    truth: Truth, met: sparse.csr_array, *, number: int, seed: int
) -> Int32[np.ndarray, "pairs m"]:
    """Draws candidates that a query never met, evenly and each at most once, for each pair.

    Args:
        truth: the pairs.
        met: what each query met, `[queries, candidates]`, more than 0 where it did.
        number: how many for each pair.
        seed: decides which.

    Returns:
        Rows of candidates, `[pairs, min(number, candidates)]`; -1 where no further one is left.
    """
    generator = np.random.default_rng(seed)
    _, columns = cast("tuple[int, int]", met.shape)
    query = np.repeat(truth.query_row, np.diff(truth.indptr))
    drawn = np.full((len(query), min(number, columns)), -1, np.int32)
    step = max(1, _CELLS // max(columns, 1))
    for start in range(0, len(query), step):
        part = slice(start, start + step)
        known = met[query[part]].tocoo()
        chance = generator.random((len(query[part]), columns))
        chance[known.row, known.col] = np.inf
        first = np.argpartition(chance, drawn.shape[1] - 1, axis=1)[:, : drawn.shape[1]]
        free = np.isfinite(np.take_along_axis(chance, first, axis=1))
        drawn[part] = np.where(free, first, -1)
    return drawn


def read_negatives(file: str, truth: Truth, test: Dataset) -> Int32[np.ndarray, "pairs m"]:
    """Reads the candidates that compete with each pair.

    Args:
        file: a table with the columns of the query's and the candidate's id and `negatives`, a
            list of candidates' ids. Rows of other pairs are passed over.
        truth: the pairs.
        test: has the tables of ids.

    Returns:
        Rows of candidates; -1 where a pair has fewer than another.

    Raises:
        DataError: if a pair is not in the file, or is there twice or without a list, or an id in
            a list is no candidate.
    """
    columns = [test.query_id, test.candidate_id, "negatives"]
    what = f"The table of negatives {file}"
    frame = sources.read(file, ids=columns[:2])
    require_columns(frame, columns, what=what)
    if not isinstance(frame["negatives"].dtype, pl.List):
        kind = str(frame["negatives"].dtype)
        raise DataError(f"{what}: negatives", got=kind, expected="a list of ids in each row")
    place = _places(frame, truth, test)
    missing = np.setdiff1d(np.arange(len(truth.candidate_row)), place)
    if len(missing):
        raise DataError(
            f"{what} lacks {len(missing):,} of {len(truth.candidate_row):,} test pairs",
            fix="Hold back the very pairs that the table is of: name them by a given split.",
        )
    kept = frame.filter(pl.Series(place >= 0))
    if len(kept) > len(truth.candidate_row):
        raise DataError(
            f"{what} has some test pairs twice",
            got=f"{len(kept):,} rows of {len(truth.candidate_row):,} pairs",
            expected="one row for each",
        )
    if kept["negatives"].null_count():
        without = f"{kept['negatives'].null_count():,} test pairs without a list"
        raise DataError(what, got=without, expected="a list of ids, which may be empty, for each")
    lengths = kept["negatives"].list.len().to_numpy().astype(np.int64)
    flat = kept.filter(pl.Series(lengths > 0))["negatives"].explode()
    found = Vocabulary(test.candidate_ids).rows(as_ids(flat, what=f"{what}: negatives")) - 1
    if (found < 0).any():
        unknown = flat.filter(pl.Series(found < 0))
        raise DataError(f"{what}: {len(unknown):,} negatives are no candidates", got=unknown[0])
    negatives = np.full((len(truth.candidate_row), int(lengths.max(initial=0))), -1, np.int32)
    column = np.arange(len(found)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    negatives[np.repeat(place[place >= 0], lengths), column] = found
    return negatives


def _places(frame: pl.DataFrame, truth: Truth, test: Dataset) -> Int64[np.ndarray, " rows"]:
    """Where the pair of each row of a table stands in the truth; -1 where it does not."""
    sides = ((test.query_id, test.query_ids), (test.candidate_id, test.candidate_ids))
    query, candidate = (
        Vocabulary(ids).rows(as_ids(frame[name], what=f"The id {name}")).astype(np.int64) - 1
        for name, ids in sides
    )
    owner = np.repeat(truth.query_row, np.diff(truth.indptr)).astype(np.int64)
    keys = owner * test.num_candidates + truth.candidate_row
    asked = query * test.num_candidates + candidate
    place = np.searchsorted(keys, asked)
    there = (query >= 0) & (candidate >= 0) & (place < len(keys))
    there &= keys[np.minimum(place, len(keys) - 1)] == asked
    return np.where(there, place, -1)


def _met(met: sparse.csr_array, truth: Truth) -> Bool[np.ndarray, " pairs"]:
    """Whether the query of each pair met its candidate."""
    query = np.repeat(truth.query_row, np.diff(truth.indptr))
    return np.asarray(met[query, truth.candidate_row]).ravel() > 0
