"""The training step beside TensorFlow Recommenders and eager PyTorch, in one run.

    python benchmarks/training.py --peer PYTHON [--peer PYTHON] [--set KEY=VALUE ...] [--json]

Each PYTHON is the interpreter of an environment with tensorflow, tf-keras and
tensorflow-recommenders, or with torch. All start from the same parameters and take the same
batches; their first losses must agree. Ours are whole steps of a training: batches are made from
the log as they are needed. Those of the peers are given to them ready. `turret bench training`
measures the same without peers; `--set` takes its settings. `picture.py` draws the curves.
"""

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np

from turret import compilation
from turret.benchmarks.registry import settings_of
from turret.benchmarks.step_speed import Stepping
from turret.benchmarks.timing import Measure
from turret.benchmarks.training import TrainingSettings, run
from turret.benchmarks.workers import Worker
from turret.errors import BenchmarkError
from turret.model.layers.mlp import MLP

TOLERANCE = 1e-4


def write_task(stepping: Stepping, folder: Path) -> None:
    """The initial parameters, and the pairs in the order of the batches."""
    tables, dense = stepping.state.parameters
    np.save(folder / "query_table.npy", tables["query/query"])
    np.save(folder / "candidate_table.npy", tables["candidate/candidate"])
    for tower, (_, body) in dense.items():
        assert body is not None and body.head is not None
        (mlp,) = body.layers
        assert isinstance(mlp, MLP)
        for number, layer in enumerate((*mlp.layers, body.head)):
            np.save(folder / f"{tower}_{number}_weight.npy", layer.weight)
            np.save(folder / f"{tower}_{number}_bias.npy", layer.bias)
    batches = stepping.batches
    order = np.concatenate([batches.events(i) for i in range(batches.steps_per_epoch)])
    events = batches.dataset.interactions.take(order)
    # Row 0 of a table is out-of-vocabulary; here the ids stand in the order of the vocabulary.
    np.save(folder / "query_rows.npy", events.query_row + 1)
    np.save(folder / "candidate_rows.npy", events.candidate_row + 1)


class Peers:
    """The other implementations, each in a process of its own."""

    def __init__(self, pythons: list[str], steps: int, stack: ExitStack):
        self.found = [one for python in pythons for one in self.peers_of(python)]
        self.steps, self.stack = steps, stack
        self.versions: dict[str, object] = {}

    def __call__(self, stepping: Stepping) -> dict[str, Measure]:
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        write_task(stepping, Path(folder))
        expected = stepping.take(self.steps)[1]
        measures: dict[str, Measure] = {}
        for python, name, script, kinds in self.found:
            size = str(stepping.batches.batch_size)
            worker = self.stack.enter_context(common.peer(python, script, folder, size))
            self.versions |= worker.ready
            self.check(name, worker.ask(f"plain {self.steps}")["losses"], expected)
            for kind in kinds:
                worker.ask(f"{kind} {self.steps}")
                key = name if kind == "plain" else f"{name}_{kind}"
                measures[key] = partial(self.seconds, worker, f"{kind} {self.steps}")
        return measures

    @staticmethod
    def peers_of(python: str) -> list[tuple[str, str, str, tuple[str, ...]]]:
        there = common.packages(python, ("torch", "tensorflow_recommenders"))
        if not there:
            raise BenchmarkError(
                "A peer's environment has neither torch nor tensorflow_recommenders", got=python
            )
        peers = []
        if "torch" in there:
            peers.append((python, "torch", "torch_training.py", ("plain", "distinct")))
        if "tensorflow_recommenders" in there:
            peers.append((python, "tfrs", "tfrs_training.py", ("plain",)))
        return peers

    @staticmethod
    def seconds(worker: Worker, request: str) -> float:
        return worker.ask(request)["seconds"]

    @staticmethod
    def check(name: str, losses: list[float], expected: list[float]) -> None:
        if not np.allclose(losses, expected, rtol=TOLERANCE, atol=0):
            raise BenchmarkError(
                f"{name} does not train the same model: its first losses differ",
                got=losses,
                expected=str(expected),
            )


def measure(pythons: list[str], texts: list[str]) -> dict[str, Any]:
    settings = settings_of("training", texts)
    assert isinstance(settings, TrainingSettings)
    with ExitStack() as stack:
        peers = Peers(pythons, settings.steps, stack)
        result = run(settings, say=common.say, peers=peers if pythons else None)
    result["settings"] |= peers.versions
    return result


def main() -> None:
    parser = common.parser("The training step beside its peers.")
    parser.add_argument("--peer", action="append", default=[], help="a peer's interpreter")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    compilation.keep_compiled_programs()
    texts = [f"rounds={options.rounds}", *options.set]
    result = common.result_of(lambda: measure(options.peer, texts))
    if options.json:
        common.print_json(result)
        return
    curves = result["figures"].pop("curves", {})
    for name, value in result["figures"].items():
        print(f"{name:28} {value:14.6g}")
    for name, points in curves.items():
        print()
        print(name)
        for point in points:
            print("  ".join(f"{key} {value:,.6g}" for key, value in point.items()))


if __name__ == "__main__":
    main()
