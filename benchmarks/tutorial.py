"""The reference tutorial and ours, side by side in one run: epoch, evaluation and query times.

    python benchmarks/tutorial.py --peer PEER_PYTHON [--data FOLDER_OR_ZIP] [--json]

PEER_PYTHON is the interpreter of an environment with tensorflow, tf-keras and
tensorflow-recommenders. Both train the tutorial's model on the same 80,000 pairs of MovieLens-100K
in the same batches for three epochs, and take the top-k accuracy of the same 20,000. Then warm
runs alternate, and the ratio of their medians is reported. The reference runs without metrics
while training. Ours includes batching and every loss on the host in an epoch, and vectors and all
metrics, with seen candidates included and excluded, in an evaluation.
"""

import tempfile
import time
from pathlib import Path

import common
import jax
import numpy as np

import turret
from turret.benchmarks.machine import machine
from turret.benchmarks.timing import interleave
from turret.bundle.bundle import Bundle
from turret.data.movielens import movielens
from turret.data.parts import Split
from turret.data.splits import split
from turret.evaluation.measure import measure
from turret.index import registry
from turret.model.trained import TrainedModel
from turret.recommender.recommender import Recommender
from turret.toml import builtin
from turret.train.state import TrainState
from turret.train.stepping import steps
from turret.train.trainer import prepare

RECIPE = builtin("tutorial")
KS = RECIPE.evaluation.ks


class Ours:
    """The tutorial's recipe, an epoch at a time."""

    def __init__(self, parts: Split):
        self.parts = parts
        train = RECIPE.train
        self.batches, self.state = prepare(parts.train, RECIPE.model, loss=RECIPE.loss, train=train)
        self.encoders = self.batches.query_encoder, self.batches.candidate_encoder
        self.taken = 0
        self.recommender: Recommender | None = None

    @property
    def trained(self) -> TrainedModel:
        return TrainedModel(RECIPE.model, *self.encoders, self.state.parameters)

    def epoch(self) -> dict:
        start = time.perf_counter()
        losses = []
        stop = self.taken + self.batches.steps_per_epoch
        for step in steps(self.state, self.batches, start=self.taken, stop=stop):
            self.state: TrainState = step.state
            losses.append(step.losses)
        self.taken = stop
        losses = [float(one.loss) for one in jax.device_get(losses)]
        return {"seconds": time.perf_counter() - start, "loss": losses[-1]}

    def evaluate(self) -> dict:
        start = time.perf_counter()
        found = measure(self.trained, self.parts.test, train=self.parts.train, ks=KS)
        figures = found.seen_included.figures
        assert found.seen_excluded is not None and found.seen_excluded.figures
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "top_k_accuracy": {str(k): figures[f"top_k_accuracy@{k}"] for k in KS},
        }

    def query(self) -> dict:
        if self.recommender is None:
            train = self.parts.train
            vectors = self.trained.candidate_vectors(train.candidates)
            index = registry.build(
                RECIPE.index.kind, ids=train.candidate_ids.to_list(), vectors=vectors
            )
            self.recommender = Recommender(
                Bundle.assemble(trained=self.trained, dataset=train, index=index)
            )
        one = {"user_id": ["42"]}
        self.recommender.recommend(one, k=10)
        seconds = []
        for _ in range(200):
            start = time.perf_counter()
            self.recommender.recommend(one, k=10)
            seconds.append(time.perf_counter() - start)
        return {"seconds": float(np.median(seconds))}


def run(python: str, data: str | None, rounds: int) -> dict:
    place = machine()
    lens = movielens("100k", path=data)
    parts = split(lens.dataset(candidate_id="movie_title", timestamp="timestamp"), RECIPE.split)
    ours = Ours(parts)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        batches, _ = prepare(parts.train, RECIPE.model, loss=RECIPE.loss, train=RECIPE.train)
        order = np.concatenate([batches.events(i) for i in range(batches.steps_per_epoch)])
        common.write_pairs(parts, Path(folder), order=order)
        peer = common.peer(python, "tfrs_tutorial.py", folder, str(len(parts.train.interactions)))
        for _ in range(RECIPE.train.epochs):  # the tutorial's training, which also warms both up
            peer.ask("epoch")
            ours.epoch()
        figures["top_100"] = ours.evaluate()["top_k_accuracy"]["100"]
        figures["reference_top_100"] = peer.ask("evaluate")["top_k_accuracy"]["100"]
        for name, key in (("epoch", "epoch"), ("evaluate", "evaluation"), ("query", "query")):
            seconds = interleave(
                {
                    "reference": lambda name=name: peer.ask(name)["seconds"],
                    "ours": lambda name=name: getattr(ours, name)()["seconds"],
                },
                rounds=rounds,
            )
            figures[f"{key}_ratio"] = seconds["reference"] / seconds["ours"]
            figures[f"{key}_seconds"] = seconds["ours"]
            figures[f"reference_{key}_seconds"] = seconds["reference"]
        peer.close()
    versions = {"jax": jax.__version__, "turret": turret.__version__, **peer.ready}
    return {"figures": figures, "machine": place, "settings": {"rounds": rounds, **versions}}


def main() -> None:
    parser = common.parser("The reference tutorial and ours, side by side.")
    parser.add_argument("--peer", required=True, help="interpreter of the reference's environment")
    parser.add_argument("--data", help="a MovieLens-100K folder or zip; otherwise it is fetched")
    options = parser.parse_args()
    result = common.result_of(lambda: run(options.peer, options.data, options.rounds))
    if options.json:
        common.print_json(result)
        return
    figures = result["figures"]
    for key in ("epoch", "evaluation", "query"):
        theirs, own = figures[f"reference_{key}_seconds"], figures[f"{key}_seconds"]
        ratio = theirs / own
        print(f"{key:10}  reference {theirs:9.5f} s   ours {own:9.5f} s   ratio {ratio:6.1f}")
    theirs, own = figures["reference_top_100"], figures["top_100"]
    print(f"top-100 accuracy  reference {theirs:.4f}   ours {own:.4f}")


if __name__ == "__main__":
    main()
