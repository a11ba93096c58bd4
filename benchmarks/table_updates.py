"""What a training step costs with a large table, next to a small one.

    python benchmarks/table_updates.py [--rows 100000 10000000] [--dim 64] [--optimizers adam sgd]
        [--averaging 0.999] [--json]

Every batch has 8192 pairs with 8192 distinct queries and 4096 distinct candidates; only the number
of rows of the query table differs. Per optimizer both trainings are kept alive and their steps
alternate, and `table_growth` is the ratio of the median seconds, large over small. `updates_growth`
is the same ratio for the gathers, updates and scatters alone, without the towers and the loss: a
row of a table that fits a cache is fetched faster than one that does not, and this shows it.
`in_place` says that after all steps each table, its optimizer's state and its average still lie
where they lay, and `temporary_mb` how much memory the compiled step takes beside its arguments: a
copy of a table would show in both.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from turret.benchmarks.timing import Measure, interleave, seconds_of
from turret.data.batch import Batch
from turret.data.encoders.tower import TowerEncoder
from turret.model.tables import gather
from turret.model.towers import Parameters
from turret.recipe.bodies.mlp import MLP
from turret.recipe.features.categorical import Categorical
from turret.recipe.loss import Softmax
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.optimizers.tables import update_tables
from turret.train.schedules import Rates
from turret.train.state import Program, TrainState, train_step

QUERIES, CANDIDATES, CATALOGUE = 8192, 4096, 200_000
NAMES = {"query/query_id": QUERIES, "candidate/candidate_id": CANDIDATES}


class Training:
    """A training whose query table has a given number of rows, on random batches."""

    def __init__(self, rows: int, *, dim: int, train: Train, batches: int = 8):
        model = TwoTower(
            query=Tower([Categorical("query_id")], body=[MLP([dim])]),
            candidate=Tower([Categorical("candidate_id")], body=[MLP([dim])]),
            embedding_dim=dim,
        )
        self.rows = dict(zip(NAMES, (rows, CATALOGUE), strict=True))
        program = Program.of(model, Softmax(), train)
        # Small tables first: the draw of a table takes four times its memory for a moment.
        encoders = (_tiny("query", model.query), _tiny("candidate", model.candidate))
        state = TrainState.create(
            program,
            key=jax.random.key(0),
            query_encoder=encoders[0],
            candidate_encoder=encoders[1],
            num_candidates=CATALOGUE,
            rates=Rates.of(train, num_steps=100),
        )
        tables = {name: jnp.full((self.rows[name], dim), 0.01) for name in NAMES}
        fields = {
            **{name: getattr(state, name) for name in state.__dataclass_fields__},
            "parameters": Parameters(tables, state.parameters.dense),
            "slots": {name: program.tables.init(table) for name, table in tables.items()},
        }
        self.state = jax.block_until_ready(TrainState(**fields))
        generator = np.random.default_rng(0)
        self.batches = [self._batch(generator) for _ in range(batches)]
        self.steps = 0

    def _batch(self, generator: np.random.Generator) -> Batch:
        touched = {}
        for name, number in NAMES.items():
            drawn = np.unique(generator.integers(0, self.rows[name], 2 * number))
            touched[name] = generator.permutation(drawn)[:number].astype(np.int32)
        pair_candidate = generator.integers(0, CANDIDATES, QUERIES).astype(np.int32)
        return Batch(
            query={"query_id/rows": np.arange(QUERIES, dtype=np.int32)},
            candidate={"candidate_id/rows": np.arange(CANDIDATES, dtype=np.int32)},
            table_rows=touched,
            pair_query=np.arange(QUERIES, dtype=np.int32),
            pair_candidate=pair_candidate,
            pair_weight=np.ones(QUERIES, np.float32),
            candidate_count=np.bincount(pair_candidate, minlength=CANDIDATES).astype(np.float32),
        )

    @property
    def next_batch(self) -> Batch:
        self.steps += 1
        return self.batches[self.steps % len(self.batches)]

    def step(self) -> None:
        self.state, _ = train_step(self.state, self.next_batch)
        jax.block_until_ready(self.state)

    def update(self) -> None:
        state, rows = self.state, self.next_batch.table_rows
        tables, slots = _update(
            state.parameters.tables, state.slots, rows, optimizer=state.program.tables
        )
        fields = {name: getattr(state, name) for name in state.__dataclass_fields__}
        fields |= {"parameters": Parameters(tables, state.parameters.dense), "slots": slots}
        self.state = jax.block_until_ready(TrainState(**fields))

    def addresses(self) -> list[int]:
        tables = self.state.parameters.tables, self.state.slots, self.state.averages
        return [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(tables)]

    def temporary_mb(self) -> float:
        compiled = train_step.lower(self.state, self.batches[0]).compile()
        analysis: Any = compiled.memory_analysis()
        return analysis.temp_size_in_bytes / 2**20


def _tiny(name: str, tower: Tower) -> TowerEncoder:
    """An encoder of one value a feature, so that its tables have two rows."""
    states = tuple(pl.DataFrame({"id": ["one"]}) for _ in tower.features)
    return TowerEncoder.restored(name, tuple(tower.features), states=states)


@partial(jax.jit, static_argnames="optimizer", donate_argnums=(0, 1))
def _update(tables: Any, slots: Any, rows: Any, *, optimizer: Any) -> Any:
    rows = jax.tree.map(jnp.asarray, rows)
    touched = {name: gather(table, rows[name]) for name, table in tables.items()}
    updated = update_tables(
        optimizer,
        tables=tables,
        slots=slots,
        touched=touched,
        gradient={name: 0.1 * one for name, one in touched.items()},
        rows=rows,
        learning_rate={name: jnp.float32(1e-3) for name in tables},
    )
    return updated.tables, updated.slots


def growth(small: Measure, large: Measure, *, rounds: int) -> tuple[float, list[float]]:
    """The ratio of the median seconds of two measurements in turns, and those as milliseconds."""
    medians = interleave({"small": small, "large": large}, rounds=rounds)
    milliseconds = [round(1e3 * seconds, 2) for seconds in medians.values()]
    return round(medians["large"] / medians["small"], 3), milliseconds


def measure(rows: Sequence[int], *, dim: int, train: Train, rounds: int) -> dict[str, Any]:
    """The figures of one optimizer."""
    small, large = (Training(number, dim=dim, train=train) for number in rows)
    before = small.addresses() + large.addresses()
    table_growth, step_ms = growth(seconds_of(small.step), seconds_of(large.step), rounds=rounds)
    updates_growth, updates_ms = growth(
        seconds_of(small.update), seconds_of(large.update), rounds=rounds
    )
    return {
        "table_growth": table_growth,
        "updates_growth": updates_growth,
        "step_ms": step_ms,
        "updates_ms": updates_ms,
        "temporary_mb": [round(small.temporary_mb(), 1), round(large.temporary_mb(), 1)],
        "in_place": before == small.addresses() + large.addresses(),
    }


def main() -> None:
    """Measure, and print a line an optimizer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=[100_000, 10_000_000])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=20)
    names = ["sgd", "adagrad", "rowwise_adagrad", "adam", "adamw"]
    parser.add_argument("--optimizers", nargs="+", choices=names, default=names)
    parser.add_argument("--averaging", type=float, default=None)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures = {}
    for name in asked.optimizers:
        train = Train(optimizer=name, averaging=asked.averaging)
        figures[name] = measure(asked.rows, dim=asked.dim, train=train, rounds=asked.rounds)
        if not asked.json:
            print(f"{name}: {figures[name]}", flush=True)
    if asked.json:
        settings = {"rows": asked.rows, "dim": asked.dim, "averaging": asked.averaging}
        print(json.dumps({"figures": figures, "settings": settings}))


if __name__ == "__main__":
    main()
