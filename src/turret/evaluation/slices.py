"""Slices of a truth: by how often training met the candidate, and the query, of a pair."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64

from turret.data.dataset import Dataset
from turret.evaluation.truth import Truth

__all__ = ["BANDS", "Slice", "popularity_deciles", "slices_of"]

BANDS: tuple[tuple[int, int | None], ...] = ((0, 0), (1, 4), (5, 19), (20, 99), (100, None))
"""The least and the most training pairs of each slice: new, rare, and three more."""


@dataclass(frozen=True, eq=False)
class Slice:
    """The pairs of a truth whose candidates, or whose queries, have something in common.

    Attributes:
        of: what was looked at.
        least: training pairs that it has at least, each pair once however often it occurs.
        most: at most; None has no limit.
        pairs: whether each pair of the truth belongs to it.
        column: of a slice by a column of the table: its name; else None.
        value: likewise the value, or values, in it.
    """

    of: Literal["candidates", "queries"]
    least: int
    most: int | None
    pairs: Bool[np.ndarray, " pairs"]
    column: str | None = None
    value: str | None = None


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


def popularity_deciles(truth: Truth, train: Dataset) -> tuple[Slice, ...]:
    """Divides a truth by the popularity of its candidates, into ten groups of as many candidates.

    Args:
        truth: the pairs.
        train: the training part, over the same tables: a candidate is as popular as it has pairs.

    Returns:
        The groups, that of the least popular candidates first; equally popular ones are in the
        order of their rows. There are fewer than ten where there are fewer candidates, and some may
        have no pair.

    Example:
        >>> from turret.data.dataset import Interactions
        >>> events = {"user": ["a", "b", "b"], "item": ["x", "x", "y"]}
        >>> train = Dataset.from_frames(events, query_id="user", candidate_id="item")
        >>> rows = np.array([0, 0], np.int32)
        >>> truth = Truth.of(Interactions(rows, np.array([0, 1], np.int32)), num_candidates=2)
        >>> [(one.least, one.most, one.pairs.tolist()) for one in popularity_deciles(truth, train)]
        [(1, 1, [False, True]), (2, 2, [True, False])]
    """
    met = np.bincount(train.pairs_by_query()[1], minlength=train.num_candidates)
    order = np.argsort(met, kind="stable")
    group = np.empty(len(met), dtype=np.int64)
    found: list[Slice] = []
    for number, rows in enumerate(np.array_split(order, min(10, len(order)) or 1)):
        group[rows] = number
        if len(rows):
            least, most = int(met[rows[0]]), int(met[rows[-1]])
            found.append(Slice("candidates", least, most, np.zeros(0, dtype=np.bool_)))
    of_pair = group[truth.candidate_row]
    return tuple(replace(one, pairs=of_pair == number) for number, one in enumerate(found))
