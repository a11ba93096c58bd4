"""The benchmark `index`: latency at a recall, exact search from codes, and filters."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.benchmarks.machine import machine
from turret.index import registry
from turret.index.base import Index
from turret.index.candidates import Candidates
from turret.index.exact import search_exactly
from turret.index.tuning import recall_of, tune
from turret.recipe.checks import require

__all__ = ["IndexSettings", "clustered", "run"]

_PARTS = 10_000


class IndexSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured, and at which sizes.

    Args:
        kind: the approximate kind of index.
        candidates: number of vectors.
        dim: length of a vector.
        queries: number of queries; half of them choose the settings, half are reported on.
        clusters: number of centres that vectors and queries are drawn around.
        k: answers of a query.
        timed: so many single queries are timed for each figure; medians are reported.
        shares: shares of the candidates that the filters keep.
        seed: of the vectors.
    """

    kind: str = "scann"
    candidates: int = 1_000_000
    dim: int = 64
    queries: int = 1000
    clusters: int = 2000
    k: int = 100
    timed: int = 50
    shares: tuple[float, ...] = (0.5, 0.05, 0.005, 0.0001)
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        for name in ("candidates", "dim", "clusters", "k", "timed"):
            require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        require(self.queries >= 2, "queries", self.queries, "at least 2")
        possible = all(0 < share <= 1 for share in self.shares)
        require(possible, "shares", self.shares, "above 0, at most 1")


def clustered(
    rows: int, dim: int, *, clusters: int, rng: np.random.Generator, queries: int
) -> tuple[Float32[np.ndarray, "n d"], Float32[np.ndarray, "q d"]]:
    """Draws vectors around centres, with a decaying spectrum and varying lengths.

    Args:
        rows: number of candidates `n`.
        dim: length of a vector.
        clusters: number of centres.
        rng: where randomness comes from.
        queries: number of queries `q`.

    Returns:
        Candidates and queries; the latter all of similar length.
    """
    spectrum = np.arange(1, dim + 1) ** -0.5
    centres = 3 * rng.normal(size=(clusters, dim)) * spectrum

    def draw(number: int) -> np.ndarray:
        return (
            centres[rng.integers(0, clusters, number)] + rng.normal(size=(number, dim)) * spectrum
        )

    vectors = draw(rows) * np.exp(0.25 * rng.normal(size=(rows, 1)))
    return vectors.astype(np.float32), draw(queries).astype(np.float32)


def run(settings: IndexSettings, *, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Measure.

    Args:
        settings: what and at which sizes.
        say: told what is being measured.

    Returns:
        `figures`, `machine` and `settings`, all of which JSON can hold.
    """
    say("Drawing the vectors")
    rng = np.random.default_rng(settings.seed)
    vectors, queries = clustered(
        settings.candidates,
        settings.dim,
        clusters=settings.clusters,
        rng=rng,
        queries=settings.queries,
    )
    table = pl.DataFrame({"part": rng.integers(0, _PARTS, settings.candidates)})
    ids = [str(row) for row in range(settings.candidates)]
    candidates = Candidates(ids, vectors, columns=table)
    figures: dict[str, Any] = {}
    tuned: Index | None = None
    for target in (95, 99):
        say(f"Looking for the cheapest settings with recall 0.{target}")
        tuned, curve = tune(
            candidates, queries, kind=settings.kind, target_recall=target / 100, k=settings.k
        )
        figures[f"p50_ms_at_recall_{target}"] = curve.chosen.p50_ms
        figures[f"recall_at_{target}"] = curve.chosen.recall
    assert tuned is not None
    asked = queries[: settings.timed]
    brute = _brute(vectors, asked, k=settings.k)
    figures["brute_force_p50_ms"] = brute
    figures["speedup"] = brute / figures["p50_ms_at_recall_99"]
    for storage, name in (("int8", "exact_speedup"), ("float16", "exact_float16_speedup")):
        say(f"Searching exactly from {storage}")
        index = registry.of("exact", candidates, storage=storage)
        taken = _p50(lambda query, index=index: index.search_rows(query[None], settings.k), asked)
        figures[name] = _brute(vectors, asked, k=settings.k) / taken
        figures[f"exact_{storage}_same"] = _same(index, vectors, asked, k=settings.k)
    say("Filtering")
    figures.update(_filtered(tuned, queries, settings=settings))
    return {
        "figures": figures,
        "machine": machine(),
        "settings": msgspec.to_builtins(settings),
    }


def _p50(search: Callable[[Any], object], queries: Float32[np.ndarray, "q d"]) -> float:
    search(queries[0])
    taken: list[float] = []
    for query in queries:
        start = time.perf_counter()
        search(query)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1000


def _brute(
    vectors: Float32[np.ndarray, "n d"], queries: Float32[np.ndarray, "q d"], *, k: int
) -> float:
    """Median milliseconds of NumPy: one product, and the best of it in order."""
    k = min(k, vectors.shape[0])

    def search(query: Float32[np.ndarray, " d"]) -> object:
        scores = vectors @ query
        best = np.argpartition(-scores, k - 1)[:k]
        return best[np.argsort(-scores[best])]

    return _p50(search, queries)


def _same(
    index: Index,
    vectors: Float32[np.ndarray, "n d"],
    queries: Float32[np.ndarray, "q d"],
    *,
    k: int,
) -> bool:
    """Whether single queries give the ids of float32 search."""
    truth = search_exactly(vectors, queries, k=k).rows
    found = [index.search_rows(query[None], k).rows[0] for query in queries]
    return all(set(a.tolist()) == set(b.tolist()) for a, b in zip(found, truth, strict=True))


def _filtered(
    index: Index, queries: Float32[np.ndarray, "q d"], *, settings: IndexSettings
) -> dict[str, Any]:
    """Latency and recall@10 behind filters; `filtered_p50_ms` is the slowest one's."""
    k = min(10, settings.k)
    asked = queries[: settings.timed]
    exact = registry.of("exact", index.candidates)
    figures: dict[str, Any] = {}
    for share in settings.shares:
        where = f"part < {max(1, round(share * _PARTS))}"
        kept = int(index.candidates.where(where).sum())
        hits = [index.search(query[None], k, where=where) for query in asked]
        truth = exact.search(asked, k, where=where)
        rows = [index.candidates.rows(one.ids[0, : one.counts[0]].tolist()) for one in hits]
        wanted = [index.candidates.rows(ids[:count].tolist()) for ids, count in _pairs(truth)]
        shares = [recall_of(a[None], b[None], size=len(index))[0] for a, b in _both(rows, wanted)]
        figures[f"filtered_recall_{share:g}"] = float(np.mean(shares)) if kept else None
        figures[f"filtered_full_{share:g}"] = all(one.counts[0] == min(k, kept) for one in hits)
        figures[f"filtered_p50_ms_{share:g}"] = _p50(
            lambda query, where=where: index.search(query[None], k, where=where), asked
        )
    times = [value for name, value in figures.items() if name.startswith("filtered_p50_ms")]
    return {**figures, "filtered_p50_ms": max(times, default=None)}


def _pairs(hits: Any) -> list[tuple[Any, int]]:
    return list(zip(hits.ids, hits.counts.tolist(), strict=True))


def _both(left: Sequence[Any], right: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(left, right, strict=True))
