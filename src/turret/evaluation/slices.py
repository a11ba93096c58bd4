"""Slices of a truth: by how often training met the candidate, and the query, of a pair."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64

from turret.data.dataset import Dataset
from turret.evaluation.truth import Truth

__all__ = ["BANDS", "Slice", "slices_of"]

BANDS: tuple[tuple[int, int | None], ...] = ((0, 0), (1, 4), (5, 19), (20, 99), (100, None))
"""The least and the most training pairs of each slice: new, rare, and three more."""


@dataclass(frozen=True, eq=False)
class Slice:
    """The pairs of a truth whose candidates, or whose queries, training met about equally often.

    Attributes:
        of: what was counted.
        least: training pairs that it has at least, each pair once however often it occurs.
        most: at most; None has no limit.
        pairs: whether each pair of the truth belongs to it.
    """

    of: Literal["candidates", "queries"]
    least: int
    most: int | None
    pairs: Bool[np.ndarray, " pairs"]


def slices_of(truth: Truth, train: Dataset) -> tuple[Slice, ...]:
    """Divides a truth by the training pairs of its candidates, and again by those of its queries.

    Args:
        truth: the pairs.
        train: the training part, over the same tables.

    Returns:
        The slices that have a pair: those of candidates, the new ones first, then those of queries.

    Example:
        >>> import polars as pl
        >>> from turret.data.dataset import Interactions
        >>> rows = np.array([0, 0], np.int32)
        >>> train = Dataset.from_frames(
        ...     {"user": ["a"], "item": ["x"]}, query_id="user", candidate_id="item",
        ...     candidates={"item": ["x", "y"]},
        ... )
        >>> truth = Truth.of(Interactions(rows, np.array([0, 1], np.int32)), num_candidates=2)
        >>> for one in slices_of(truth, train):
        ...     print(one.of, one.least, one.pairs.tolist())
        candidates 0 [False, True]
        candidates 1 [True, False]
        queries 1 [True, True]
    """
    indptr, candidates = train.pairs_by_query()
    met = np.bincount(candidates, minlength=train.num_candidates)[truth.candidate_row]
    active = np.repeat(np.diff(indptr)[truth.query_row], np.diff(truth.indptr))
    found: list[Slice] = []
    counts: tuple[tuple[Literal["candidates", "queries"], Int64[np.ndarray, " pairs"]], ...]
    counts = (("candidates", met), ("queries", active))
    for of, count in counts:
        for least, most in BANDS:
            pairs = count >= least if most is None else (count >= least) & (count <= most)
            if pairs.any():
                found.append(Slice(of, least, most, pairs))
    return tuple(found)
