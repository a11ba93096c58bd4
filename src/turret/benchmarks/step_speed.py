"""How many pairs a second are trained on, batches being made as in any training."""

import time

import jax
import numpy as np

from turret.benchmarks.worlds import World
from turret.data.batches import Batches
from turret.recipe.loss import Softmax
from turret.recipe.training import Train
from turret.train.schedules import Rates
from turret.train.state import Program, TrainState
from turret.train.stepping import steps

__all__ = ["LOSS", "Stepping"]

LOSS = Softmax(reduction="sum")
"""The in-batch softmax, summed over the pairs as the reference implementation does."""


class Stepping:
    """A training in a world, some steps at a time. The log is run through again and again.

    Args:
        world: where to train.
        batch_size: pairs a step.

    Attributes:
        batches: the batches, the same ones in each epoch.
        state: the state after the steps so far.
    """

    def __init__(self, world: World, *, batch_size: int) -> None:
        """Draw the initial parameters."""
        train = Train(optimizer="adagrad", learning_rate=0.05, batch_size=batch_size)
        encoders = world.query_encoder, world.candidate_encoder
        self.batches = Batches(
            world.dataset, *encoders, batch_size=batch_size, loss=LOSS, reshuffle=False
        )
        self.state = TrainState.create(
            Program.of(world.config, LOSS, train),
            key=jax.random.key(0),
            query_encoder=world.query_encoder,
            candidate_encoder=world.candidate_encoder,
            num_candidates=world.dataset.num_candidates,
            rates=Rates.of(train, num_steps=self.batches.steps_per_epoch),
        )
        jax.block_until_ready(self.state)
        self._done = 0

    def take(self, number: int) -> tuple[float, list[float]]:
        """Take steps.

        Args:
            number: how many.

        Returns:
            The seconds until all was done, and each step's loss.
        """
        start = time.perf_counter()
        losses = []
        for step in steps(self.state, self.batches, start=self._done, stop=self._done + number):
            self.state = step.state
            losses.append(step.losses.loss)
        jax.block_until_ready(self.state)
        seconds = time.perf_counter() - start
        self._done += number
        return seconds, [float(one) for one in jax.device_get(losses)]

    def distinct(self) -> dict[str, float]:
        """How many distinct queries and candidates a batch has on average."""
        events = self.batches.dataset.interactions
        chosen = [self.batches.events(i) for i in range(self.batches.steps_per_epoch)]
        return {
            "distinct_queries": float(
                np.mean([len(np.unique(events.query_row[one])) for one in chosen])
            ),
            "distinct_candidates": float(
                np.mean([len(np.unique(events.candidate_row[one])) for one in chosen])
            ),
        }
