"""Simple recommenders that every report shows beside the model: what it must at least beat."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int32

from turret.data.dataset import Dataset
from turret.errors import EvaluationError, nearest

__all__ = ["BASELINES", "Baseline", "BaselineScores", "Popularity", "fit_baseline"]


@runtime_checkable
class Baseline(Protocol):
    """A fitted baseline."""

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        ...

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """Scores every candidate for some queries.

        Args:
            query_row: rows of the query table it was fitted on.

        Returns:
            Finite scores, higher is better; read-only.
        """
        ...


class Popularity:
    """The same list for every query: candidates by how many training events they have.

    Args:
        counts: how many events each candidate has.

    Example:
        >>> events = {"user_id": [1, 2, 2], "item": ["b", "b", "a"]}
        >>> train = Dataset.from_frames(events, query_id="user_id", candidate_id="item")
        >>> Popularity.fit(train).scores(np.array([0], np.int32)).tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, counts: Float32[np.ndarray, " candidates"]) -> None:
        """Keep the counts."""
        self._counts = counts

    @classmethod
    def fit(cls, train: Dataset) -> "Popularity":
        """Counts the events of each candidate; their weights play no part."""
        rows = train.interactions.candidate_row
        return cls(np.bincount(rows, minlength=train.num_candidates).astype(np.float32))

    @property
    def counts(self) -> Float32[np.ndarray, " candidates"]:
        """How many training events each candidate has."""
        return self._counts

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        return len(self._counts)

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """The counts, for each query; see `Baseline.scores`."""
        return np.broadcast_to(self._counts, (len(query_row), len(self._counts)))


BASELINES: Mapping[str, Callable[[Dataset], Baseline]] = MappingProxyType(
    {"popularity": Popularity.fit}
)
"""How each baseline is fitted, by the name that reports use."""


def fit_baseline(name: str, train: Dataset) -> tuple[Baseline, float]:
    """Fits a baseline and takes the time.

    Args:
        name: one of `BASELINES`.
        train: the events to learn from.

    Returns:
        The baseline, and the seconds its fit took.

    Raises:
        EvaluationError: if there is no such baseline.
    """
    if name not in BASELINES:
        raise EvaluationError("there is no such baseline", got=name, fix=nearest(name, BASELINES))
    start = time.perf_counter()
    fitted = BASELINES[name](train)
    return fitted, time.perf_counter() - start


class BaselineScores:
    """The scores of a baseline, block by block, as `rank_truth` asks for them.

    Args:
        baseline: what scores.
        query_row: the queries of the truth, in its order.
    """

    def __init__(self, baseline: Baseline, query_row: Int32[np.ndarray, " queries"]) -> None:
        """Keep both."""
        self._baseline = baseline
        self._query_row = query_row

    @property
    def num_queries(self) -> int:
        """The number of queries."""
        return len(self._query_row)

    @property
    def num_candidates(self) -> int:
        """The number of candidates."""
        return self._baseline.num_candidates

    def block(
        self, queries: slice, *, rows: int, columns: int
    ) -> Float32[np.ndarray, "{rows} {columns}"]:
        """Scores some queries; see `turret.evaluation.scores.Scores.block`."""
        scores = self._baseline.scores(self._query_row[queries])
        padded = np.zeros((rows, columns), dtype=np.float32)
        padded[: scores.shape[0], : scores.shape[1]] = scores
        return padded
