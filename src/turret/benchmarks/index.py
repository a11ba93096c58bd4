"""The benchmark `index`: latency at a recall, exact search from codes, and filters."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from turret.index.tuning import recall_of, tune_each
from turret.recipe.checks import require

__all__ = [
    "IndexSettings",
    "World",
    "clustered",
    "exact_figures",
    "filter_figures",
    "p50_ms",
    "run",
]

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
    rows: int,
    dim: int,
    *,
    clusters: int,
    rng: np.random.Generator,
    queries: int,
    world: np.random.Generator | None = None,
) -> tuple[Float32[np.ndarray, "n d"], Float32[np.ndarray, "q d"]]:
    """Draws vectors around centres, with a decaying spectrum and varying lengths.

    Args:
        rows: number of candidates `n`.
        dim: length of a vector.
        clusters: number of centres.
        rng: where randomness comes from.
        queries: number of queries `q`.
        world: where the centres come from; None: from `rng`, too.

    Returns:
        Candidates and queries; the latter all of similar length.
    """
    spectrum = np.arange(1, dim + 1) ** -0.5
    centres = 3 * (rng if world is None else world).normal(size=(clusters, dim)) * spectrum

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
    world = World.make(settings)
    queries, candidates = world.queries, world.candidates
    figures: dict[str, Any] = {}
    say("Looking for the cheapest settings with recall 0.95 and 0.99")
    targets = (0.95, 0.99)
    tuned = tune_each(candidates, queries, kind=settings.kind, targets=targets, k=settings.k)
    for target, (_, curve) in zip(targets, tuned, strict=True):
        figures[f"p50_ms_at_recall_{100 * target:.0f}"] = curve.chosen.p50_ms
        figures[f"recall_at_{100 * target:.0f}"] = curve.chosen.recall
    say("Searching exactly")
    figures |= exact_figures(candidates, queries[: settings.timed], k=settings.k)
    figures["speedup"] = figures["brute_force_p50_ms"] / figures["p50_ms_at_recall_99"]
    say("Filtering")
    figures |= filter_figures(tuned[-1][0], queries, settings=settings)
    return {
        "figures": figures,
        "machine": machine(),
        "settings": msgspec.to_builtins(settings),
    }


@dataclass(frozen=True, eq=False)
class World:
    """What is searched, and for what.

    Attributes:
        candidates: with a column `part`, evenly in [0, 10,000), for filters.
        queries: `[q, d]`.
    """

    candidates: Candidates
    queries: Float32[np.ndarray, "q d"]

    @classmethod
    def make(cls, settings: IndexSettings) -> "World":
        """Draws clustered vectors; the same settings give the same ones."""
        rng = np.random.default_rng(settings.seed)
        vectors, queries = clustered(
            settings.candidates,
            settings.dim,
            clusters=settings.clusters,
            rng=rng,
            queries=settings.queries,
        )
        return cls.of(vectors, queries, rng=rng)

    @classmethod
    def of(
        cls,
        vectors: Float32[np.ndarray, "n d"],
        queries: Float32[np.ndarray, "q d"],
        *,
        rng: np.random.Generator,
    ) -> "World":
        """Gives vectors ids and the column.

        Args:
            vectors: of the candidates.
            queries: of the queries.
            rng: draws the column.
        """
        table = pl.DataFrame({"part": rng.integers(0, _PARTS, len(vectors))})
        ids = pl.Series(np.arange(len(vectors))).cast(pl.String)
        return cls(Candidates(ids, vectors, columns=table), queries)


def p50_ms(search: Callable[[Any], object], queries: Float32[np.ndarray, "q d"]) -> float:
    """The median milliseconds of a single query; the first is searched for once before.

    Args:
        search: called with one query, `[d]`.
        queries: what is searched for, one after another.
    """
    search(queries[0])
    taken: list[float] = []
    for query in queries:
        start = time.perf_counter()
        search(query)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1000


def exact_figures(
    candidates: Candidates, queries: Float32[np.ndarray, "q d"], *, k: int
) -> dict[str, Any]:
    """Times NumPy's float32 brute force, and exact search from codes beside it.

    Args:
        candidates: what is searched.
        queries: single queries.
        k: answers of each.

    Returns:
        `brute_force_p50_ms`, and of each storage its `p50_ms`, how many times as long brute force
        took in turn with it, and whether the ids were the same in every query.
    """
    vectors = candidates.vectors
    figures: dict[str, Any] = {}
    brute: list[float] = []
    for storage, name in (("int8", "exact_speedup"), ("float16", "exact_float16_speedup")):
        index = registry.of("exact", candidates, storage=storage)
        taken = p50_ms(lambda query, index=index: index.search_rows(query[None], k), queries)
        brute.append(_brute(vectors, queries, k=k))
        figures[f"exact_{storage}_p50_ms"] = taken
        figures[name] = brute[-1] / taken
        figures[f"exact_{storage}_same"] = _same(index, vectors, queries, k=k)
    return {"brute_force_p50_ms": float(np.median(brute)), **figures}


def _brute(
    vectors: Float32[np.ndarray, "n d"], queries: Float32[np.ndarray, "q d"], *, k: int
) -> float:
    """Median milliseconds of NumPy: one product, and the best of it in order."""
    k = min(k, vectors.shape[0])

    def search(query: Float32[np.ndarray, " d"]) -> object:
        scores = vectors @ query
        best = np.argpartition(-scores, k - 1)[:k]
        return best[np.argsort(-scores[best])]

    return p50_ms(search, queries)


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


def filter_figures(
    index: Index, queries: Float32[np.ndarray, "q d"], *, settings: IndexSettings
) -> dict[str, Any]:
    """Times single queries behind filters, and measures their recall@10.

    Args:
        index: over candidates with the column `part`.
        queries: what is searched for.
        settings: say how many queries are timed, and what the filters keep.

    Returns:
        For each share `filtered_p50_ms_SHARE`, `filtered_recall_SHARE`, and whether there were
        always as many answers as there can be; `filtered_p50_ms` is the slowest one's.
    """
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
        figures[f"filtered_p50_ms_{share:g}"] = p50_ms(
            lambda query, where=where: index.search(query[None], k, where=where), asked
        )
    times = [value for name, value in figures.items() if name.startswith("filtered_p50_ms")]
    return {**figures, "filtered_p50_ms": max(times, default=None)}


def _pairs(hits: Any) -> list[tuple[Any, int]]:
    return list(zip(hits.ids, hits.counts.tolist(), strict=True))


def _both(left: Sequence[Any], right: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(left, right, strict=True))
