"""Paired tests: is one model better than another on the same queries, or is it chance?"""

import math
from collections.abc import Mapping
from statistics import NormalDist

import msgspec
import numpy as np
from jaxtyping import Float64

from turret.errors import EvaluationError
from turret.evaluation.metrics.figures import Sums
from turret.evaluation.resampling import (
    RESAMPLED,
    ends_of,
    resamples_of,
    tail_of,
    with_errors,
)

__all__ = ["Difference", "differences"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """By how much a figure of one model is above that of another, on the same queries.

    Args:
        difference: the one minus the other.
        low: the lower end of its interval.
        high: the upper end.
        p: how probable a difference at least as large is where there is none: the two-sided
            p-value.
    """

    difference: float
    low: float
    high: float
    p: float


def differences(
    one: Sums, others: Mapping[str, Sums], *, resamples: int, seed: int, level: float = 0.95
) -> dict[str, dict[str, Difference]]:
    """Compares one model with others, query by query: a paired test for each figure.

    Queries are resampled as for `intervals`, and each resample gives the difference of both
    figures over the same draws. The ends of the interval are percentiles of these, and

        p = 2 * min(share of resamples <= 0, share of resamples >= 0)

    where each share counts the difference that was found, too, so that p is never 0. Easy and hard
    queries are so for both models, which a paired test takes out: it finds differences that two
    intervals side by side would hide. With more than `RESAMPLED` queries the difference over its
    standard error is normal, and nothing is drawn. Of several tests at once some are
    significant by chance.

    Args:
        one: the figures of the model.
        others: those of each other model by its name, over the same queries in the same order.
        resamples: how many resamples, at least 1; without effect above `RESAMPLED` queries.
        seed: seed of the draws; likewise.
        level: the probability that the interval should cover.

    Returns:
        By the name of the other and by figure; all NaN where a figure of either is undefined.

    Raises:
        EvaluationError: if the others are not over the same queries, or `resamples` or `level`
            cannot be used.

    Example:
        >>> ones = np.ones((9, 1))
        >>> better, worse = Sums(["recall@1"], ones, ones), Sums(["recall@1"], ones / 2, ones)
        >>> differences(better, {"worse": worse}, resamples=99, seed=0)["worse"]["recall@1"]
        Difference(difference=0.5, low=0.5, high=0.5, p=0.02)

    Reference:
        Sakai (2006), Evaluating evaluation metrics based on the bootstrap.
        https://doi.org/10.1145/1148170.1148261; Smucker, Allan and Carterette (2007), A comparison
        of statistical significance tests for information retrieval evaluation.
        https://doi.org/10.1145/1321440.1321528
    """
    tail = tail_of(resamples=resamples, level=level)
    for name, other in others.items():
        _check_same(one, other, name=name)
    if not others:
        return {}
    counts = np.zeros(len(one.denominators), dtype=np.bool_)
    for other in others.values():
        counts |= ((one.denominators > 0) & (other.denominators > 0)).any(axis=1)
    if np.count_nonzero(counts) > RESAMPLED:
        # One after the other: the figures of many queries are large.
        parts = [_normal_differences(*_apart(one, other), tail=tail) for other in others.values()]
        found = np.concatenate(parts, axis=1)
    else:
        apart = [_apart(one, other) for other in others.values()]
        above, below = (np.concatenate(each, axis=1)[counts] for each in zip(*apart, strict=True))
        found = np.full((4, above.shape[1]), np.nan)
        if len(above):
            rng = np.random.default_rng(seed)
            drawn = resamples_of(above, below, resamples=resamples, rng=rng)
            found = _resampled_differences(with_errors(above, below)[0], drawn, tail=tail)
    each = [
        Difference(difference=value, low=low, high=high, p=p)
        for value, low, high, p in found.T.tolist()
    ]
    size = len(one.labels)
    return {
        name: dict(zip(one.labels, each[place * size : (place + 1) * size], strict=True))
        for place, name in enumerate(others)
    }


def _apart(
    one: Sums, other: Sums
) -> tuple[Float64[np.ndarray, "queries figures"], Float64[np.ndarray, "queries figures"]]:
    """What the differences sum over queries, and what these sums are divided by."""
    above = one.numerators - other.numerators
    return above, np.minimum(one.denominators, other.denominators)


def _check_same(one: Sums, other: Sums, *, name: str) -> None:
    """Refuses figures over other queries; where one has no value at all, nothing is compared."""
    same = list(one.labels) == list(other.labels) and one.denominators.shape == (
        other.denominators.shape
    )
    if same:
        defined = one.denominators.any(axis=0) & other.denominators.any(axis=0)
        same = np.array_equal(one.denominators[:, defined], other.denominators[:, defined])
    if not same:
        raise EvaluationError(
            f"the figures of {name!r} are not over the same queries",
            got=f"{len(other.numerators)} queries, {len(other.labels)} figures",
            expected=f"the model's {len(one.numerators)} queries, {len(one.labels)} figures",
        )


def _normal_differences(
    above: Float64[np.ndarray, "queries figures"],
    below: Float64[np.ndarray, "queries figures"],
    *,
    tail: float,
) -> Float64[np.ndarray, "4 figures"]:
    """Difference, both ends and p for many queries."""
    values, error = with_errors(above, below)
    width = NormalDist().inv_cdf(1 - tail) * error
    certain = np.where(values == 0, 0.0, np.inf)
    z = np.divide(np.abs(values), error, out=certain, where=error > 0)
    p = np.array([math.erfc(one / math.sqrt(2)) for one in z.tolist()])
    return np.stack([values, values - width, values + width, np.where(np.isnan(values), np.nan, p)])


def _resampled_differences(
    values: Float64[np.ndarray, " figures"],
    drawn: Float64[np.ndarray, "resamples figures"],
    *,
    tail: float,
) -> Float64[np.ndarray, "4 figures"]:
    """Difference, both ends and p by resampling."""
    known = (~np.isnan(drawn)).sum(axis=0)
    least = np.minimum((drawn <= 0).sum(axis=0), (drawn >= 0).sum(axis=0))
    p = np.minimum(1.0, 2.0 * (least + 1) / (known + 1))
    return np.vstack([values, ends_of(drawn, tail=tail), np.where(known > 0, p, np.nan)])
