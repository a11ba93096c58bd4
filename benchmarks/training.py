"""The training step beside TensorFlow Recommenders and eager PyTorch, in one run.

    python benchmarks/training.py --peer PYTHON [--peer PYTHON] [--set KEY=VALUE ...] [--json]

Each PYTHON is the interpreter of an environment with tensorflow, tf-keras and
tensorflow-recommenders, or with torch. All start from the same parameters and take the same
batches; their first losses must agree. Ours are whole steps of a training: batches are made from
the log as they are needed. Those of the peers are given to them ready. `turret bench training`
measures the same without peers; `--set` takes its settings. `--picture FILE` also draws the curves.
"""

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import common
import numpy as np
import picture

from turret import compilation
from turret.benchmarks.registry import settings_of
from turret.benchmarks.step_speed import Stepping
from turret.benchmarks.timing import Measure
from turret.benchmarks.training import TrainingSettings, run
from turret.benchmarks.workers import Worker
from turret.errors import BenchmarkError

TOLERANCE = 1e-4


def write_task(stepping: Stepping, folder: Path) -> None:
    """The initial parameters, and the pairs in the order of the batches."""
    tables, dense = stepping.state.parameters
    np.save(folder / "query_table.npy", tables["query/query"])
    np.save(folder / "candidate_table.npy", tables["candidate/candidate"])
    for tower, body in dense.items():
        assert body is not None
        for number, (weight, bias) in enumerate(zip(body.weights, body.biases, strict=True)):
            np.save(folder / f"{tower}_{number}_weight.npy", weight)
            np.save(folder / f"{tower}_{number}_bias.npy", bias)
    batches = stepping.batches
    order = np.concatenate([batches.events(i) for i in range(batches.steps_per_epoch)])
    events = batches.dataset.interactions.take(order)
    # Row 0 of a table is out-of-vocabulary; here the ids stand in the order of the vocabulary.
    np.save(folder / "query_rows.npy", events.query_row + 1)
    np.save(folder / "candidate_rows.npy", events.candidate_row + 1)


class Peers:
    """The other implementations, each in a process of its own."""

    def __init__(self, pythons: list[str], steps: int, stack: ExitStack):
        self.pythons, self.steps, self.stack = pythons, steps, stack
        self.versions: dict[str, object] = {}

    def __call__(self, stepping: Stepping) -> dict[str, Measure]:
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        write_task(stepping, Path(folder))
        expected = stepping.take(self.steps)[1]
        measures: dict[str, Measure] = {}
        for python in self.pythons:
            for name, script, kinds in self.found(python):
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
    def found(python: str) -> list[tuple[str, str, tuple[str, ...]]]:
        there = common.packages(python, ("torch", "tensorflow_recommenders"))
        if not there:
            raise BenchmarkError(
                "A peer's environment has neither torch nor tensorflow_recommenders", got=python
            )
        peers = []
        if "torch" in there:
            peers.append(("torch", "torch_training.py", ("plain", "distinct")))
        if "tensorflow_recommenders" in there:
            peers.append(("tfrs", "tfrs_training.py", ("plain",)))
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


def main() -> None:
    parser = common.parser("The training step beside its peers.")
    parser.add_argument("--peer", action="append", default=[], help="a peer's interpreter")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--picture", type=Path, help="draw the curves into this SVG file")
    options = parser.parse_args()
    settings = settings_of("training", [f"rounds={options.rounds}", *options.set])
    assert isinstance(settings, TrainingSettings)
    compilation.keep_compiled_programs()
    with ExitStack() as stack:
        peers = Peers(options.peer, settings.steps, stack)
        result = run(settings, say=common.say, peers=peers if options.peer else None)
    result["settings"] |= peers.versions
    curves = result["figures"].get("curves", {})
    if options.picture is not None:
        options.picture.write_text(picture.draw(curves), encoding="utf-8")
    if options.json:
        common.print_json(result)
        return
    for name, value in result["figures"].items():
        if name != "curves":
            print(f"{name:28} {value:14.6g}")
    for name, points in curves.items():
        print()
        print(name)
        for point in points:
            print("  ".join(f"{key} {value:,.6g}" for key, value in point.items()))


if __name__ == "__main__":
    main()
