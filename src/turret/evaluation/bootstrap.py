"""Confidence intervals: how much would the figures change with other queries?"""

from statistics import NormalDist

import numpy as np

from turret.evaluation.metrics.figures import Sums
from turret.evaluation.resampling import (
    RESAMPLED,
    ends_of,
    resamples_of,
    tail_of,
    with_errors,
)

__all__ = ["intervals"]


def intervals(
    sums: Sums, *, resamples: int, seed: int, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Intervals of every figure, taking whole queries as what varies.

    Up to `RESAMPLED` queries they are percentiles of the bootstrap. A resample draws as many
    queries as there are, with replacement, and takes each figure of them:

        figure = sum over queries of n_q * numerator_q / sum over queries of n_q * denominator_q

    where `n_q` is how often query q was drawn. All figures see the same draws. Resampling queries,
    not events, is also right for the top-k accuracy: the events of one query are alike.

    With more queries the distribution of the resamples is normal and its width is known, so that
    none is drawn:

        figure -+ z * sqrt(sum over queries of (numerator_q - figure * denominator_q)^2)
                    / sum over queries of denominator_q

    with `z` the normal quantile of the level (1.96 for 95%); no interval reaches below 0.

    Args:
        sums: the figures, as sums over queries.
        resamples: how many resamples, at least 1; without effect above `RESAMPLED` queries.
        seed: seed of the draws; likewise.
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
        https://doi.org/10.1214/aos/1176344552; for many queries Cochran (1977), Sampling
        techniques, chapter 6.
    """
    tail = tail_of(resamples=resamples, level=level)
    counts = sums.denominators.any(axis=1)
    if not counts.any():
        return {name: (float("nan"), float("nan")) for name in sums.labels}
    if np.count_nonzero(counts) > RESAMPLED:
        figures, error = with_errors(sums.numerators, sums.denominators)
        width = NormalDist().inv_cdf(1 - tail) * error
        ends = np.stack([np.maximum(figures - width, 0.0), figures + width])
    else:
        # Queries that count for nothing are left out: the others are what is drawn from.
        above, below = sums.numerators[counts], sums.denominators[counts]
        rng = np.random.default_rng(seed)
        ends = ends_of(resamples_of(above, below, resamples=resamples, rng=rng), tail=tail)
    return {
        name: (float(low), float(high))
        for name, (low, high) in zip(sums.labels, ends.T, strict=True)
    }
