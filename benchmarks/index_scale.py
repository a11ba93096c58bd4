"""More candidates than one would keep in memory: streamed in, built, and answered from the disk.

    python benchmarks/index_scale.py [--candidates 10000000] [--dim 64] [--kinds exact-int8 scann]
        [--queries 100] [--k 100] [--folder FOLDER] [--steps write build answer] [--json]

Blocks of clustered vectors are drawn one after another and written as they come. Each kind is then
built of what is on the disk, saved, and opened again for single queries. Every step is a process of
its own, of which the highest resident memory is reported (`VmHWM`, in MiB), pages of mapped files
included. The truth is the float32 brute force of `turret.index.exact` over the mapped vectors;
ScaNN is asked with several settings of its search. With `--folder` the files stay, and a step can
be taken again by itself.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common
import numpy as np
import polars as pl

from turret.benchmarks.index import clustered, p50_ms
from turret.benchmarks.machine import machine
from turret.errors import BenchmarkError
from turret.index import registry
from turret.index.base import Index
from turret.index.proposing import ProposingIndex
from turret.index.stored import Block, read_candidates, write_candidates
from turret.index.tuning import recall_of

BLOCK = 100_000
CLUSTERS = 2000
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "exact": ("exact", {}),
    "exact-int8": ("exact", {"storage": "int8"}),
    "exact-float16": ("exact", {"storage": "float16"}),
    "scann": ("scann", {}),
    "faiss": ("faiss", {}),
}
# Shares of the partitions that are looked into, and candidates that are scored again.
SEARCHES = ((0.01, 12), (0.02, 12), (0.05, 25), (0.1, 25), (0.2, 50))


def blocks(candidates: int, dim: int) -> Iterator[Block]:
    for first in range(0, candidates, BLOCK):
        size = min(BLOCK, candidates - first)
        vectors, _ = drawn(size, dim, queries=0, seed=1 + first)
        ids = pl.Series(np.arange(first, first + size)).cast(pl.String)
        part = np.arange(first, first + size) % 1000
        yield Block(ids, vectors, pl.DataFrame({"part": part.astype(np.int16)}))


def drawn(rows: int, dim: int, *, queries: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Candidates and queries around the same centres, whatever the seed."""
    return clustered(
        rows,
        dim,
        clusters=CLUSTERS,
        queries=queries,
        rng=np.random.default_rng(seed),
        world=np.random.default_rng([0, 0]),
    )


def write(folder: Path, options: Any) -> dict[str, Any]:
    """The candidates come, and are written."""
    candidates = write_candidates(blocks(options.candidates, options.dim), folder)
    return {"candidates": len(candidates), "mb": candidates.vectors.nbytes / 2**20}


def build(folder: Path, options: Any) -> dict[str, Any]:
    """An index is built and saved."""
    kind, parameters = KINDS[options.kind]
    index = registry.of(kind, read_candidates(folder), **parameters)
    place = folder / options.kind
    place.mkdir()
    index.save(place)
    return {"settings": index.settings}


def answer(folder: Path, options: Any) -> dict[str, Any]:
    """An index is opened and asked."""
    start = time.perf_counter()
    index = registry.load_of(folder / options.kind, read_candidates(folder))
    opened = time.perf_counter() - start
    queries = queries_of(options)
    hits = index.search(queries[:1], options.k, where="part < 5")
    assert hits.counts[0] == options.k
    assert index.candidates.rows(hits.ids[0].tolist()).shape == (options.k,)
    file = folder / "truth.npy"
    searches = [
        asked(one, queries, file, k=options.k) | {"search": search}
        for search, one in searching(index, options.k)
    ]
    return {"opened_seconds": opened, "searches": searches}


def searching(index: Index, k: int) -> Iterator[tuple[dict[str, Any], Index]]:
    if not isinstance(index, ProposingIndex) or not index.parameters.divides:
        yield {}, index
        return
    names, settings = index.parameters.SEARCH, index.settings
    for share, times in SEARCHES:
        number = settings.get("leaves", settings.get("lists"))
        assert isinstance(number, int)
        chosen = {names[0]: max(1, round(share * number))}
        if "reorder" in names:
            chosen["reorder"] = times * k
        yield chosen, index.searching_with(**chosen)


def asked(index: Index, queries: np.ndarray, file: Path, *, k: int) -> dict[str, Any]:
    rows = [index.search_rows(query[None], k).rows[0] for query in queries]
    if not file.exists():
        np.save(file, np.array(rows))
    recall = recall_of(np.array(rows), np.load(file), size=len(index)).mean()
    taken = p50_ms(lambda query: index.search_rows(query[None], k), queries)
    return {"recall": float(recall), "p50_ms": taken}


def queries_of(options: Any) -> np.ndarray:
    return drawn(0, options.dim, queries=options.queries, seed=0)[1]


STEPS = {"write": write, "build": build, "answer": answer}


def step(name: str, kind: str, folder: Path, options: Any) -> dict[str, Any]:
    """Do a step in a process of its own."""
    common.say(f"{name} {kind}".strip())
    numbers = ("candidates", "dim", "queries", "k")
    sizes = [text for key in numbers for text in (f"--{key}", str(getattr(options, key)))]
    command = [sys.executable, __file__, "--step", name, "--folder", str(folder), *sizes]
    done = subprocess.run([*command, "--kind", kind], capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{name} {kind} failed: {done.stderr.splitlines()[-1:]}")
    return json.loads(done.stdout)


def run(options: Any) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    kinds = dict.fromkeys(["exact", *options.kinds])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name if options.folder is None else options.folder)
        folder.mkdir(exist_ok=True)
        if "write" in options.steps:
            figures["write"] = step("write", "exact", folder, options)
        for kind in kinds:
            figures[kind] = {
                one: step(one, kind, folder, options)
                for one in ("build", "answer")
                if one in options.steps
            }
    settings = {key: getattr(options, key) for key in ("candidates", "dim", "queries", "k")}
    return {"figures": figures, "machine": machine(), "settings": settings}


def main() -> None:
    parser = common.parser("Building and answering from streamed input.")
    parser.add_argument("--candidates", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["exact-int8", "scann"])
    parser.add_argument("--folder", help="where the files are written, some GB of them")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--step", choices=STEPS, help="a part of it; used by the benchmark itself")
    parser.add_argument("--kind", choices=KINDS, help="for --step")
    options = parser.parse_args()
    if options.step:
        start = time.perf_counter()
        result = STEPS[options.step](Path(options.folder), options)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "peak_mib": peak_mib(), **result}))
        return
    result = common.result_of(lambda: run(options))
    if options.json:
        common.print_json(result)
        return
    for name, figures in result["figures"].items():
        print(name, json.dumps(figures, indent=2))


def peak_mib() -> float:
    """The highest resident memory of this process so far."""
    status = Path(f"/proc/{os.getpid()}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
