"""Resampling queries: what intervals and paired tests are made of."""

import numpy as np
from jaxtyping import Float64, Int64

from turret.errors import EvaluationError

__all__ = ["RESAMPLED", "ends_of", "resamples_of", "tail_of", "with_errors"]

RESAMPLED = 10_000
"""Up to so many queries are resampled; above, the bootstrap's limit is computed at once."""

_CELLS = 1 << 20
"""How many numbers of the matrix of draws are held at a time."""


def tail_of(*, resamples: int, level: float) -> float:
    """The probability that an interval leaves out at each end.

    Args:
        resamples: how many resamples are wanted.
        level: the probability that the interval should cover.

    Returns:
        Half of what is left.

    Raises:
        EvaluationError: if either cannot be used.
    """
    if resamples < 1:
        raise EvaluationError("bootstrap resamples", got=resamples, expected="at least 1")
    if not 0 < level < 1:
        raise EvaluationError("the level of an interval", got=level, expected="between 0 and 1")
    return (1 - level) / 2


def with_errors(
    above: Float64[np.ndarray, "queries figures"], below: Float64[np.ndarray, "queries figures"]
) -> tuple[Float64[np.ndarray, " figures"], Float64[np.ndarray, " figures"]]:
    """Figures and their standard errors, linearised.

        error = sqrt(sum over queries of (above_q - figure * below_q)^2) / sum of below

    Args:
        above: what the figures sum over queries.
        below: what these sums are divided by.

    Returns:
        Both, NaN where nothing counts.
    """
    total = below.sum(axis=0)
    total = np.where(total > 0, total, np.nan)
    figures = above.sum(axis=0) / total
    squares = np.zeros(len(figures))
    # What is in between is as large as the figures of some queries, not of all of them.
    step = max(1, _CELLS // max(len(figures), 1))
    for start in range(0, len(above), step):
        part = slice(start, start + step)
        squares += np.square(above[part] - figures * below[part]).sum(axis=0)
    return figures, np.sqrt(squares) / total


def resamples_of(
    above: Float64[np.ndarray, "queries figures"],
    below: Float64[np.ndarray, "queries figures"],
    *,
    resamples: int,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "resamples figures"]:
    """Takes each figure of each resample: as many queries as there are, drawn with replacement.

    Args:
        above: what the figures sum over queries.
        below: what these sums are divided by.
        resamples: how many.
        rng: draws; all figures see the same draws.

    Returns:
        The figures, NaN where a resample drew nothing that counts.
    """
    # Most figures share a denominator: the number of queries, or that of events.
    first, of = _distinct(below)
    both = np.concatenate([above, below[:, first]], axis=1)
    drawn = _resampled(both, resamples=resamples, rng=rng)
    above, below = drawn[:, : above.shape[1]], drawn[:, above.shape[1] :][:, of]
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def ends_of(
    drawn: Float64[np.ndarray, "resamples figures"], *, tail: float
) -> Float64[np.ndarray, "2 figures"]:
    """The percentiles of resampled figures.

    Args:
        drawn: the figures; a resample that is NaN says nothing, and is passed over.
        tail: the share left out at each end.

    Returns:
        The lower and the upper ends, NaN where no resample says anything.
    """
    defined = ~np.isnan(drawn).all(axis=0)
    ends = np.full((2, drawn.shape[1]), np.nan)
    ends[:, defined] = np.nanquantile(drawn[:, defined], [tail, 1 - tail], axis=0)
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
