"""What the benchmarks with peers share: peers in environments of their own, and how they end."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from turret.benchmarks.workers import Worker
from turret.data.parts import Split
from turret.errors import BenchmarkError, TurretError

PEERS = Path(__file__).with_name("peers")


def peer(python: str, script: str, *arguments: str) -> Worker:
    """Start a peer's script in its own environment, which must not see this one's packages."""
    return Worker([python, str(PEERS / script), *arguments], without=("PYTHONPATH",))


def packages(python: str, names: tuple[str, ...]) -> set[str]:
    """Those of some packages that an environment has."""
    code = f"import importlib.util as u; print(*[n for n in {names!r} if u.find_spec(n)])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchmarkError(f"A peer's interpreter cannot run: {error}") from error
    return set(done.stdout.split())


def write_pairs(parts: Split, folder: Path, *, order: np.ndarray | None = None) -> None:
    """Write what a peer reads: the training pairs, in an order, then the test pairs; the titles."""
    train = parts.train
    pairs = train.interactions if order is None else train.interactions.take(order)
    with (folder / "pairs.tsv").open("w", encoding="utf-8") as file:
        for events in (pairs, parts.test.interactions):
            users = train.query_ids.gather(events.query_row)
            films = train.candidate_ids.gather(events.candidate_row)
            file.writelines(f"{u}\t{f}\n" for u, f in zip(users, films, strict=True))
    titles = "".join(f"{title}\n" for title in train.candidate_ids)
    (folder / "titles.txt").write_text(titles, encoding="utf-8")


def parser(description: str) -> argparse.ArgumentParser:
    """The options of every benchmark."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--rounds", type=int, default=10, help="how often each time is taken")
    made.add_argument("--json", action="store_true", help="print one JSON value and nothing else")
    return made


def result_of(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a benchmark measured; it ends in one sentence where it cannot."""
    try:
        return measure()
    except TurretError as error:
        sys.exit(f"Error: {error}")


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def print_json(result: dict[str, Any]) -> None:
    print(json.dumps(result, indent=2))
