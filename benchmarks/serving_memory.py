"""How much memory a server needs for a candidate.

    python benchmarks/serving_memory.py [--candidates 200000]

A model of ids alone, of 64 numbers, is trained for one epoch on a made log in which each candidate
occurs, with ids of 12 letters. Its server and that of a model of 100 candidates are asked for
recommendations 200 times; then the proportional set size of the process is read (Linux). Written as
JSON are the differences divided by the number of candidates: bytes a candidate, with each kind of
index.
"""

import argparse
import tempfile
from pathlib import Path

import common
import httpx
import numpy as np
import servers

FEW = 100


def made(folder: Path, candidates: int) -> Path:
    """A bundle of so many candidates."""
    rng = np.random.default_rng(0)
    items = np.append(np.arange(candidates), rng.integers(0, candidates, 1000))
    users = rng.integers(0, 1000, items.size)
    names = np.array([f"item {number:07d}" for number in items])
    return servers.trained_on_ids(folder, user=users, item=names)


def proportional(pid: int) -> int:
    """The proportional set size of a process, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024


def measured(bundle: Path) -> int:
    """Bytes of a server that has answered."""
    with servers.served(bundle) as (url, pid):
        for user in range(200):
            body = {"queries": [str(user)], "exclude_seen": True}
            httpx.post(f"{url}/v1/recommend", json=body).raise_for_status()
        return proportional(pid)


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory of a server, by candidate.")
    parser.add_argument("--candidates", type=int, default=200_000)
    candidates: int = parser.parse_args().candidates
    found: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        few, many = made(Path(name) / "few", FEW), made(Path(name) / "many", candidates)
        empty = measured(few)
        for kind in ("exact", "scann", "faiss"):
            servers.turret("index", str(many), "--kind", kind)
            found[kind] = round((measured(many) - empty) / (candidates - FEW))
    found["empty_mb"] = round(empty / 1e6)
    common.print_json(found)


if __name__ == "__main__":
    main()
