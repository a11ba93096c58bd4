"""Confidence intervals by the bootstrap: how much would the figures change with other queries?"""

import numpy as np
from jaxtyping import Float64

from turret.errors import EvaluationError
from turret.evaluation.metrics import Sums

__all__ = ["intervals"]

_CELLS = 1 << 20
"""How many numbers of the matrix of draws are held at a time."""


def intervals(
    sums: Sums, *, resamples: int, seed: int, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of every figure, resampling whole queries.

    A resample draws as many queries as there are, with replacement, and takes each figure of them:

        figure = sum over queries of n_q * numerator_q / sum over queries of n_q * denominator_q

    where `n_q` is how often query q was drawn. All figures see the same draws. Resampling queries,
    not events, is also right for the top-k accuracy: the events of one query are alike.

    Args:
        sums: the figures, as sums over queries.
        resamples: how many resamples, at least 1.
        seed: seed of the draws.
        level: the probability that the interval should cover.

    Returns:
        By figure the lower and the upper end; both NaN where the figure is undefined.

    Raises:
        EvaluationError: if `resamples` or `level` cannot be used.

    Example:
        >>> same = Sums(["recall@1"], np.full((9, 1), 0.5), np.ones((9, 1)))
        >>> intervals(same, resamples=100, seed=0)
        {'recall@1': (0.5, 0.5)}

    Reference:
        Efron (1979), Bootstrap methods: another look at the jackknife.
        https://doi.org/10.1214/aos/1176344552
    """
    if resamples < 1:
        raise EvaluationError("bootstrap resamples", got=resamples, expected="at least 1")
    if not 0 < level < 1:
        raise EvaluationError("the level of an interval", got=level, expected="between 0 and 1")
    # Queries that count for nothing are left out: the others are what is drawn from.
    counts = sums.denominators.any(axis=1)
    both = np.concatenate([sums.numerators, sums.denominators], axis=1)[counts]
    if len(both) == 0:
        return {name: (float("nan"), float("nan")) for name in sums.labels}
    drawn = _resampled(both, resamples=resamples, rng=np.random.default_rng(seed))
    above, below = np.split(drawn, 2, axis=1)
    values = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
    # A resample that drew nothing that counts says nothing: it is passed over.
    defined = (below > 0).any(axis=0)
    tail = (1 - level) / 2
    ends = np.full((2, len(sums.labels)), np.nan)
    ends[:, defined] = np.nanquantile(values[:, defined], [tail, 1 - tail], axis=0)
    return {
        name: (float(low), float(high))
        for name, (low, high) in zip(sums.labels, ends.T, strict=True)
    }


def _resampled(
    values: Float64[np.ndarray, "queries columns"], *, resamples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "resamples columns"]:
    """Sums over the queries of each resample: how often each was drawn, times its values."""
    queries = len(values)
    out = np.empty((resamples, values.shape[1]))
    step = max(1, _CELLS // queries)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        draws = rng.integers(0, queries, size=(size, queries), dtype=np.int64)
        draws += np.arange(size)[:, None] * queries
        times = np.bincount(draws.ravel(), minlength=size * queries)
        out[start : start + size] = times.reshape(size, queries).astype(np.float64) @ values
    return out
