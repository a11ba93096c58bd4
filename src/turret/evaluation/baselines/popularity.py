"""The same list for every query, and a list of chance."""

import numpy as np
from jaxtyping import Float32, Int32

from turret.data.dataset import Dataset
from turret.errors import EvaluationError

__all__ = ["Popularity", "RandomOrder"]

_DAY = 86_400.0


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
    def fit(cls, train: Dataset, *, days: float | None = None) -> "Popularity":
        """Counts the events of each candidate; their weights play no part.

        Args:
            train: the training part.
            days: count the events of the last so many days before its latest event, of those that
                have a time; None: all.

        Raises:
            EvaluationError: if there are days, but no times.
        """
        rows, times = train.interactions.candidate_row, train.interactions.timestamp
        if days is not None:
            if times is None or (len(times) and np.isnan(times).all()):
                raise EvaluationError(
                    "popularity of the last days needs times",
                    got="interactions without a timestamp",
                    fix="Name the column: data.timestamp.",
                )
            # An event without a time is in no window, and says nothing of where it ends.
            rows = rows[times >= np.fmax.reduce(times, initial=-np.inf) - days * _DAY]
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


class RandomOrder:
    """Scores of chance, the same for a query whenever it is asked for.

    Args:
        num_candidates: how many candidates are scored.
        seed: decides the scores.

    Example:
        >>> once, again = (RandomOrder(3, seed=1).scores(np.array([7], np.int32)) for _ in "ab")
        >>> bool((once == again).all())
        True
    """

    def __init__(self, num_candidates: int, *, seed: int) -> None:
        """Keep both."""
        self._num_candidates = num_candidates
        self._seed = seed

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        return self._num_candidates

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """Uniform numbers below 1; see `Baseline.scores`."""
        scores = np.empty((len(query_row), self._num_candidates), np.float32)
        for place, row in enumerate(query_row.tolist()):
            generator = np.random.default_rng([self._seed, row])
            scores[place] = generator.random(self._num_candidates, np.float32)
        return scores
