"""The lists that queries are shown, and the figures of these lists."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32, Integer, UInt8

from turret.data.dataset import Dataset, Interactions
from turret.errors import EvaluationError
from turret.evaluation.counting import RANKED, UNSEEN
from turret.evaluation.flags import Flags
from turret.evaluation.metrics.figures import label
from turret.evaluation.metrics.lists import (
    catalogue_coverage,
    gini,
    intra_list_diversity,
    mean_popularity,
    novelty,
)
from turret.evaluation.scores import Scores
from turret.evaluation.truth import Truth
from turret.padding import padded_size

__all__ = ["Lists", "list_figures", "top_lists"]


@dataclass(frozen=True, eq=False)
class Lists:
    """The best candidates of each query, best first, -1 where there are no more.

    Attributes:
        included: rows of the candidate table, among all candidates.
        excluded: among those that the query has not seen.
    """

    included: Int32[np.ndarray, "queries k"]
    excluded: Int32[np.ndarray, "queries k"]


def top_lists(
    scores: Scores, truth: Truth, *, seen: Interactions, k: int, block_bytes: int = 1 << 24
) -> Lists:
    """Lists the best candidates of each query; ties by the smaller row, as an index serves them.

    Args:
        scores: the scores of each query of the truth.
        truth: has the queries.
        seen: events whose candidates are left out of `Lists.excluded`.
        k: how many candidates to list, where there are as many.
        block_bytes: bytes that the scores of one block may take.

    Returns:
        The lists, in the order of the truth's queries.

    Raises:
        EvaluationError: if the scores are of another number of queries.

    Example:
        >>> from turret.evaluation.scores import VectorScores
        >>> events = Interactions(np.zeros(1, np.int32), np.array([2], np.int32))
        >>> truth = Truth.of(events, num_candidates=3)
        >>> vectors = np.array([[1], [3], [3]], np.float32)
        >>> scores = VectorScores(np.ones((1, 1), np.float32), vectors)
        >>> found = top_lists(scores, truth, seen=events, k=3)
        >>> found.included.tolist(), found.excluded.tolist()
        ([[1, 2, 0]], [[1, 0, -1]])
    """
    size, columns = len(truth), max(scores.num_candidates, 1)
    if scores.num_queries != size:
        raise EvaluationError(
            "the scores are not of the queries of the truth",
            got=f"{scores.num_queries} queries",
            expected=f"{size}, in the order of its query_row",
        )
    flags = Flags(truth, seen, num_candidates=scores.num_candidates)
    step = min(max(8, block_bytes // (4 * columns)), max(1, size))
    rows = padded_size(step)
    found = np.full((2, size, k), -1, dtype=np.int32)
    for start in range(0, size, step):
        block = slice(start, min(start + step, size))
        scored = scores.block(block, rows=rows, columns=columns)
        shown = flags.block(block, rows=rows, columns=columns)
        best = np.asarray(_best(scored, shown, k=min(k, columns)))
        found[:, block, : best.shape[2]] = best[:, : block.stop - start]
    return Lists(included=found[0], excluded=found[1])


def list_figures(
    lists: Integer[np.ndarray, "queries k"],
    *,
    train: Dataset,
    vectors: Float32[np.ndarray, "candidates d"],
) -> dict[str, float]:
    """Takes the figures of some lists.

    Args:
        lists: rows of the candidate table, best first; -1 where there are no more.
        train: the training part: says how many queries met each candidate.
        vectors: the vector of each candidate, for the diversity.

    Returns:
        By name, such as `"coverage@20"`: coverage, Gini, and the means over the lists of the
        popularity, the novelty and the diversity; NaN where there is nothing to average.
    """
    k, num_candidates = lists.shape[1], train.num_candidates
    indptr, met = train.pairs_by_query()
    met_by = np.bincount(met, minlength=num_candidates)
    num_queries = int(np.count_nonzero(np.diff(indptr)))
    by_list = {
        "mean_popularity": mean_popularity(lists, met_by=met_by),
        "novelty": novelty(lists, met_by=met_by, num_queries=num_queries),
        "diversity": intra_list_diversity(lists, vectors=vectors),
    }
    found = {
        "coverage": catalogue_coverage(lists, num_candidates=num_candidates),
        "gini": gini(lists, num_candidates=num_candidates),
    }
    for name, values in by_list.items():
        known = values[~np.isnan(values)]
        found[name] = float(known.mean()) if len(known) else float("nan")
    return {label(name, k): value for name, value in found.items()}


@partial(jax.jit, static_argnames="k")
def _best(
    scores: Float32[Array, "rows columns"], flags: UInt8[Array, "rows columns"], *, k: int
) -> Int32[Array, "2 rows k"]:
    """The columns of the highest scores that have each flag, -1 where there are no more."""
    # The device's order puts 0.0 before -0.0, which are equal scores.
    keys = jnp.where(scores == 0, 0.0, scores)

    def of(flag: int) -> Array:
        # Scores are finite, so minus infinity marks what takes no part.
        shown = jnp.where(flags & flag, keys, -jnp.inf)
        values, columns = jax.lax.top_k(shown, k)
        return jnp.where(values > -jnp.inf, columns, -1).astype(jnp.int32)

    return jnp.stack([of(RANKED), of(UNSEEN)])
