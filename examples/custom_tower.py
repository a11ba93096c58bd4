"""Towers of one's own: two Equinox modules, trained, saved, and loaded by another process.

The candidate tower has a gated layer as its body. The query tower is one's own as a whole: it pools
the embedding rows of what the user took by attention, and adds the user's own vector.

    python examples/custom_tower.py
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import polars as pl
from jaxtyping import Array, Float, PRNGKeyArray

import turret
from turret import (
    Categorical,
    Custom,
    History,
    Recommender,
    Tower,
    TowerRow,
    Train,
    TwoTower,
)

ALLOWED = ["custom_tower:Gated", "custom_tower:HistoryTower"]


# 1. A body: from the features' vectors side by side to the tower's vector, for one row.
class Gated(eqx.Module):
    """`(x V * sigmoid(x G)) W + b`, with dropout before the last matrix."""

    inner: eqx.nn.Linear
    outer: eqx.nn.Linear
    dropout: eqx.nn.Dropout

    def __init__(
        self,
        *,
        in_size: int,
        out_size: int,
        width: int = 64,
        dropout: float = 0.0,
        key: PRNGKeyArray,
    ) -> None:
        """Draw the parameters."""
        one, two = jax.random.split(key)
        self.inner = eqx.nn.Linear(in_size, 2 * width, key=one)
        self.outer = eqx.nn.Linear(width, out_size, key=two)
        self.dropout = eqx.nn.Dropout(dropout)

    def __call__(
        self, x: Float[Array, " in_size"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, " out_size"]:
        """The vector of one row."""
        value, gate = jnp.split(self.inner(x), 2)
        return self.outer(self.dropout(value * jax.nn.sigmoid(gate), key=key))


# 2. A whole tower: from everything that is known of a row to the tower's vector.
class HistoryTower(eqx.Module):
    """Attention over the embedding rows of what a user took, seen from what was taken last."""

    query: eqx.nn.Linear
    key: eqx.nn.Linear
    history: str = eqx.field(static=True)

    def __init__(
        self, *, in_size: Mapping[str, int], out_size: int, history: str, key: PRNGKeyArray
    ) -> None:
        """Draw the parameters; `history` is the key of the feature that is pooled."""
        one, two = jax.random.split(key)
        self.query = eqx.nn.Linear(in_size[history], out_size, key=one)
        self.key = eqx.nn.Linear(in_size[history], out_size, key=two)
        self.history = history

    def __call__(
        self, row: TowerRow, *, key: PRNGKeyArray | None = None
    ) -> Float[Array, " out_size"]:
        """The vector of one row; the other features' vectors are added."""
        rows = row.encoded[f"{self.history}/rows"]
        there = rows >= 0  # a shorter history has -1 in front
        vectors = jnp.where(there[:, None], row.tables[self.history][rows], 0.0)
        scores = jax.vmap(self.key)(vectors) @ self.query(vectors[-1])
        shares = jax.nn.softmax(scores, where=there | ~there.any())
        others = [x for name, x in row.vectors.items() if name != self.history]
        return sum(others, shares @ vectors)


def model() -> TwoTower:
    """One's own towers, by import path and configuration."""
    body = Custom("custom_tower:Gated", options={"width": 32, "dropout": 0.1})
    whole = Custom("custom_tower:HistoryTower", options={"history": "history"}, input="row")
    features = [Categorical("user_id"), History("history", table="candidate/item_id", length=10)]
    return TwoTower(
        query=Tower(features, body=[whole]),
        candidate=Tower([Categorical("item_id")], body=[body]),
        embedding_dim=16,
    )


def train(path: Path) -> None:
    """Train, write a bundle, and say what it answers."""
    world = turret.synthetic(num_queries=300, num_candidates=100, num_interactions=4_000, seed=1)
    log = world.dataset  # one batch, so that one step is compiled
    result = turret.fit(log, model(), train=Train(epochs=60, batch_size=4_000))
    first, last = result.history[0], result.history[-1]
    print(f"loss {first.losses['loss']:.3f}, after {last.epoch} epochs {last.losses['loss']:.3f}")
    recommender = Recommender.build(result.trained, log)
    recommender.save(path)
    print("this process: ", *answers(recommender))


def serve(path: Path) -> None:
    """Load the bundle. Without `allow_custom` it is refused, before anything is imported."""
    try:
        Recommender.load(path)
    except turret.BundleError as error:
        print("refused:", error.what)
    print("other process:", *answers(Recommender.load(path, allow_custom=ALLOWED)))


def answers(recommender: Recommender) -> list[str]:
    """The best items for a user never seen, who brings a history; and the scores to the bit."""
    asked = pl.DataFrame({"user_id": ["new"], "history": [["item 3", "item 5", "item 8"]]})
    hits = recommender.recommend(asked, k=3)
    pairs = zip(hits.ids[0], hits.scores[0].tolist(), strict=True)
    return [f"{name} {score.hex()}" for name, score in pairs]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            train(Path(folder) / "bundle")
            subprocess.run([sys.executable, __file__, str(Path(folder) / "bundle")], check=True)
