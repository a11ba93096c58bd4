"""Recall and latency of the index beside other libraries, in one run.

    python benchmarks/index.py [--peer PYTHON] [--trained] [--data FOLDER] [--set KEY=VALUE ...]
        [--cache FOLDER] [--no-synthetic] [--json]

PYTHON is the interpreter of an environment with scann, faiss-cpu and usearch, or some of them. The
vectors are those of `turret bench index`, whose settings `--set` takes; with `--data` also those of
a model that is trained on a folder's `interactions.parquet` (`user_id`, `item_id`), with
`--trained` those of a model of as many candidates, trained for one epoch on a made log. Every
library finds the cheapest settings that reach a recall on one half of the queries by itself, ours
by `turret.index.tuning`; what is shown was measured on the other half, single queries, the
libraries in turns, medians of `--rounds`. `--cache` keeps the peers' graphs.
"""

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import common
import msgspec
import numpy as np
import servers

from turret.benchmarks.index import IndexSettings, World, exact_figures, filter_figures, p50_ms
from turret.benchmarks.machine import machine
from turret.benchmarks.registry import settings_of
from turret.benchmarks.workers import Worker
from turret.bundle.bundle import Bundle
from turret.errors import BenchmarkError
from turret.index.base import Index
from turret.index.exact import search_exactly
from turret.index.tuning import divided, recall_of, tune_each

TARGETS = (0.95, 0.99)
TIMED = 100
RECIPE = """
[data]
files = "FILE"
query_id = "user_id"
candidate_id = "item_id"
[split]
kind = "random"
test_fraction = 0.05
[model]
embedding_dim = 64
[[model.query.features]]
kind = "categorical"
column = "user_id"
[[model.candidate.features]]
kind = "categorical"
column = "item_id"
[loss]
kind = "softmax"
temperature = 0.2
[train]
epochs = 8
batch_size = 4096
learning_rate = 0.05
[evaluation]
baselines = []
"""


class Peer:
    """Another library, in a process that holds several."""

    def __init__(self, worker: Worker, name: str) -> None:
        self._worker, self.name = worker, name
        built = worker.ask(json.dumps({"build": name}))
        self.seconds: float = built["seconds"]
        self._choices: list[dict[str, int]] = built["choices"]

    def cheapest(self) -> list[dict[str, int] | None]:
        """The fastest choice that reaches each target on the queries for tuning."""
        tried = [
            (choice, self.measure(choice, part="tuning", timed=TIMED // 2))
            for choice in self._choices
        ]
        return [
            min(
                (one for one in tried if one[1]["recall"] - one[1]["margin"] >= target),
                key=lambda one: one[1]["p50_ms"],
                default=(None, {}),
            )[0]
            for target in TARGETS
        ]

    def measure(
        self, choice: dict[str, int], *, part: str, timed: int, recall: bool = True
    ) -> dict[str, float]:
        request = {"measure": self.name, "choice": choice, "part": part}
        return self._worker.ask(json.dumps({**request, "recall": recall, "timed": timed}))


class Ours:
    """One of our indexes, with chosen settings."""

    def __init__(self, index: Index, queries: np.ndarray, truth: np.ndarray, *, k: int) -> None:
        self._index, self._queries, self._truth, self._k = index, queries, truth, k

    def recall(self) -> float:
        # One after another: it is how they are timed.
        found = [self._index.search_rows(query[None], self._k).rows[0] for query in self._queries]
        return float(recall_of(np.array(found), self._truth, size=len(self._index)).mean())

    def p50(self) -> float:
        return p50_ms(lambda q: self._index.search_rows(q[None], self._k), self._queries[:TIMED])


def compared(world: World, settings: IndexSettings, options: Any, stack: ExitStack) -> dict:
    """The table of one world, and what exact search and filters take in it."""
    k, candidates = settings.k, world.candidates
    tuning, reporting = divided(world.queries)
    truth = search_exactly(candidates.vectors, reporting, k=k).rows
    peers: list[Peer] = []
    if options.peer is not None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        np.save(folder / "vectors.npy", candidates.vectors)
        np.save(folder / "tuning.npy", tuning)
        np.save(folder / "tuning_truth.npy", search_exactly(candidates.vectors, tuning, k=k).rows)
        np.save(folder / "reporting.npy", reporting)
        np.save(folder / "reporting_truth.npy", truth)
        cache = folder if options.cache is None else Path(options.cache)
        arguments = (str(folder), str(cache), str(k))
        worker = stack.enter_context(common.peer(options.peer, "neighbours.py", *arguments))
        for name in worker.ready["kinds"]:
            common.say(f"building {name}")
            peers.append(Peer(worker, name))
    common.say("tuning ours")
    tuned = tune_each(candidates, world.queries, kind=settings.kind, targets=TARGETS, k=k)
    ours = [Ours(index, reporting, truth, k=k) for index, _ in tuned]
    chosen: dict[str, list[dict[str, int] | None]] = {}
    for peer in peers:
        common.say(f"tuning {peer.name}")
        chosen[peer.name] = peer.cheapest()
    common.say("measuring in turns")
    exact = exact_figures(candidates, reporting[: settings.timed], k=k)
    table = measured(ours, peers, chosen, rounds=options.rounds)
    brute = exact["brute_force_p50_ms"]
    for number, (_, curve) in enumerate(tuned):
        table[number]["settings"] = str(curve.chosen.parameters)
    figures = {
        "candidates": len(candidates),
        "p50_ms_at_recall_95": table[0]["p50_ms"],
        "p50_ms_at_recall_99": table[1]["p50_ms"],
        "speedup": brute / table[1]["p50_ms"],
        **exact,
    }
    if settings.shares:
        common.say("filtering")
        figures |= filter_figures(tuned[-1][0], reporting, settings=settings)
    return {"figures": figures, "table": table}


def measured(
    ours: list[Ours],
    peers: list[Peer],
    chosen: dict[str, list[dict[str, int] | None]],
    *,
    rounds: int,
) -> list[dict[str, Any]]:
    """Recall and latency of every library at its choice for each target, in turns."""
    rows: list[dict[str, Any]] = []
    for number, target in enumerate(TARGETS):
        rows.append({"library": "turret", "target": target, "recall": ours[number].recall()})
    for peer in peers:
        for choice, target in zip(chosen[peer.name], TARGETS, strict=True):
            row: dict[str, Any] = {"library": peer.name, "target": target, "recall": None}
            if choice is not None:
                row |= peer.measure(choice, part="reporting", timed=1)
            rows.append(row | {"settings": str(choice), "build_seconds": peer.seconds})
    times: list[list[float]] = [[] for _ in rows]
    for _ in range(rounds):
        taken = [one.p50() for one in ours]
        for peer in peers:
            for choice in chosen[peer.name]:
                at = {"part": "reporting", "timed": TIMED, "recall": False}
                taken.append(
                    float("nan") if choice is None else peer.measure(choice, **at)["p50_ms"]
                )
        for kept, one in zip(times, taken, strict=True):
            kept.append(one)
    for row, kept in zip(rows, times, strict=True):
        row["p50_ms"] = None if row["recall"] is None else median(kept)
    return rows


def trained_on(folder: Path, place: Path) -> World:
    """Embeddings of a model trained on pairs in files."""
    place.mkdir()
    recipe = place / "recipe.toml"
    recipe.write_text(RECIPE.replace("FILE", str((folder / "interactions.parquet").resolve())))
    servers.train(recipe, place / "bundle")
    return world_of(place / "bundle")


def trained_on_a_made_log(folder: Path, candidates: int) -> World:
    """Embeddings of many candidates: users of some hundred tastes, each for its own candidates."""
    rng = np.random.default_rng(0)
    tastes, users = 500, 100_000
    taste = rng.integers(0, tastes, candidates)
    item = np.concatenate([np.arange(candidates), rng.integers(0, candidates, 2 * candidates)])
    likes = np.where(rng.random(len(item)) < 0.8, taste[item], rng.integers(0, tastes, len(item)))
    user = likes + tastes * rng.integers(0, users // tastes, len(item))
    return world_of(servers.trained_on_ids(folder, user=user, item=item))


def world_of(path: Path) -> World:
    bundle = Bundle.open(path)
    rng = np.random.default_rng(0)
    known = np.flatnonzero(bundle.known_queries)
    queries = bundle.query_vectors[np.sort(rng.permutation(known)[:1000])]
    return World.of(np.array(bundle.index.vectors), np.array(queries), rng=rng)


def run(options: Any) -> dict[str, Any]:
    settings = settings_of("index", options.set)
    assert isinstance(settings, IndexSettings)
    worlds: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        if not options.no_synthetic:
            worlds["synthetic"] = lambda: World.make(settings)
        if options.trained:
            made = Path(name) / "made"
            worlds["trained"] = lambda: trained_on_a_made_log(made, settings.candidates)
        if options.data is not None:
            folder = Path(options.data)
            worlds[folder.name] = lambda: trained_on(folder, Path(name) / "read")
        if not worlds:
            raise BenchmarkError("There is nothing to measure", fix="Give --data or --trained.")
        results: dict[str, Any] = {}
        for world, make in worlds.items():
            common.say(f"making {world}")
            with ExitStack() as stack:
                results[world] = compared(make(), settings, options, stack)
    return {
        "figures": {world: result["figures"] for world, result in results.items()},
        "tables": {world: result["table"] for world, result in results.items()},
        "machine": machine(),
        "settings": msgspec.to_builtins(settings),
    }


def show(result: dict[str, Any]) -> None:
    for world, rows in result["tables"].items():
        print(f"{world}: {result['figures'][world]['candidates']:,} candidates")
        print(f"{'library':12} {'target':>6} {'recall':>7} {'p50 ms':>8} {'build s':>8}  settings")
        for row in rows:
            recall, p50 = row["recall"], row["p50_ms"]
            shown = f"{'-':>7} {'-':>8}" if recall is None else f"{recall:7.4f} {p50:8.3f}"
            seconds = row.get("build_seconds")
            built = f"{'':>8}" if seconds is None else f"{seconds:8.0f}"
            print(f"{row['library']:12} {row['target']:6} {shown} {built}  {row['settings']}")
        for name, value in result["figures"][world].items():
            print(f"  {name:32} {value}")


def main() -> None:
    parser = common.parser("Recall and latency of the index beside other libraries.")
    parser.set_defaults(rounds=3)
    parser.add_argument("--peer", help="interpreter of an environment with other libraries")
    parser.add_argument("--cache", help="a folder that keeps what peers take minutes to build")
    parser.add_argument("--data", help="a folder with interactions.parquet to train a model on")
    parser.add_argument("--trained", action="store_true", help="a model of a made log, too")
    parser.add_argument("--no-synthetic", action="store_true", help="leave clustered vectors out")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    result = common.result_of(lambda: run(options))
    if options.json:
        common.print_json(result)
    else:
        show(result)


if __name__ == "__main__":
    main()
