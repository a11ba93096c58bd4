"""A generator of steps: the next batch is prepared while a step runs."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from turret.data.batch import Batch
from turret.data.batches import Batches
from turret.train.state import Losses, TrainState, train_step

__all__ = ["Step", "steps"]


class Step(NamedTuple):
    """One step taken.

    Attributes:
        number: Steps taken so far, this one included.
        state: The state after it.
        losses: Its losses, still on the device.
        batch: The batch it took.
    """

    number: int
    state: TrainState
    losses: Losses
    batch: Batch


def steps(state: TrainState, batches: Batches, *, start: int, stop: int) -> Generator[Step]:
    """Take the steps from `start` to `stop`, preparing the next batch while a step runs.

    The yielded state is consumed by the following step: use it before asking for the next one.

    Args:
        state: The state after `start` steps.
        batches: The batches.
        start: Steps taken already.
        stop: Steps to have been taken at the end.

    Yields:
        Each step, after it was handed to the device.
    """
    if start >= stop:
        return
    with ThreadPoolExecutor(1, thread_name_prefix="turret-batches") as pool:
        coming = pool.submit(batches, start)
        for number in range(start, stop):
            batch = coming.result()
            if number + 1 < stop:
                coming = pool.submit(batches, number + 1)
            state, losses = train_step(state, batch)
            yield Step(number + 1, state, losses, batch)
