"""Confidence intervals: how much would the figures change with other queries?"""

from statistics import NormalDist

import numpy as np
from jaxtyping import Float64, Int64

from turret.errors import EvaluationError
from turret.evaluation.metrics.figures import Sums

__all__ = ["RESAMPLED", "intervals"]

RESAMPLED = 10_000
"""Up to so many queries are resampled; above, the bootstrap's limit is computed at once."""

_CELLS = 1 << 20
"""How many numbers of the matrix of draws are held at a time."""


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
    if resamples < 1:
        raise EvaluationError("bootstrap resamples", got=resamples, expected="at least 1")
    if not 0 < level < 1:
        raise EvaluationError("the level of an interval", got=level, expected="between 0 and 1")
    # Queries that count for nothing are left out: the others are what is drawn from.
    counts = sums.denominators.any(axis=1)
    above, below = sums.numerators[counts], sums.denominators[counts]
    if len(above) == 0:
        return {name: (float("nan"), float("nan")) for name in sums.labels}
    tail = (1 - level) / 2
    if len(above) > RESAMPLED:
        ends = _normal(above, below, z=NormalDist().inv_cdf(1 - tail))
    else:
        rng = np.random.default_rng(seed)
        ends = _percentiles(above, below, resamples=resamples, tail=tail, rng=rng)
    return {
        name: (float(low), float(high))
        for name, (low, high) in zip(sums.labels, ends.T, strict=True)
    }


def _normal(
    above: Float64[np.ndarray, "queries figures"],
    below: Float64[np.ndarray, "queries figures"],
    *,
    z: float,
) -> Float64[np.ndarray, "2 figures"]:
    """The ends for many queries."""
    total = below.sum(axis=0)
    total = np.where(total > 0, total, np.nan)
    figures = above.sum(axis=0) / total
    width = z * np.sqrt(np.square(above - figures * below).sum(axis=0)) / total
    return np.stack([np.maximum(figures - width, 0.0), figures + width])


def _percentiles(
    above: Float64[np.ndarray, "queries figures"],
    below: Float64[np.ndarray, "queries figures"],
    *,
    resamples: int,
    tail: float,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "2 figures"]:
    """The ends by resampling."""
    # Most figures share a denominator: the number of queries, or that of events.
    first, of = _distinct(below)
    both = np.concatenate([above, below[:, first]], axis=1)
    drawn = _resampled(both, resamples=resamples, rng=rng)
    above, below = drawn[:, : above.shape[1]], drawn[:, above.shape[1] :][:, of]
    values = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
    # A resample that drew nothing that counts says nothing: it is passed over.
    defined = (below > 0).any(axis=0)
    ends = np.full((2, above.shape[1]), np.nan)
    ends[:, defined] = np.nanquantile(values[:, defined], [tail, 1 - tail], axis=0)
    return ends


def _distinct(
    columns: Float64[np.ndarray, "queries figures"],
) -> tuple[Int64[np.ndarray, " distinct"], Int64[np.ndarray, " figures"]]:
    """Columns that are not the same as the one before, and which of them each column is."""
    new = np.append(True, (columns[:, 1:] != columns[:, :-1]).any(axis=0))
    return np.flatnonzero(new), np.cumsum(new) - 1


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
