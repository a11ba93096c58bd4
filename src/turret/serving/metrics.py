"""What a server counts, as Prometheus reads it."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["FOLDER", "Metrics"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder in which several processes count together."""

_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters, gauges and histograms of one server."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "turret_requests", "Requests.", ["endpoint", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "turret_request_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "turret_batch_queries",
            "Queries answered together.",
            buckets=_SIZES,
            registry=self._registry,
        )
        self._batch_seconds = Histogram(
            "turret_batch_seconds", "Seconds of a batch.", buckets=_SECONDS, registry=self._registry
        )
        self._reloads = Counter(
            "turret_reloads", "Versions put in the place of another.", registry=self._registry
        )
        self._failures = Counter(
            "turret_reload_failures", "Versions that could not be.", registry=self._registry
        )
        self._ready = self._gauge("turret_ready", "Whether it answers.", "livemin")
        self._waiting = self._gauge("turret_waiting_queries", "Queries that wait.", "livesum")
        self._candidates = self._gauge("turret_candidates", "Candidates.", "livemax")
        self._number = self._gauge("turret_model_number", "The version's number.", "livemin")
        self._info = Gauge(
            "turret_model_info",
            "1 for the version that is served.",
            ["version"],
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._version: str | None = None
        self._labelled: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            endpoint: which.
            status: of the answer.
            seconds: it took.
        """
        found = self._labelled.get((endpoint, status))
        if found is None:
            found = self._requests.labels(endpoint, status), self._seconds.labels(endpoint)
            self._labelled[endpoint, status] = found
        count, histogram = found
        count.inc()
        histogram.observe(seconds)

    def batch(self, size: int, seconds: float, *, waiting: int) -> None:
        """Count a batch.

        Args:
            size: its queries.
            seconds: it took.
            waiting: queries that wait for the next.
        """
        self._waiting.set(waiting)
        self._batches.observe(size)
        self._batch_seconds.observe(seconds)

    def serves(self, version: str, *, number: int, candidates: int) -> None:
        """Note what is served.

        Args:
            version: its name.
            number: its number.
            candidates: how many it has.
        """
        if self._version is not None and self._version != version:
            self._info.labels(self._version).set(0)
            self._reloads.inc()
        self._version = version
        self._info.labels(version).set(1)
        self._number.set(number)
        self._candidates.set(candidates)
        self._ready.set(1)

    def reload_failed(self) -> None:
        """Count a version that could not be loaded."""
        self._failures.inc()

    def text(self, *, waiting: int, candidates: int) -> bytes:
        """Everything as Prometheus reads it.

        Args:
            waiting: queries that wait now.
            candidates: candidates there are now.

        Returns:
            The text, of all processes where there are several.
        """
        self._waiting.set(waiting)
        self._candidates.set(candidates)
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)

    def _gauge(self, name: str, text: str, mode: str) -> Gauge:
        return Gauge(name, text, registry=self._registry, multiprocess_mode=mode)  # pyright: ignore[reportArgumentType]  # a literal there
