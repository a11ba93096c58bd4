"""The loop: a generator of steps, and `fit`, which drives it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from turret.data.batch import Batch
from turret.data.batches import Batches
from turret.data.dataset import Dataset
from turret.data.encoders import fit_encoders
from turret.errors import TrainingError
from turret.model.towers import Parameters
from turret.model.trained import TrainedModel
from turret.recipe import EarlyStopping, Train, TwoTower
from turret.recipe_loss import Loss, Softmax
from turret.train.hooks import EpochReport, Hook, StepReport, loss_values
from turret.train.schedules import Rates
from turret.train.state import Losses, Program, TrainState, train_step

__all__ = ["FitResult", "Step", "Validate", "fit", "prepare", "steps"]

Validate = Callable[[TrainedModel], Mapping[str, float]]
"""Measures a model on the validation part: metric names such as "ndcg@20" to values."""


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


@dataclass(frozen=True)
class FitResult:
    """What a training gives.

    Attributes:
        trained: The model: that of the best measurement with early stopping, else that of the last
            step.
        history: One report an epoch.
        best_epoch: The epoch of the returned model, counted from 1.
        stopped_early: Whether early stopping ended it before the last epoch.
    """

    trained: TrainedModel
    history: tuple[EpochReport, ...]
    best_epoch: int
    stopped_early: bool


def prepare(
    dataset: Dataset,
    config: TwoTower,
    *,
    loss: Loss,
    train: Train,
    dense_optimizer: optax.GradientTransformation | None = None,
) -> tuple[Batches, TrainState]:
    """Encoders, batches and the initial state: all that a loop of one's own needs.

    Args:
        dataset: The training part.
        config: The two towers.
        loss: The loss.
        train: Batch size, optimizer, seed.
        dense_optimizer: An optax transformation for the dense parameters, instead of one that
            `train` names.

    Returns:
        The batches and the state before the first step.

    Example:
        A loop of one's own::

            batches, state = prepare(train_part, model, loss=Softmax(), train=Train())
            for step in range(3 * batches.steps_per_epoch):
                state, losses = train_step(state, batches(step))
    """
    query_encoder, candidate_encoder = fit_encoders(config, dataset)
    whole = loss.candidates == "all"
    batches = Batches(
        dataset,
        query_encoder,
        candidate_encoder,
        batch_size=train.batch_size,
        unit=train.batch_unit or ("queries" if whole else "pairs"),
        loss=loss,
        seed=train.seed,
        reshuffle=train.reshuffle,
    )
    state = TrainState.create(
        Program.of(config, loss, train, dense_optimizer=dense_optimizer),
        key=jax.random.key(train.seed),
        query_encoder=query_encoder,
        candidate_encoder=candidate_encoder,
        num_candidates=dataset.num_candidates,
        rates=Rates.of(train, num_steps=train.epochs * batches.steps_per_epoch),
        initial_scale=train.initial_scale,
    )
    return batches, state


def steps(state: TrainState, batches: Batches, *, start: int, stop: int) -> Iterator[Step]:
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


def fit(
    dataset: Dataset,
    config: TwoTower,
    *,
    loss: Loss | None = None,
    train: Train | None = None,
    dense_optimizer: optax.GradientTransformation | None = None,
    validate: Validate | None = None,
    hooks: Sequence[Hook] = (),
) -> FitResult:
    """Train a model.

    The same data, configuration and seed give the same parameters, bit for bit, on the same
    machine.

    Args:
        dataset: The training part.
        config: The two towers.
        loss: The loss; the in-batch softmax unless given.
        train: Epochs, batch size, optimizer, seed, early stopping.
        dense_optimizer: An optax transformation for the dense parameters, instead of one that
            `train` names.
        validate: Measures the model after an epoch; needed for early stopping.
        hooks: Told of each step and each epoch.

    Returns:
        The trained model and its history.

    Raises:
        TrainingError: When a loss is not finite, or early stopping has nothing to measure with.
    """
    loss, train = loss or Softmax(), train or Train()
    stopping = train.early_stopping
    if stopping is not None and validate is None:
        raise TrainingError(
            "early stopping has nothing to measure with",
            fix="Hold a validation part back (split.validation_fraction) and pass `validate`.",
        )
    batches, state = prepare(
        dataset, config, loss=loss, train=train, dense_optimizer=dense_optimizer
    )
    encoders = batches.query_encoder, batches.candidate_encoder
    trained_of = partial(TrainedModel, config, *encoders)
    epochs = _Epochs(batches, train, validate, hooks)
    best = _Best(stopping)
    history: list[EpochReport] = []
    for epoch in range(1, train.epochs + 1):
        state, report = epochs.run(state, epoch, trained=trained_of)
        history.append(report)
        for hook in hooks:
            hook.epoch(report)
        if best.stops_after(report, state):
            break
    parameters = state.averaged() if best.parameters is None else best.parameters
    return FitResult(
        trained_of(parameters),
        tuple(history),
        best_epoch=best.epoch or len(history),
        stopped_early=len(history) < train.epochs,
    )


class _Best:
    """The best measurement so far; its parameters are copied, since a step reuses buffers."""

    def __init__(self, stopping: EarlyStopping | None):
        self.stopping = stopping
        self.value = -np.inf
        self.epoch: int | None = None
        self.parameters: Parameters | None = None
        self.without_improvement = 0

    def stops_after(self, report: EpochReport, state: TrainState) -> bool:
        if self.stopping is None or report.validation is None:
            return False
        if self.stopping.metric not in report.validation:
            raise TrainingError(
                "early stopping waits for a metric that the validation does not give",
                got=self.stopping.metric,
                expected=f"one of {', '.join(report.validation)}",
            )
        value = report.validation[self.stopping.metric]
        if value > self.value:
            self.value, self.epoch, self.without_improvement = value, report.epoch, 0
            self.parameters = jax.tree.map(jnp.copy, state.averaged())
            return False
        self.without_improvement += 1
        return self.without_improvement >= self.stopping.patience


class _Epochs:
    """Runs one epoch after another and measures each."""

    def __init__(
        self, batches: Batches, train: Train, validate: Validate | None, hooks: Sequence[Hook]
    ):
        self.batches, self.train, self.validate, self.hooks = batches, train, validate, hooks

    def run(
        self, state: TrainState, epoch: int, *, trained: Callable[[Parameters], TrainedModel]
    ) -> tuple[TrainState, EpochReport]:
        began = time.perf_counter()
        length = self.batches.steps_per_epoch
        on_device: list[Losses] = []
        for step in steps(state, self.batches, start=(epoch - 1) * length, stop=epoch * length):
            state = step.state
            on_device.append(step.losses)
            for hook in self.hooks:
                hook.step(StepReport(step.number, epoch, length, step.losses))
        losses = [loss_values(one) for one in jax.device_get(on_device)]
        _refuse_non_finite(losses, epoch, length)
        seconds = time.perf_counter() - began
        validation, validation_seconds = None, None
        every = self.train.early_stopping.every if self.train.early_stopping else 1
        if self.validate is not None and (epoch % every == 0 or epoch == self.train.epochs):
            began = time.perf_counter()
            validation = dict(self.validate(trained(state.averaged())))
            validation_seconds = time.perf_counter() - began
        report = EpochReport(
            epoch=epoch,
            epochs=self.train.epochs,
            step=epoch * length,
            losses={name: float(np.mean([one[name] for one in losses])) for name in losses[0]},
            step_losses=tuple(losses),
            seconds=seconds,
            examples_per_second=len(self.batches.dataset.interactions) / seconds,
            validation=validation,
            validation_seconds=validation_seconds,
        )
        return state, report


def _refuse_non_finite(losses: Sequence[dict[str, float]], epoch: int, length: int) -> None:
    for position, one in enumerate(losses):
        if not np.isfinite(one["total_loss"]):
            step = (epoch - 1) * length + position + 1
            raise TrainingError(
                f"the loss of step {step} (epoch {epoch}) is not finite",
                got=one["total_loss"],
                expected="a finite number",
                fix="Lower train.learning_rate, or set model.normalize = true.",
            )
