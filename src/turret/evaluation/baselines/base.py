"""What every baseline does, and how its scores are asked for."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int32

__all__ = ["Baseline", "BaselineScores"]


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
