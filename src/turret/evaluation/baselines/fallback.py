"""What a baseline serves to a query of which it knows nothing: the popular, as the model does."""

import numpy as np
from jaxtyping import Bool, Float32, Int32

from turret.data.dataset import Dataset
from turret.evaluation.baselines.base import Baseline
from turret.evaluation.baselines.popularity import Popularity, RandomOrder
from turret.evaluation.baselines.repeats import Repeats

__all__ = ["Fallback", "with_fallback"]


class Fallback:
    """A baseline whose scores for some queries are those of the popularity.

    Args:
        baseline: scores for the others.
        known: whether it knows each query.
        popularity: scores for those that it does not know.

    Example:
        >>> chance, popular = RandomOrder(2, seed=1), Popularity(np.array([3, 4], np.float32))
        >>> found = Fallback(chance, known=np.array([True, False]), popularity=popular)
        >>> found.scores(np.array([1], np.int32)).tolist()
        [[3.0, 4.0]]
    """

    def __init__(
        self, baseline: Baseline, *, known: Bool[np.ndarray, " queries"], popularity: Popularity
    ) -> None:
        """Keep all three."""
        self._baseline = baseline
        self._known = known
        self._popularity = popularity

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        return self._baseline.num_candidates

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """The scores; see `Baseline.scores`."""
        found = self._baseline.scores(query_row)
        known = self._known[query_row]
        if known.all():
            return found
        return np.where(known[:, None], found, self._popularity.counts)


def with_fallback(baseline: Baseline, *, seen: Dataset, popularity: Popularity) -> Baseline:
    """Lets a baseline serve the popular to queries that met nothing.

    A sum over what a query met is 0 for all candidates where that is nothing, and equal scores are
    ranked by row: an order that nobody would serve, and that any model would beat.

    Args:
        baseline: any; the popularity, repeats and chance need no query to be known.
        seen: what queries are known by when they are asked for.
        popularity: what is served to those of which it has nothing.

    Returns:
        The baseline with the fallback; itself where it knows every query.
    """
    known = np.bincount(seen.interactions.query_row, minlength=seen.num_queries) > 0
    if isinstance(baseline, Popularity | Repeats | RandomOrder) or known.all():
        return baseline
    return Fallback(baseline, known=known, popularity=popularity)
