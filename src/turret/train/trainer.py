"""`fit`: one training, from a data set to a model; `prepare`, for a loop of one's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import jax
import msgspec
import optax

from turret.data.batches import Batches
from turret.data.dataset import Dataset
from turret.data.encoders.fitting import fit_encoders
from turret.data.histories import Histories, with_histories
from turret.errors import RecipeError, TrainingError
from turret.model.trained import TrainedModel
from turret.recipe.loss import Loss, Softmax
from turret.recipe.towers import TwoTower
from turret.recipe.training import Train, batch_unit
from turret.train.checkpoint import Checkpoint, Checkpoints, Identity
from turret.train.hooks import EpochReport, Hook
from turret.train.linear import with_linear
from turret.train.loop import Loop, Plan, Validate
from turret.train.schedules import Rates
from turret.train.spectral import from_decomposition
from turret.train.state import Program, TrainState
from turret.train.warm import Earlier, optimizer_arrays

__all__ = ["FitResult", "fit", "prepare"]


@dataclass(frozen=True)
class FitResult:
    """What a training gives.

    Attributes:
        trained: The model: that of the best measurement with early stopping, else that of the last
            step.
        history: One report an epoch.
        best_epoch: The epoch of the returned model, counted from 1.
        stopped_early: Whether early stopping ended it before the last epoch.
        state: The training state of that model.
        resumed_at: The step at which this process took over; 0 when it began.
        notes: What had to be said on the way.
    """

    trained: TrainedModel
    history: tuple[EpochReport, ...]
    best_epoch: int
    stopped_early: bool
    state: TrainState = field(repr=False)
    resumed_at: int = 0
    notes: tuple[str, ...] = ()

    def earlier(self) -> Earlier:
        """What a later training starts from: the model and the state of its optimizer."""
        return Earlier(self.trained, optimizer_arrays(self.state))


def prepare(
    dataset: Dataset,
    config: TwoTower,
    *,
    loss: Loss,
    train: Train,
    dense_optimizer: optax.GradientTransformation | None = None,
    start: Earlier | None = None,
) -> tuple[Batches, TrainState]:
    """Encoders, batches and the initial state: all that a loop of one's own needs.

    Args:
        dataset: The training part.
        config: The two towers.
        loss: The loss.
        train: Batch size, optimizer, seed.
        dense_optimizer: An optax transformation for the dense parameters, instead of one that
            `train` names.
        start: An earlier training to begin from.

    Returns:
        The batches and the state before the first step.

    Example:
        A loop of one's own::

            batches, state = prepare(train_part, model, loss=Softmax(), train=Train())
            for step in range(3 * batches.steps_per_epoch):
                state, losses = train_step(state, batches(step))
    """
    batches, state, _ = _prepare(
        dataset, config, loss=loss, train=train, dense_optimizer=dense_optimizer, start=start
    )
    return batches, state


def _prepare(
    dataset: Dataset,
    config: TwoTower,
    *,
    loss: Loss,
    train: Train,
    dense_optimizer: optax.GradientTransformation | None,
    start: Earlier | None,
) -> tuple[Batches, TrainState, tuple[str, ...]]:
    """What `prepare` gives, and sentences on what was taken over from an earlier training."""
    dataset = with_histories(dataset, config, train=dataset)
    query_encoder, candidate_encoder = fit_encoders(config, dataset)
    if start is not None:
        query_encoder, candidate_encoder = start.encoders(
            query_encoder, candidate_encoder, vanished=train.warm_start.vanished
        )
    unit = batch_unit(train, loss)
    _require_shown(config, unit)
    batches = Batches(
        dataset,
        query_encoder,
        candidate_encoder,
        batch_size=train.batch_size,
        unit=unit,
        loss=loss,
        seed=train.seed,
        reshuffle=train.reshuffle,
        histories=Histories.of(dataset, query_encoder, seed=train.seed),
        dropout=True,
        query_balance=train.query_balance,
    )
    program = Program.of(config, loss, train, dense_optimizer=dense_optimizer)
    state = _initial_state(program, dataset, batches, train=train)
    notes: tuple[str, ...] = ()
    if start is not None:
        state, notes = start.state(state, query=query_encoder, candidate=candidate_encoder)
    # After a warm start, too: it is found from all of today's data at once.
    encoders = (query_encoder, candidate_encoder)
    state = with_linear(
        state, dataset, config, encoders=encoders, linear=train.linear, seed=train.seed
    )
    return batches, state, notes


def _initial_state(
    program: Program, dataset: Dataset, batches: Batches, *, train: Train
) -> TrainState:
    """The state before the first step of a training from nothing."""
    encoders = {
        "query_encoder": batches.query_encoder,
        "candidate_encoder": batches.candidate_encoder,
    }
    state = TrainState.create(
        program,
        key=jax.random.key(train.seed),
        num_candidates=dataset.num_candidates,
        rates=Rates.of(train, num_steps=train.epochs * batches.steps_per_epoch),
        initial_scale=train.initial_scale,
        **encoders,
    )
    if train.initial == "uniform":
        return state
    return from_decomposition(
        state,
        dataset,
        decomposition=train.decomposition,
        scale=train.initial_scale,
        seed=train.seed,
        **encoders,
    )


def fit(
    dataset: Dataset,
    config: TwoTower,
    *,
    loss: Loss | None = None,
    train: Train | None = None,
    dense_optimizer: optax.GradientTransformation | None = None,
    validate: Validate | None = None,
    hooks: Sequence[Hook] = (),
    checkpoints: Checkpoints | None = None,
    resume: bool = False,
    start: Earlier | None = None,
) -> FitResult:
    """Train a model.

    The same data, configuration and seed give the same parameters, bit for bit, on the same
    machine, however often the training was killed and resumed.

    Args:
        dataset: The training part.
        config: The two towers.
        loss: The loss; the in-batch softmax unless given.
        train: Epochs, batch size, optimizer, seed, early stopping, when to write checkpoints.
        dense_optimizer: An optax transformation for the dense parameters, instead of one that
            `train` names. A checkpoint knows it by the arrays of its state alone: whoever resumes
            passes one of the same numbers.
        validate: Measures the model after an epoch; needed for early stopping.
        hooks: Told of each step and each epoch.
        checkpoints: Where checkpoints go; None writes none. With them, Ctrl-C finishes the step
            and saves it.
        resume: Go on from the newest checkpoint; from the start where there is none.
        start: An earlier training to begin from, on other data or the same.

    Returns:
        The trained model and its history.

    Raises:
        TrainingError: When a loss is not finite, or early stopping has nothing to measure with.
        TrainingInterrupted: When Ctrl-C or a signal asked for an end, and a checkpoint was written.
        CheckpointError: When the checkpoints are of another training, or damaged.
    """
    loss, train = loss or Softmax(), train or Train()
    _check(train, validate=validate, checkpoints=checkpoints, resume=resume)
    batches, state, taken_over = _prepare(
        dataset, config, loss=loss, train=train, dense_optimizer=dense_optimizer, start=start
    )

    def model(state: TrainState) -> TrainedModel:
        encoders = batches.query_encoder, batches.candidate_encoder
        return TrainedModel(config, *encoders, state.averaged())

    also = _given(None if dense_optimizer is None else state.dense_state)
    also |= {} if checkpoints is None else checkpoints.also

    @cache
    def identity() -> Identity:
        settings = _settings(config, loss=loss, train=train) | also
        return Identity(settings=settings, data=dataset.fingerprint())

    checkpoint, notes = _resumed(checkpoints, identity) if resume else (None, _ignored(checkpoints))
    notes = (*taken_over, *notes)
    plan = Plan(batches, loss, train, model, validate, hooks, checkpoints, identity, notes)
    loop = Loop(plan, state, checkpoint=checkpoint)
    resumed_at = loop.step
    del state, checkpoint
    loop.run()
    best = loop.best
    final = loop.state if best.snapshot is None else best.snapshot.restore(loop.state)
    return FitResult(
        model(final),
        tuple(loop.history),
        best_epoch=best.epoch or len(loop.history),
        stopped_early=len(loop.history) < train.epochs,
        state=final,
        resumed_at=resumed_at,
        notes=notes,
    )


def _require_shown(config: TwoTower, unit: str) -> None:
    """Refuse a history of the past where a query is scored once for all of its pairs."""
    feature = config.history
    if feature is not None and feature.sees == "past" and unit == "queries":
        raise RecipeError(
            "a history of the past differs from pair to pair, but batches are of queries",
            got='sees = "past"',
            fix='Set train.batch_unit = "moments" or "pairs", or sees = "others".',
        )


def _check(
    train: Train, *, validate: Validate | None, checkpoints: Checkpoints | None, resume: bool
) -> None:
    if train.early_stopping is not None and validate is None:
        raise TrainingError(
            "early stopping has nothing to measure with",
            fix="Hold a validation part back (split.validation_fraction) and pass `validate`.",
        )
    if resume and checkpoints is None:
        raise TrainingError("there is nothing to resume from", fix="Pass `checkpoints`.")


def _resumed(
    checkpoints: Checkpoints | None, identity: Callable[[], Identity]
) -> tuple[Checkpoint | None, tuple[str, ...]]:
    assert checkpoints is not None
    checkpoint, notes = checkpoints.resume(identity())
    if checkpoint is None:
        return None, (f"There is no checkpoint in {checkpoints.folder}: training from the start.",)
    step, epoch = checkpoint.record.step, len(checkpoint.record.history) + 1
    return checkpoint, (*notes, f"Resumed after step {step:,}, in epoch {epoch}.")


def _ignored(checkpoints: Checkpoints | None) -> tuple[str, ...]:
    """Say that there are checkpoints from which nobody asked to resume."""
    there = [] if checkpoints is None else checkpoints.steps()
    if checkpoints is None or not there:
        return ()
    return (
        f"{checkpoints.folder} holds checkpoints up to step {there[-1]:,} of a training that did"
        " not end. This one starts anew; they go when it writes its first.",
    )


def _given(state: optax.OptState | None) -> dict[str, object]:
    """What can be known of an optimizer that was given: which arrays its state has."""
    if state is None:
        return {}
    arrays: dict[str, object] = {
        jax.tree_util.keystr(path, simple=True, separator="/"): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }
    return {"dense_optimizer": {"given": True} | arrays}


def _settings(config: TwoTower, *, loss: Loss, train: Train) -> dict[str, object]:
    """What decides the result, as JSON values: not when checkpoints are written."""
    sections = {"model": config, "loss": loss, "train": train}
    plain = msgspec.to_builtins(sections, enc_hook=lambda value: type(value).__qualname__)
    del plain["train"]["checkpoint"]
    return plain
