"""An index that changes while it is searched, and a recommender that is killed while it changes.

    python benchmarks/index_faults.py [--changes 100000] [--searches 100000] [--kills 50] [--json]

First, four threads put candidates into an index, remove them, and search it, in turns, while a
fifth compacts it. Vectors are small whole numbers, so that scores are exact; each
answer is compared with a shadow copy as of the change that the search saw. Where ScaNN scores all
candidates (fewer than 20,000) it must be the true best, above that its scores must be true and each
answer a candidate that was there.

Then a process that puts and removes candidates of a recommender, and compacts it after every 60
changes, is killed (SIGKILL) at moments drawn at random. It acknowledges each change; the next
process opens what is there, says what it finds, and goes on. What was acknowledged must be there,
and nothing else but the one change that was under way.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import common
import numpy as np
import polars as pl
import servers

from turret.benchmarks.machine import machine
from turret.errors import BenchmarkError
from turret.index import registry
from turret.index.base import Index
from turret.index.live import LiveIndex
from turret.index.live_view import LiveView

DIM, K, THREADS = 8, 10, 4
COMPACT_AFTER = 60
ITEMS = 300
CHANGER = """
import os, sys
import polars as pl
import turret.recommender.live, turret.model.trained
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        exec(compile(sys.argv[1], "changer", "exec"))
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
CHANGES = """
import json, random
out = open(json.loads(line)["pipe"], "w")
live = turret.recommender.live.LiveRecommender(sys.argv[2], compact_after=int(sys.argv[3]))
there = live.now.candidates
print(json.dumps(dict(zip(there["item"], there["version"]))), file=out, flush=True)
rng = random.Random(json.loads(line)["seed"])
for number in range(10**9):
    name, version = f"n{rng.randrange(200)}", rng.randrange(1, 10**6)
    if rng.random() < 0.4:
        name, version = f"{rng.randrange(300)}" if rng.random() < 0.1 else name, None
    # What is about to be done is said first, what was done afterwards.
    print(json.dumps(["begin", name, version]), file=out, flush=True)
    if version is None:
        live.remove([name])
    else:
        live.put(pl.DataFrame({"item": [name], "version": [version]}))
    print(json.dumps(["done"]), file=out, flush=True)
"""


class Search(NamedTuple):
    """What a search saw and found."""

    after: int
    query: np.ndarray
    ids: np.ndarray
    scores: np.ndarray
    found: int
    size: int


class Change(NamedTuple):
    """A candidate is put in with a vector, or goes."""

    row: int
    vector: np.ndarray | None


class Shadow:
    """The same changes on an array."""

    def __init__(self, vectors: np.ndarray, alive: np.ndarray) -> None:
        self.vectors, self.alive = vectors.copy(), alive.copy()

    def make(self, change: Change) -> None:
        self.alive[change.row] = change.vector is not None
        if change.vector is not None:
            self.vectors[change.row] = change.vector

    def is_wrong(self, search: Search, *, exact: bool) -> bool:
        scores = np.where(self.alive, self.vectors @ search.query, -np.inf)
        size = int(self.alive.sum())
        count = min(K, size)
        if search.found != count or search.size != size:
            return True
        rows = np.array([int(name[1:]) for name in search.ids[:count]], dtype=np.int64)
        found = search.scores[:count]
        if len(set(rows.tolist())) != count or not np.array_equal(scores[rows], found):
            return True
        best = -np.sort(-scores)[:count] if exact else -np.sort(-found)
        return not np.array_equal(found, best)


class Racing:
    """An index, what is done to it, and what searches of it find."""

    def __init__(self, *, kind: str, names: int, changes: int, searches: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.names = names
        self.vectors = rng.integers(-99, 100, (names, DIM)).astype(np.float32)
        self.alive = np.arange(names) < names // 2
        self.queries = rng.integers(-99, 100, (searches, DIM)).astype(np.float32)
        ids = [f"n{row}" for row in range(names // 2)]
        base = registry.build(kind, ids=ids, vectors=self.vectors[: names // 2])
        self.live = LiveIndex(base, log=lambda change: self.made.append(self.own.change))
        self.plan = list(self._planned(rng, changes))
        self.own = threading.local()
        self.made: list[Change] = []
        self.first = {id(base): 0}
        self.bases: list[Index] = [base]

    def _planned(self, rng: np.random.Generator, number: int) -> Iterator[Change]:
        there = self.alive.copy()
        for _ in range(number):
            row = int(rng.integers(self.names))
            # Some are replaced. None is removed that has not come, unless threads take turns oddly.
            put = not there[row] or rng.random() < 0.1
            there[row] = put
            yield Change(row, rng.integers(-99, 100, DIM).astype(np.float32) if put else None)

    def work(self, number: int) -> list[Search]:
        """What one of the threads does: its share of the changes, and of the searches."""
        changes, found = self.plan[number::THREADS], list[Search]()
        mine = range(number, len(self.queries), THREADS)
        for turn in range(max(len(changes), len(mine))):
            if turn < len(changes):
                self.change(changes[turn])
            if turn < len(mine):
                found.append(self.search(mine[turn]))
        return found

    def change(self, change: Change) -> None:
        self.own.change = change
        name = f"n{change.row}"
        if change.vector is None:
            self.live.remove([name])
        else:
            self.live.put([name], change.vector[None])

    def compact(self) -> None:
        view = self.live.collect()
        base = registry.of(view.base.kind, view.remaining())

        def begin(since: list[Any]) -> None:
            self.bases.append(base)
            self.first[id(base)] = len(self.made) - len(since)

        self.live.go_on_with(base, before=begin)

    def search(self, number: int) -> Search:
        view = self.live.view()
        hits = view.search(self.queries[number][None], K)
        return Search(
            after=self.after(view),
            query=self.queries[number],
            ids=hits.ids[0],
            scores=hits.scores[0],
            found=int(hits.counts[0]),
            size=view.alive_count,
        )

    def after(self, view: LiveView) -> int:
        """How many changes, since the beginning, were made before a view."""
        return self.first[id(view.base)] + view.change

    def wrong(self, searches: list[Search], *, exact: bool) -> int:
        shadow, number, made = Shadow(self.vectors, self.alive), 0, 0
        for search in sorted(searches, key=lambda one: one.after):
            for change in self.made[made : search.after]:
                shadow.make(change)
            made = search.after
            number += shadow.is_wrong(search, exact=exact)
        return number


def race(options: Any, *, names: int) -> dict[str, float]:
    """Changes and searches at the same time."""
    racing = Racing(
        kind=options.kind,
        names=names,
        changes=options.changes,
        searches=options.searches,
        seed=options.seed,
    )
    compactions = 0
    start = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        working = [pool.submit(racing.work, number) for number in range(THREADS)]
        while not all(one.done() for one in working):
            if len(racing.made) - racing.first[id(racing.bases[-1])] >= options.compact_after:
                racing.compact()
                compactions += 1
            time.sleep(0.01)
        searches = [search for one in working for search in one.result()]
    seconds = time.monotonic() - start
    seen = len({search.after for search in searches})
    exact = names < 20_000
    return {
        "candidates": names,
        "changes_asked": options.changes,
        "changes_made": len(racing.made),
        "searches": len(searches),
        "states_seen": seen,
        "compactions": compactions,
        "seconds": seconds,
        "wrong_answers": racing.wrong(searches, exact=exact),
    }


class Changers:
    """Processes that change a recommender, forked from one that has imported everything."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self._folder, self._number = folder, 0
        arguments = [CHANGES, str(bundle), str(COMPACT_AFTER)]
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CHANGER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def killed(self, seed: int, seconds: float) -> tuple[dict[str, int], list[list[Any]]]:
        """Start one and kill it after some time; gives what it found, and what it told."""
        self._number += 1
        pipe = self._folder / f"told-{self._number}"
        pipe.touch()
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps({"pipe": str(pipe), "seed": seed}) + "\n")
        self._server.stdin.flush()
        process = int(self._server.stdout.readline())
        deadline = time.monotonic() + 120
        while b"\n" not in pipe.read_bytes():
            if time.monotonic() > deadline:
                raise BenchmarkError("The changing process does not begin")
            time.sleep(0.01)
        time.sleep(seconds)
        # The server waits for it: its number cannot belong to another process yet.
        os.kill(process, signal.SIGKILL)
        self._server.stdout.readline()
        lines = pipe.read_text(encoding="utf-8").split("\n")[:-1]
        found, *told = (json.loads(line) for line in lines)
        return found, told

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()


def kills(options: Any, say: Callable[[str], None]) -> dict[str, float]:
    """A process that changes a recommender is killed again and again."""
    rng = random.Random(options.seed)
    lost = invented = acknowledged = in_compactions = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = _bundle(folder)
        changers = Changers(bundle, folder)
        states: list[dict[str, int]] = [{str(row): 0 for row in range(ITEMS)}]
        for number in range(options.kills + 1):
            found, told = changers.killed(number, rng.uniform(0, 1.5))
            if found not in states:
                known = states[0]
                lost += sum(found.get(key) != value for key, value in known.items())
                invented += sum(key not in known for key in found)
            if number == options.kills:
                break
            states = _states(found, told)
            acknowledged += sum(line[0] == "done" for line in told)
            in_compactions += any(folder.glob(f".{bundle.name}.*"))
            say(f"{number + 1}/{options.kills} killed after {acknowledged:,} changes")
        changers.close()
    return {
        "kills": options.kills,
        "left_half_a_bundle": in_compactions,
        "acknowledged": acknowledged,
        "lost": lost,
        "invented": invented,
    }


def _states(found: dict[str, int], told: list[list[Any]]) -> list[dict[str, int]]:
    """What may be there after all acknowledged changes, and with the one that was under way."""
    state = dict(found)
    for begun, done in zip(told[::2], told[1::2], strict=False):
        assert (begun[0], done[0]) == ("begin", "done")
        state = _with(state, begun)
    return [state, _with(state, told[-1])] if len(told) % 2 else [state]


def _with(state: dict[str, int], begun: list[Any]) -> dict[str, int]:
    _, name, version = begun
    rest = {key: value for key, value in state.items() if key != name}
    return rest if version is None else rest | {name: version}


def _bundle(folder: Path) -> Path:
    """A recommender of candidates of which a version is known."""
    rng = np.random.default_rng(0)
    item = np.concatenate([np.arange(ITEMS), rng.integers(0, ITEMS, 5000)])
    events = {"user": rng.integers(0, 100, len(item)), "item": item, "version": 0 * item}
    pl.DataFrame(events).write_parquet(folder / "events.parquet")
    recipe = folder / "recipe.toml"
    recipe.write_text(servers.IDS.replace("FILE", str(folder / "events.parquet")))
    servers.train(recipe, folder / "bundle")
    return folder / "bundle"


def run(options: Any) -> dict[str, Any]:
    place, figures = machine(), {}
    common.say("changes and searches together")
    figures["race"] = race(options, names=2_000)
    if options.many:
        figures["race_of_many"] = race(options, names=options.many)
    common.say("kills")
    figures["kills"] = kills(options, common.say)
    settings = {"kind": options.kind, "threads": THREADS, "compact_after": options.compact_after}
    return {"figures": figures, "machine": place, "settings": settings}


def main() -> None:
    parser = common.parser("An index that changes under searches, and is killed.")
    parser.add_argument("--kind", default="scann", help="of the index that is searched")
    parser.add_argument("--changes", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=100_000)
    parser.add_argument("--many", type=int, help="a second race with so many candidates")
    parser.add_argument("--compact-after", type=int, default=10_000, help="changes, in the race")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    result = common.result_of(lambda: run(options))
    if options.json:
        common.print_json(result)
    else:
        for part, figures in result["figures"].items():
            print(part)
            for key, value in figures.items():
                print(f"  {key:28} {value:12,.0f}")
    bad = ("wrong_answers", "lost", "invented")
    parts = result["figures"].values()
    sys.exit(int(any(figures.get(key, 0) for figures in parts for key in bad)))


if __name__ == "__main__":
    main()
