"""The loop: epochs of steps, with hooks, validation, checkpoints, and what may stop it."""

import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from turret.data.batches import Batches
from turret.errors import TrainingInterrupted
from turret.model.outline import model_parts
from turret.model.trained import TrainedModel
from turret.recipe.loss import Loss
from turret.recipe.stopping import Checkpointing
from turret.recipe.training import Train
from turret.train.best import Best
from turret.train.checkpoint import Checkpoint, Checkpoints, EpochRecord, Identity, Record
from turret.train.guard import not_finite_loss, not_finite_parameters
from turret.train.hooks import EpochReport, Hook, StartReport, StepReport
from turret.train.interruption import Interruption, graceful
from turret.train.snapshot import Snapshot, not_finite
from turret.train.state import TrainState
from turret.train.step_losses import StepLosses
from turret.train.stepping import steps

__all__ = ["Loop", "Plan", "Validate"]

Validate = Callable[[TrainedModel], Mapping[str, float]]
"""Measures a model on the validation part: metric names such as "ndcg@20" to values."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What stays the same over a loop.

    Attributes:
        batches: The batches.
        loss: The loss, for what is said when it is not finite.
        train: Epochs, early stopping, when to write checkpoints.
        model: The model of a state.
        validate: Measures it; None measures nothing.
        hooks: Told of each step and each epoch.
        checkpoints: Where they go; None writes none.
        identity: What must be the same when the training is resumed.
        notes: Sentences on how it came to start where it does.
    """

    batches: Batches
    loss: Loss
    train: Train
    model: Callable[[TrainState], TrainedModel]
    validate: Validate | None
    hooks: Sequence[Hook]
    checkpoints: Checkpoints | None
    identity: Callable[[], Identity]
    notes: tuple[str, ...] = ()


class Loop:
    """A training that goes on from a state, or from a checkpoint.

    Args:
        plan: What stays the same.
        state: The state before the first step; with a checkpoint it only lends its structure.
        checkpoint: Where to go on.

    Attributes:
        state: The state after the last step so far.
        step: Steps taken.
        history: One report an epoch that is over.
        best: The best measurement so far.
    """

    def __init__(self, plan: Plan, state: TrainState, *, checkpoint: Checkpoint | None = None):
        """Take over where the checkpoint stands."""
        self.plan, self.state, self.step = plan, state, 0
        self.history: list[EpochReport] = []
        self.best = Best(plan.train.early_stopping)
        self._losses = StepLosses()
        self._watch = _Stopwatch()
        self._schedule = _Schedule(plan.train.checkpoint)
        self._length = plan.batches.steps_per_epoch
        if checkpoint is not None:
            record = checkpoint.record
            self.state, self.step = checkpoint.state.restore(state), record.step
            self._losses = StepLosses(checkpoint.losses)
            self._watch.seconds = record.epoch_seconds
            stopping = plan.train.early_stopping
            self.best = Best(stopping, record=record.best, snapshot=checkpoint.best)
            self.history = [
                self._report(
                    epoch,
                    seconds=one.seconds,
                    validation=_with_nan(one.validation),
                    validation_seconds=one.validation_seconds,
                )
                for epoch, one in enumerate(record.history, start=1)
            ]

    @property
    def over(self) -> bool:
        """Whether no epoch is left, or early stopping has given up."""
        return self.best.exhausted or len(self.history) >= self.plan.train.epochs

    def run(self) -> None:
        """Train to the end.

        Raises:
            TrainingError: When a loss or a parameter is not finite.
            TrainingInterrupted: When Ctrl-C or a signal asked for an end; a checkpoint was written.
        """
        plan = self.plan
        start = StartReport(
            step=self.step,
            finished_epochs=len(self.history),
            epochs=plan.train.epochs,
            steps_per_epoch=self._length,
            examples=len(plan.batches.dataset.interactions),
            notes=plan.notes,
            parts=model_parts(
                self.state.program.config,
                (plan.batches.query_encoder, plan.batches.candidate_encoder),
                self.state.parameters,
            ),
        )
        for hook in plan.hooks:
            hook.start(start)
        if plan.checkpoints is None:
            while not self.over:
                self._epoch(Interruption())
            return
        with graceful() as asked, plan.checkpoints:
            while not self.over:
                self._epoch(asked)
            if plan.checkpoints.last is not None:
                # Evaluating and writing a bundle take time in which a process can be killed too.
                self._save(keep=plan.train.checkpoint.keep)

    def _epoch(self, asked: Interruption) -> None:
        plan, epoch = self.plan, len(self.history) + 1
        stop = epoch * self._length
        taken = steps(self.state, plan.batches, start=self.step, stop=stop)
        with self._watch.running(), closing(taken):
            for step in taken:
                self.state, self.step = step.state, step.number
                self._losses.add(step.losses)
                report = StepReport(
                    step=step.number,
                    epoch=epoch,
                    steps_per_epoch=self._length,
                    losses=step.losses,
                    state=step.state,
                    batch=step.batch,
                )
                for hook in plan.hooks:
                    hook.step(report)
                if self._losses.bad is not None or asked.signal is not None:
                    break
                if step.number < stop and self._due():
                    with self._watch.paused():
                        self._save(keep=plan.train.checkpoint.keep)
            self._losses.settle()
        self._refuse_not_finite()
        if asked.signal is not None:
            self._interrupted(asked)
        self._finish(epoch, asked)

    def _finish(self, epoch: int, asked: Interruption) -> None:
        plan, began, validation = self.plan, time.perf_counter(), None
        every = plan.train.early_stopping.every if plan.train.early_stopping else 1
        if plan.validate is not None and (epoch % every == 0 or epoch == plan.train.epochs):
            try:
                with asked.at_once():
                    validation = dict(plan.validate(plan.model(self.state)))
            except KeyboardInterrupt:
                if asked.signal is None:
                    raise
                self._interrupted(asked)
        report = self._report(
            epoch,
            seconds=self._watch.seconds,
            validation=validation,
            validation_seconds=None if validation is None else time.perf_counter() - began,
        )
        self.history.append(report)
        self._watch.seconds = 0.0
        for hook in plan.hooks:
            hook.epoch(report)
        self.best.measured(report, self.state)
        if asked.signal is not None:
            self._interrupted(asked)
        if self._due():
            self._save(keep=plan.train.checkpoint.keep)

    def _report(
        self,
        epoch: int,
        *,
        seconds: float,
        validation: Mapping[str, float] | None,
        validation_seconds: float | None = None,
    ) -> EpochReport:
        step_losses = self._losses.of((epoch - 1) * self._length, epoch * self._length)
        return EpochReport(
            epoch=epoch,
            epochs=self.plan.train.epochs,
            step=epoch * self._length,
            losses={
                name: float(values.mean(dtype=np.float64)) for name, values in step_losses.items()
            },
            step_losses=step_losses,
            seconds=seconds,
            examples_per_second=len(self.plan.batches.dataset.interactions) / seconds,
            validation=validation,
            validation_seconds=validation_seconds,
        )

    def _refuse_not_finite(self) -> None:
        plan, names = self.plan, list[str]()
        if self._losses.bad is None:
            names = not_finite(self.state.parameters)
            if not names:
                return
        last = None if plan.checkpoints is None else plan.checkpoints.last
        if self._losses.bad is None:
            raise not_finite_parameters(names, step=self.step, train=plan.train, checkpoint=last)
        raise not_finite_loss(
            self._losses, plan.batches, train=plan.train, loss=plan.loss, checkpoint=last
        )

    def _due(self) -> bool:
        return self.plan.checkpoints is not None and self._schedule.due(self.step)

    def _save(self, *, keep: int | None) -> None:
        """Hand a checkpoint to the thread that writes it."""
        plan = self.plan
        assert plan.checkpoints is not None
        plan.checkpoints.wait()  # else two copies of the state would be in memory
        self._losses.settle()
        self._refuse_not_finite()
        for hook in plan.hooks:
            hook.flush()
        state, best = Snapshot.of(self.state), self.best.snapshot
        losses, history = self._losses.of(0, self.step), tuple(map(_record, self.history))
        step, seconds, record = self.step, self._watch.seconds, self.best.record

        def checkpoint() -> Checkpoint:
            return Checkpoint(
                Record(
                    identity=plan.identity(),
                    step=step,
                    epoch_seconds=seconds,
                    history=history,
                    best=record,
                    weak=tuple(sorted(state.weak)),
                ),
                state,
                losses,
                best,
            )

        plan.checkpoints.save(checkpoint, step, keep=keep)

    def _interrupted(self, asked: Interruption) -> NoReturn:
        checkpoints = self.plan.checkpoints
        assert checkpoints is not None  # else signals are not caught
        self._save(keep=None)
        checkpoints.wait()
        raise TrainingInterrupted(
            step=self.step,
            epoch=min(len(self.history) + 1, self.plan.train.epochs),
            checkpoint=str(checkpoints.path(self.step)),
            code=asked.exit_code,
        )


class _Schedule:
    """When a checkpoint is due."""

    def __init__(self, config: Checkpointing):
        self._config = config
        self._last = time.monotonic()

    def due(self, step: int) -> bool:
        steps, seconds = self._config.steps, 60 * self._config.minutes
        now = time.monotonic()
        by_step = steps > 0 and step % steps == 0
        by_time = seconds > 0 and now - self._last >= seconds
        if by_step or by_time:
            self._last = now
        return by_step or by_time


class _Stopwatch:
    """Seconds of training in the current epoch."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Generator[None]:
        self._began = time.perf_counter()
        try:
            yield
        finally:
            self._stop()

    @contextmanager
    def paused(self) -> Generator[None]:
        self._stop()
        try:
            yield
        finally:
            self._began = time.perf_counter()

    def _stop(self) -> None:
        self.seconds += time.perf_counter() - self._began


def _record(report: EpochReport) -> EpochRecord:
    return EpochRecord(
        seconds=report.seconds,
        validation=_without_nan(report.validation),
        validation_seconds=report.validation_seconds,
    )


def _without_nan(values: Mapping[str, float] | None) -> dict[str, float | None] | None:
    if values is None:
        return None
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _with_nan(values: Mapping[str, float | None] | None) -> dict[str, float] | None:
    if values is None:
        return None
    return {name: math.nan if value is None else value for name, value in values.items()}
