"""What each query met most often: the floor where things are met again."""

from typing import cast

import numpy as np
from jaxtyping import Float32, Float64, Int32
from scipy import sparse

from turret.data.dataset import Dataset
from turret.model.meetings import count_matrix, event_weights

__all__ = ["Repeats"]


class Repeats:
    r"""A query's own counts, and where they are equal the popularity.

    `score_ui = n_ui + n_i / sum_j n_j`, where `n_ui` is how often u met i and `n_i` how often all
    did. An event counts `0.5 ** (age / half_life)`. As the second part is at most 1, it puts what
    was never met in the order of its popularity.

    Args:
        own: how often each query met each candidate, `[queries, candidates]`.
        share: of each candidate in all events.

    Example:
        >>> events = {"user_id": [1, 1, 2, 2], "item": ["a", "a", "b", "c"]}
        >>> train = Dataset.from_frames(events, query_id="user_id", candidate_id="item")
        >>> Repeats.fit(train).scores(np.array([0], np.int32)).tolist()
        [[2.5, 0.25, 0.25]]

    Reference:
        Hu, He, Gao and Zhang, "Modeling personalized item frequency information for next-basket
        recommendation", SIGIR 2020.
    """

    def __init__(self, own: sparse.csr_array, share: Float64[np.ndarray, " candidates"]) -> None:
        """Keep both."""
        self._own = own
        self._share = share

    @classmethod
    def fit(
        cls, train: Dataset, *, half_life: float | None = None, seen: Dataset | None = None
    ) -> "Repeats":
        """Counts the events of each query and of all; their weights play no part.

        Args:
            train: the training part.
            half_life: days after which an event counts half; None: all count alike.
            seen: what queries are known by when they are asked for; None: the training part.

        Raises:
            EvaluationError: if there is a half-life, but no times.
        """
        counts = np.bincount(
            train.interactions.candidate_row,
            weights=event_weights(train, half_life=half_life),
            minlength=train.num_candidates,
        )
        share = counts / max(counts.sum(), 1e-12)
        return cls(count_matrix(train if seen is None else seen, half_life=half_life), share)

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        return cast("tuple[int, int]", self._own.shape)[1]

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """The sums; see `Baseline.scores`."""
        return (self._own[query_row].toarray() + self._share).astype(np.float32)
