"""Kills trainings and resumes them: the final parameters must be those of one that nobody killed.

    python benchmarks/crash_safety.py [--runs 50] [--in-a-save 10] [--seed 0] [--json]

Each run is `turret train` on a small data set, four epochs with a checkpoint every 40 steps
and early stopping. It is killed (SIGKILL) while it is alive, between its first checkpoint and its
end: at a moment drawn at random, or, in some runs, while a checkpoint is being written, which the
half-written directory it leaves behind shows. Then `turret train --resume` goes on. A run is whole
when the bundle's file of parameters, and that of the optimizer's state, are those of the
uninterrupted training, byte for byte, and its JSON lines hold each step and epoch exactly once.

The processes are forked from one that has imported everything and run nothing, which saves the
time of starting.
"""

import argparse
import json
import os
import platform
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

EPOCHS = 4
EVERY = 40
FILES = ("parameters.safetensors", "optimizer.safetensors")
RECIPE = f"""
[data]
files = "events.parquet"
query_id = "user_id"
candidate_id = "item_id"

[split]
validation_fraction = 0.1

[model]
embedding_dim = 16

[[model.query.features]]
kind = "categorical"
column = "user_id"

[[model.query.body]]
kind = "mlp"
hidden = [16]

[[model.candidate.features]]
kind = "categorical"
column = "item_id"

[train]
epochs = {EPOCHS}
batch_size = 128

[train.early_stopping]
metric = "recall@3"
patience = {EPOCHS}

[train.checkpoint]
steps = {EVERY}

[evaluation]
ks = [3]
bootstrap = 0
"""

SERVER = """
import json, os, sys
import jax, turret.cli.app, turret.pipeline.training, turret.toml
import turret.train.json_lines, turret.train.progress
for line in sys.stdin:
    arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        turret.cli.app.main(arguments)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def events() -> pl.DataFrame:
    """Two dozen users, three rare ones, sixteen items: every batch full and of few shapes."""
    rng = np.random.default_rng(0)
    user = rng.integers(24, size=24_138)
    user[:60] = 24 + np.arange(60) % 3
    item = (user + rng.binomial(6, 0.3, size=len(user))) % 16
    return pl.DataFrame({"user_id": user, "item_id": item})


class Trainings:
    """Starts trainings in a folder, one at a time."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
        events().write_parquet(folder / "events.parquet")
        environment = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str) -> int:
        """Start the command and return a descriptor of its process."""
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(arguments) + "\n")
        self._server.stdin.flush()
        # Not its number, which another process could have by the time it is killed.
        return os.pidfd_open(self._answer())

    def wait(self) -> int:
        """Return the exit code of what was started, or the negative number of a signal."""
        return os.waitstatus_to_exitcode(self._answer())

    def finish(self, *arguments: str) -> None:
        """Run the command to its end."""
        os.close(self.start(*arguments))
        code = self.wait()
        if code != 0:
            told = (self.folder / "log").read_text(encoding="utf-8").splitlines()[-20:]
            sys.exit("\n".join([*told, f"turret {' '.join(arguments)} ended with {code}"]))

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        assert self._server.stdout is not None
        self._server.stdout.close()

    def _answer(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())


@dataclass(frozen=True)
class Run:
    """A training that was killed and resumed."""

    kind: Literal["at random", "in a save"]
    seconds_after_first_checkpoint: float
    newest_checkpoint: int
    identical: bool
    lines_once: bool
    cleared: bool

    @property
    def whole(self) -> bool:
        return self.identical and self.lines_once and self.cleared


def command(name: str, *more: str) -> tuple[str, ...]:
    return ("train", "recipe.toml", "--output", name, *more)


def wait_for(process: int, condition: Callable[[], bool], *, look: float = 0.003) -> bool:
    """Wait until a condition holds; False when the process ended before."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    while not condition():
        if poll.poll(0):
            return False
        time.sleep(look)
    return True


def half_written(checkpoints: Path) -> int | None:
    """The step of which a checkpoint is being written, or was when the process was killed."""
    try:
        names = [path.name for path in checkpoints.iterdir()]
    except FileNotFoundError:
        return None
    whole = [int(name.removeprefix("step-")) for name in names if name.startswith("step-")]
    part = [int(name.split(".")[1].removeprefix("step-")) for name in names if name[0] == "."]
    # One that is being removed looks the same, but is not the newest.
    return max((step for step in part if step > max(whole, default=0)), default=None)


class Comparison:
    """The uninterrupted training, and those that are compared with it."""

    def __init__(self, trainings: Trainings, seed: int):
        self.trainings, self._random, self._number = trainings, random.Random(seed), 0
        trainings.finish(*command("warm-up"))  # fills the cache of compiled programs
        process = trainings.start(*command("whole"))
        assert wait_for(process, lambda: bool(self._steps("whole")))
        began = time.monotonic()
        assert trainings.wait() == 0
        os.close(process)
        self.span = time.monotonic() - began
        self.wanted = {name: self._bytes("whole", name) for name in FILES}

    def run(self, kind: Literal["at random", "in a save"]) -> Run:
        """Kill one training and resume it; one that ends before it is killed is done again."""
        while True:
            self._number += 1
            name = f"run-{self._number}"
            killed = self._killed(name, kind)
            if killed is not None:
                break
        newest = max(self._steps(name))
        self.trainings.finish(*command(name, "--resume"))
        folder = self.trainings.folder
        return Run(
            kind=kind,
            seconds_after_first_checkpoint=killed,
            newest_checkpoint=newest,
            identical=all(self._bytes(name, file) == self.wanted[file] for file in FILES),
            lines_once=self._lines(name) == self._lines("whole"),
            cleared=not (folder / f"{name}.checkpoints").exists(),
        )

    def _killed(self, name: str, kind: str) -> float | None:
        """Start a training and kill it; None when it came to another end."""
        checkpoints = self.trainings.folder / f"{name}.checkpoints"
        process = self.trainings.start(*command(name))
        wait_for(process, lambda: bool(self._steps(name)))
        began = time.monotonic()
        moment = began + self._random.random() * self.span
        wait_for(process, lambda: time.monotonic() >= moment)
        if kind == "in a save":
            wait_for(process, lambda: half_written(checkpoints) is not None, look=0.0002)
            time.sleep(self._random.random() * 0.003)
        after = time.monotonic() - began
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)
        if self.trainings.wait() != -signal.SIGKILL or not self._steps(name):
            return None
        return after if kind == "at random" or half_written(checkpoints) is not None else None

    def _steps(self, name: str) -> list[int]:
        found = (self.trainings.folder / f"{name}.checkpoints").glob("step-*")
        return [int(path.name.removeprefix("step-")) for path in found]

    def _bytes(self, name: str, file: str) -> bytes:
        return (self.trainings.folder / name / file).read_bytes()

    def _lines(self, name: str) -> list[tuple[object, ...]]:
        """What each line says of a step or an epoch, but for its times."""
        text = (self.trainings.folder / f"{name}.metrics.jsonl").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        keys = ("kind", "step", "epoch", "loss", "validation")
        return [tuple(line.get(key) for key in keys) for line in lines]


def run(runs: int, in_a_save: int, *, seed: int = 0, say: Callable[[str], None] = print) -> dict:
    """All runs; the figures in the shape that every benchmark has."""
    done: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        trainings = Trainings(Path(folder))
        comparison = Comparison(trainings, seed)
        for number in range(runs):
            done.append(comparison.run("in a save" if number < in_a_save else "at random"))
            say(f"{number + 1}/{runs} {asdict(done[-1])}")
        trainings.close()
    return {
        "figures": {
            "runs": runs,
            "killed_in_a_save": sum(one.kind == "in a save" for one in done),
            "identical": sum(one.identical for one in done),
            "whole": sum(one.whole for one in done),
        },
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "settings": {
            "epochs": EPOCHS,
            "steps_between_checkpoints": EVERY,
            "seconds_from_first_checkpoint_to_end": comparison.span,
            "seed": seed,
        },
        "runs": [asdict(one) for one in done],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill trainings, resume them, compare the bytes.")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--in-a-save", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    say = partial(print, file=sys.stderr, flush=True)
    result = run(options.runs, options.in_a_save, seed=options.seed, say=say)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    figures = result["figures"]
    print(
        f"{figures['identical']} of {figures['runs']} killed and resumed trainings"
        f" ({figures['killed_in_a_save']} killed in a save) gave the same bytes."
    )
    sys.exit(0 if figures["whole"] == figures["runs"] else 1)


if __name__ == "__main__":
    main()
