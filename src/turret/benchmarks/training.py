"""The benchmark `training`: the loss, the step, tables of any size, and memory."""

import math
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any, Literal

import msgspec

from turret.benchmarks.loss_speed import loss_figures
from turret.benchmarks.machine import available_bytes, machine
from turret.benchmarks.memory import can_measure, peak_mb
from turret.benchmarks.step_speed import Stepping
from turret.benchmarks.timing import Measure, interleave
from turret.benchmarks.worlds import World
from turret.recipe.checks import require

__all__ = ["Curves", "Peers", "Say", "TrainingSettings", "run"]

Say = Callable[[str], None]
"""Tells the person at the screen what is being measured."""

Peers = Callable[[Stepping], Mapping[str, Measure]]
"""Starts other implementations of a training; returns for each the seconds of `steps` steps."""

Curves = dict[str, list[dict[str, int | float]]]
"""For each curve its points, each of them numbers by name."""

Part = Literal["loss", "step", "growth", "memory", "curves"]


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured, and at which sizes.

    Args:
        parts: "loss" (`loss_share`), "step" (`examples_per_second` and ratios to peers), "growth"
            (`table_growth`), "memory" (`peak_mb` and its curves), "curves" (of examples a second).
        rounds: how often each time is taken; medians are reported.
        steps: steps of one measurement, and batches in the log.
        product: side of the square matrices of which the product is the machine's best.
        loss_queries: distinct queries of the loss that is measured alone.
        loss_candidates: distinct candidates of it.
        batch_size: pairs in a batch of a whole step.
        dim: numbers in an embedding row and in a vector.
        hidden: width of each tower's hidden layer.
        query_rows: rows of the query table.
        candidate_rows: rows of the candidate table.
        popularity: exponent of the Zipf law that candidates are drawn by.
        table_rows: numbers of rows, the same for both tables, between which `table_growth` is
            measured, the smallest first.
        batch_sizes: the curve over batch sizes.
        dims: the curve over dimensions.
        catalogues: the curve over rows of the candidate table.
        chunk_sizes: the curve of memory over chunk sizes of the loss.
        score_sides: the curve of memory over the size of the score matrix: Q = C = each of these.
    """

    parts: tuple[Part, ...] = ("loss", "step", "growth", "memory", "curves")
    rounds: int = 10
    steps: int = 6
    product: int = 4096
    loss_queries: int = 8192
    loss_candidates: int = 4096
    batch_size: int = 8192
    dim: int = 64
    hidden: int = 64
    query_rows: int = 1_000_000
    candidate_rows: int = 200_000
    popularity: float = 1.0
    table_rows: tuple[int, ...] = (100_000, 1_000_000, 10_000_000)
    batch_sizes: tuple[int, ...] = (1024, 2048, 4096, 8192, 16_384, 32_768)
    dims: tuple[int, ...] = (16, 32, 64, 128, 256)
    catalogues: tuple[int, ...] = (2_000, 20_000, 200_000, 2_000_000)
    chunk_sizes: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4096, 8192)
    score_sides: tuple[int, ...] = (2048, 4096, 8192, 16_384)

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        require(len(self.parts) > 0, "parts", self.parts, "at least one")
        possible = 0 <= self.popularity < math.inf
        require(possible, "popularity", self.popularity, "at least 0 and finite")
        for field in msgspec.structs.fields(self):
            if field.name not in ("parts", "popularity"):
                value = getattr(self, field.name)
                numbers: tuple[int, ...] = value if isinstance(value, tuple) else (value,)
                possible = len(numbers) > 0 and min(numbers) >= 1
                require(possible, field.name, value, "numbers of at least 1")


def run(
    settings: TrainingSettings, *, say: Say, peers: Peers | None = None
) -> dict[str, dict[str, Any]]:
    """Measure.

    Args:
        settings: what, and at which sizes.
        say: told what is being measured.
        peers: what the step is compared with; None for nothing.

    Returns:
        `figures` (numbers by name, and `curves`), `machine` and `settings`, all of which JSON can
        hold. A figure that this machine cannot give is NaN.
    """
    place = machine()
    figures: dict[str, Any] = {}
    curves: Curves = {}
    if "loss" in settings.parts:
        say("The loss and both gradients beside a square product.")
        figures |= loss_figures(
            queries=settings.loss_queries,
            candidates=settings.loss_candidates,
            dim=settings.dim,
            product=settings.product,
            rounds=settings.rounds,
        )
    if "step" in settings.parts:
        say("Whole steps.")
        figures |= _step_figures(settings, peers)
    if "growth" in settings.parts:
        say("Steps with small and large tables.")
        figures |= _growth(settings, curves, say)
    if "memory" in settings.parts:
        say("Peak memory.")
        figures |= _memory(settings, curves, say)
    if "curves" in settings.parts:
        _speed_curves(settings, curves, say)
    return {
        "figures": figures | ({"curves": curves} if curves else {}),
        "machine": place,
        "settings": msgspec.to_builtins(settings)
        | {name: version(name) for name in ("turret", "jax", "jaxlib", "numpy")},
    }


def _step_figures(settings: TrainingSettings, peers: Peers | None) -> dict[str, float]:
    stepping = _stepping(settings)
    measures = {"ours": lambda: stepping.take(settings.steps)[0]}
    if peers is not None:
        measures |= peers(stepping)
    stepping.take(settings.steps)
    medians = interleave(measures, rounds=settings.rounds)
    seconds = {name: value / settings.steps for name, value in medians.items()}
    ours = seconds.pop("ours")
    figures = {"examples_per_second": settings.batch_size / ours, "step_seconds": ours}
    for name, theirs in seconds.items():
        figures |= {f"{name}_ratio": theirs / ours, f"{name}_step_seconds": theirs}
    return figures | stepping.distinct()


def _growth(settings: TrainingSettings, curves: Curves, say: Say) -> dict[str, float]:
    """The same batches, up to the names of the rows, in tables of all sizes."""
    sizes = sorted(set(settings.table_rows))
    # Two tables with Adagrad's sums, and as much again for the largest while it is drawn.
    needed = 4 * settings.dim * (4 * sum(sizes) + 2 * sizes[-1])
    available = available_bytes()
    if available is not None and needed > available:
        say(f"table_growth is left out: it takes {needed / 1e9:.1f} GB of memory.")
        return {"table_growth": math.nan}
    measures: dict[str, Measure] = {}
    for rows in sizes:
        stepping = _stepping(
            settings,
            query_rows=rows,
            candidate_rows=rows,
            queries=sizes[0],
            candidates=sizes[0],
        )
        stepping.take(settings.steps)
        measures[str(rows)] = lambda one=stepping: one.take(settings.steps)[0]
    medians = interleave(measures, rounds=settings.rounds)
    seconds = {rows: medians[str(rows)] / settings.steps for rows in sizes}
    curves["table_rows"] = [
        {"table_rows": rows, "examples_per_second": settings.batch_size / seconds[rows]}
        for rows in sizes
    ]
    return {"table_growth": seconds[sizes[-1]] / seconds[sizes[0]]}


def _memory(settings: TrainingSettings, curves: Curves, say: Say) -> dict[str, float]:
    if not can_measure():
        say("peak_mb is left out: this system does not tell it of one computation.")
        return {"peak_mb": math.nan}
    shape = {"queries": settings.loss_queries, "candidates": settings.loss_candidates}
    shape["dim"] = settings.dim
    curves["chunk_size"] = [
        {"chunk_size": chunk, "peak_mb": peak_mb("loss", **shape, chunk_size=chunk)}
        for chunk in settings.chunk_sizes
    ]
    curves["score_side"] = [
        {
            "score_side": side,
            "peak_mb": peak_mb("loss", queries=side, candidates=side, dim=settings.dim),
            "scores_mb": 4 * side * side / 1e6,
        }
        for side in settings.score_sides
    ]
    rows = settings.table_rows[0]
    tables = {"query_rows": rows, "candidate_rows": rows, "hidden": settings.hidden}
    step = peak_mb(
        "step",
        **tables,
        dim=settings.dim,
        pairs=settings.batch_size,
        batch_size=settings.batch_size,
    )
    return {"peak_mb": peak_mb("loss", **shape), "step_peak_mb": step}


def _speed_curves(settings: TrainingSettings, curves: Curves, say: Say) -> None:
    varied: dict[str, tuple[str, Iterable[int]]] = {
        "batch_size": ("batch_size", settings.batch_sizes),
        "dim": ("dim", settings.dims),
        "catalogue": ("candidate_rows", settings.catalogues),
    }
    rounds = min(settings.rounds, 3)
    for name, (argument, sizes) in varied.items():
        say(f"Examples a second over {name}.")
        curves[name] = []
        for size in sizes:
            stepping = _stepping(settings, **{argument: size})
            stepping.take(settings.steps)
            measure = {"ours": lambda one=stepping: one.take(settings.steps)[0]}
            seconds = interleave(measure, rounds=rounds)["ours"] / settings.steps
            pairs = stepping.batches.batch_size
            point: dict[str, int | float] = {name: size, "examples_per_second": pairs / seconds}
            curves[name].append(point | stepping.distinct())


def _stepping(settings: TrainingSettings, **changes: int) -> Stepping:
    """A training at the sizes of the settings, some of them changed."""
    sizes = {
        "query_rows": settings.query_rows,
        "candidate_rows": settings.candidate_rows,
        "dim": settings.dim,
        "hidden": settings.hidden,
    } | changes
    batch_size = sizes.pop("batch_size", settings.batch_size)
    pairs = batch_size * settings.steps
    world = World.make(**sizes, pairs=pairs, popularity=settings.popularity)
    return Stepping(world, batch_size=batch_size)
