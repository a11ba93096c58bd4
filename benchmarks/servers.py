"""What the benchmarks of servers share: a trained bundle, and a real server process."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
import polars as pl

from turret.errors import BenchmarkError

IDS = """
[data]
files = "FILE"
query_id = "user"
candidate_id = "item"
[split]
kind = "random"
test_fraction = 0.001
[model]
embedding_dim = 64
normalize = true
[[model.query.features]]
kind = "categorical"
column = "user"
[[model.candidate.features]]
kind = "categorical"
column = "item"
[loss]
kind = "softmax"
temperature = 0.2
[train]
epochs = 1
batch_size = 4096
learning_rate = 0.1
[evaluation]
baselines = []
"""


def turret(*arguments: str) -> str:
    """Run a command; gives what it prints."""
    command = [sys.executable, "-m", "turret", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.splitlines()[-1]
        raise BenchmarkError(f"turret {arguments[0]} failed: {last}")
    return done.stdout


def train(recipe: Path, output: Path, *settings: str) -> None:
    """Train by a recipe."""
    turret("train", str(recipe), "--output", str(output), *settings)


def trained_on_ids(folder: Path, *, user: np.ndarray, item: np.ndarray) -> Path:
    """Train a model of ids alone for one epoch on a log; gives its bundle in a new folder."""
    folder.mkdir()
    pl.DataFrame({"user": user, "item": item}).write_parquet(folder / "events.parquet")
    recipe = folder / "recipe.toml"
    recipe.write_text(IDS.replace("FILE", str(folder / "events.parquet")))
    train(recipe, folder / "bundle")
    return folder / "bundle"


@contextmanager
def served(bundle: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Serve a bundle; gives the address and the process's id when it is warm."""
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "turret", "serve", str(bundle), "--port", "0", *options]
        process = subprocess.Popen(command, stderr=log)
        try:
            yield _address(process, log), process.pid
        finally:
            process.terminate()
            process.wait()


def _address(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> str:
    url = ""
    for _ in range(3000):
        time.sleep(0.1)
        log.seek(0)
        lines = [msgspec.json.decode(line) for line in log.read().splitlines()]
        if process.poll() is not None:
            raise BenchmarkError(f"The server ended: {lines[-1:]}")
        for line in lines:
            if line["event"] == "serving":
                url = line["url"]
            if line["event"] == "ready":
                return url
    raise BenchmarkError("The server is not ready")


def resident_mb(pid: int) -> float:
    """Memory of a process, in MB of 2**20 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
