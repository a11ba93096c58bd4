"""The benchmark `recommend`: the answers for every known query, beside the bare matrix product."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.benchmarks.index import clustered
from turret.benchmarks.machine import machine
from turret.benchmarks.memory import can_measure, peak_of
from turret.benchmarks.worlds import World
from turret.bundle.bundle import Bundle
from turret.index import registry
from turret.recipe.checks import require
from turret.recommender.bulk import recommend_all
from turret.recommender.recommender import Recommender

__all__ = ["RecommendingSettings", "run"]

_CUBE = 4096
_TIMES = 10
_SHAPE_QUERIES = 512


class RecommendingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is answered.

    Args:
        queries: number of queries.
        candidates: number of candidates.
        dim: length of a vector.
        k: answers of a query.
        seen: so many candidates a query has seen; they are left out.
        clusters: number of centres that vectors and queries are drawn around.
        seed: of the vectors.
    """

    queries: int = 1_000_000
    candidates: int = 100_000
    dim: int = 64
    k: int = 100
    seen: int = 50
    clusters: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        for name in ("queries", "candidates", "dim", "k", "clusters"):
            require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        fits = 0 <= self.seen <= self.candidates
        require(fits, "seen", self.seen, "at least 0, at most the candidates")


class _Product:
    """A matrix product that is timed now and then: how fast the machine is at that moment."""

    def __init__(self, left: Float32[np.ndarray, "m d"], right: Float32[np.ndarray, "d n"]) -> None:
        self._left, self._right = left, right
        self._out = np.empty((left.shape[0], right.shape[1]), dtype=np.float32)
        self.seconds: list[float] = []
        self.take()
        self.seconds.clear()

    def take(self) -> None:
        start = time.perf_counter()
        np.matmul(self._left, self._right, out=self._out)
        self.seconds.append(time.perf_counter() - start)

    @property
    def rate(self) -> float:
        """Floating-point operations in a second, the median of all times."""
        return 2 * self._left.size * self._right.shape[1] / float(np.median(self.seconds))


def run(settings: RecommendingSettings, *, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Measure.

    Args:
        settings: what is answered.
        say: told what is being measured.

    Returns:
        `figures`, `machine` and `settings`, all of which JSON can hold.
    """
    say("Drawing the vectors")
    recommender = Recommender(_bundle(settings))
    bundle = recommender.bundle
    square = np.random.default_rng(0).random((_CUBE, _CUBE), dtype=np.float32)
    few = np.ascontiguousarray(bundle.query_vectors[:_SHAPE_QUERIES])
    products = [_Product(square, square), _Product(few, bundle.index.vectors.T)]
    say(f"Answering {settings.queries:,} queries")
    every = -(-settings.queries // _TIMES)
    products_seconds, whole_seconds = 0.0, 0.0

    def progress(done: int) -> None:
        # The products are taken while it runs: the machine may be faster at one time than another.
        nonlocal products_seconds
        if done >= every * len(products[0].seconds):
            start = time.perf_counter()
            for product in products:
                product.take()
            products_seconds += time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.parquet"

        def answer() -> None:
            nonlocal whole_seconds
            start = time.perf_counter()
            recommend_all(recommender, path, k=settings.k, exclude_seen=True, progress=progress)
            whole_seconds = time.perf_counter() - start

        peak = peak_of(answer) if can_measure() else answer()
        size = path.stat().st_size
    seconds = whole_seconds - products_seconds
    rate = 2 * settings.queries * settings.candidates * settings.dim / seconds
    figures = {
        "share_of_cube": rate / products[0].rate,
        "share_of_shape": rate / products[1].rate,
        "seconds": seconds,
        "queries_per_second": settings.queries / seconds,
        "cube_gflops": products[0].rate / 1e9,
        "shape_gflops": products[1].rate / 1e9,
        "peak_mb": peak,
        "file_mb": size / 1e6,
    }
    return {
        "figures": figures,
        "machine": machine(),
        "settings": msgspec.to_builtins(settings),
    }


def _bundle(settings: RecommendingSettings) -> Bundle:
    """A bundle of drawn vectors. Its towers are never asked: every query is known."""
    rng = np.random.default_rng(settings.seed)
    vectors, queries = clustered(
        settings.candidates,
        settings.dim,
        clusters=settings.clusters,
        rng=rng,
        queries=settings.queries,
    )
    # One of each of as many stretches: distinct and ascending.
    width = settings.candidates // max(settings.seen, 1)
    seen = rng.integers(0, width, (settings.queries, settings.seen), dtype=np.int32)
    seen += np.arange(settings.seen, dtype=np.int32) * width
    world = World.make(query_rows=1, candidate_rows=1, pairs=1, dim=settings.dim, hidden=1)
    candidates = pl.DataFrame({"candidate": _ids("candidate", settings.candidates)})
    return Bundle(
        config=world.config,
        query_encoder=world.query_encoder,
        candidate_encoder=world.candidate_encoder,
        arrays={},
        query_id="query",
        candidate_id="candidate",
        queries=pl.DataFrame({"query": _ids("query", settings.queries)}),
        candidates=candidates,
        query_vectors=queries,
        known_queries=np.ones(settings.queries, dtype=bool),
        index=registry.build("exact", ids=candidates["candidate"], vectors=vectors),
        seen_indptr=np.arange(settings.queries + 1, dtype=np.int64) * settings.seen,
        seen_rows=seen.reshape(-1),
        candidate_count=np.bincount(seen.reshape(-1), minlength=settings.candidates),
        recipe=None,
        report=None,
        provenance={},
    )


def _ids(kind: str, n: int) -> pl.Series:
    return pl.Series(np.arange(n)).cast(pl.String).str.zfill(7).str.replace("^", f"{kind}-")
