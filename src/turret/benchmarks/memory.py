"""Peak memory of one computation, in a process of its own.

    python -m turret.benchmarks.memory loss|step JSON

runs it once to warm up, gives back what is free, lets the kernel start its record of the process's
highest resident memory anew, and runs it some times more. What is counted is what the computation
adds to its inputs: results and everything in between.
"""

import ctypes
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax

from turret.benchmarks.loss_speed import loss_call
from turret.benchmarks.step_speed import Stepping
from turret.benchmarks.worlds import World
from turret.errors import BenchmarkError

__all__ = ["can_measure", "main", "peak_mb", "peak_of"]

_TIMES = 3  # threads do not always meet in their hungriest moments
_QUIET = 10  # readings in a row that are no lower
_PAUSE_S = 0.02
_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def can_measure() -> bool:
    """Whether this system keeps a record of the highest resident memory that can start anew."""
    return _CLEAR.exists() and _STATUS.exists()


def peak_mb(kind: str, **sizes: int) -> float:
    """Measure in a new process.

    Args:
        kind: "loss" for the loss and both gradients, or "step" for a whole training step.
        sizes: the arguments of `loss_call`, or those of a world and `batch_size`.

    Returns:
        Megabytes (10^6 bytes) above the inputs.

    Raises:
        BenchmarkError: the process failed.
    """
    command = [sys.executable, "-m", "turret.benchmarks.memory", kind, json.dumps(sizes)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        raise BenchmarkError(
            f"Measuring memory ended with code {done.returncode}", fix=f"It wrote last: {last}"
        )
    return json.loads(done.stdout)["peak_mb"]


def main(arguments: list[str]) -> None:
    """Measure in this process and print JSON.

    Args:
        arguments: the kind, and the sizes as JSON.
    """
    kind, sizes = arguments[0], json.loads(arguments[1])
    compute = _loss(sizes) if kind == "loss" else _step(sizes)
    compute()

    def some_times() -> None:
        for _ in range(_TIMES):
            compute()

    print(json.dumps({"peak_mb": peak_of(some_times)}))


def peak_of(compute: Callable[[], None]) -> float:
    """Megabytes (10^6 bytes) that this process needs for a computation beside what it holds.

    Args:
        compute: the computation.
    """
    before = _resting()
    _CLEAR.write_text("5")
    compute()
    return (_resident("VmHWM") - before) / 1e6


def _resting() -> int:
    """Bytes held once no more is given back: threads free some after a result is there."""
    trim, lowest, unchanged = ctypes.CDLL(None).malloc_trim, sys.maxsize, 0
    while unchanged < _QUIET:
        trim(0)
        held = _resident("VmRSS")
        unchanged = unchanged + 1 if held >= lowest else 0
        lowest = min(lowest, held)
        time.sleep(_PAUSE_S)
    return lowest


def _loss(sizes: dict[str, int]) -> Callable[[], None]:
    call, arguments = loss_call(**sizes)
    compiled = jax.jit(call)

    def compute() -> None:
        jax.block_until_ready(compiled(*arguments))

    return compute


def _step(sizes: dict[str, int]) -> Callable[[], None]:
    batch_size = sizes.pop("batch_size")
    stepping = Stepping(World.make(**sizes), batch_size=batch_size)

    def compute() -> None:
        stepping.take(1)

    return compute


def _resident(field: str) -> int:
    for line in _STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError(f"{_STATUS} does not name {field}")


if __name__ == "__main__":
    main(sys.argv[1:])
