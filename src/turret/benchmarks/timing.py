"""Timing in turns, so that a machine that slows down slows everything that is compared."""

import time
from collections.abc import Callable, Mapping

import jax
import numpy as np

__all__ = ["Measure", "interleave", "seconds_of"]

Measure = Callable[[], float]
"""Does something once and returns the seconds that it took."""

_SETTLE = 0.05  # threads of one library may spin for a while after their work


def interleave(measures: Mapping[str, Measure], *, rounds: int) -> dict[str, float]:
    """Take each measurement in turn, several times over.

    Args:
        measures: what to measure, by name.
        rounds: how often each is taken, at least 1.

    Returns:
        The median seconds of each.

    Example:
        >>> interleave({"a": lambda: 2.0, "b": lambda: 1.0}, rounds=3)
        {'a': 2.0, 'b': 1.0}
    """
    seconds: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            time.sleep(_SETTLE)
            seconds[name].append(measure())
    return {name: float(np.median(values)) for name, values in seconds.items()}


def seconds_of(compute: Callable[[], object]) -> Measure:
    """A measurement of a computation on the device, its end awaited.

    It computes once untimed first: what ran in between has taken the caches.

    Args:
        compute: the computation; returns arrays.

    Returns:
        The measurement.
    """

    def measure() -> float:
        jax.block_until_ready(compute())
        start = time.perf_counter()
        jax.block_until_ready(compute())
        return time.perf_counter() - start

    return measure
