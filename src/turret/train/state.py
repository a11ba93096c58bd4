"""The training state and the step from one state to the next, as a pure function."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int32, PRNGKeyArray

from turret.data.batch import Batch
from turret.data.encoders.tower import TowerEncoder
from turret.model.objective import batch_loss
from turret.model.tables import gather
from turret.model.towers import Dense, Parameters, Tables, initialize
from turret.recipe.loss import Loss, Softmax
from turret.recipe.towers import TwoTower
from turret.recipe.training import Train
from turret.train.averaging import Averages, averaged, follow, start
from turret.train.clipping import clip
from turret.train.loss_state import (
    LossState,
    initial_loss_state,
    streaming_probability,
    temperature_of,
)
from turret.train.optimizers.base import Slots, TableOptimizer
from turret.train.optimizers.choosing import dense_optimizer as choose_dense_optimizer
from turret.train.optimizers.choosing import table_optimizer
from turret.train.optimizers.dense import DenseOptimizer
from turret.train.optimizers.tables import table_rates, update_tables
from turret.train.schedules import Rates, schedule_factor

__all__ = ["Losses", "Program", "TrainState", "train_step"]

_STEPS = 0x7FFF_FFFF
"""Sets the keys of the steps apart from those that draw the initial values."""

Body = tuple[Dense, LossState]
"""What the dense optimizer trains: the towers' bodies, and what the loss learns."""


class Losses(NamedTuple):
    """What a step reports, as scalars on the device.

    Attributes:
        loss: The loss of the batch, reduced as the recipe says.
        regularization_loss: The factor times half the squared length of the touched rows; 0 without
            one.
        total_loss: Their sum, of which the step took the gradient.
    """

    loss: Float[Array, ""]
    regularization_loss: Float[Array, ""]
    total_loss: Float[Array, ""]


class Program(NamedTuple):
    """What stays the same over a training: the structure, the loss and the optimizers.

    Attributes:
        config: The two towers.
        loss: The loss.
        tables: Optimizer of the embedding tables.
        dense: Optimizer of the dense parameters.
        regularization: Factor of the squared length of the touched rows.
        schedule: Kind of the learning rate's schedule.
        clips: Whether the gradient's norm is bounded.
        averaging: Decay of the parameters' average; None for no average.
    """

    config: TwoTower
    loss: Loss
    tables: TableOptimizer
    dense: DenseOptimizer
    regularization: float = 0.0
    schedule: str = "constant"
    clips: bool = False
    averaging: float | None = None

    @classmethod
    def of(
        cls,
        config: TwoTower,
        loss: Loss,
        train: Train,
        *,
        dense_optimizer: optax.GradientTransformation | None = None,
    ) -> "Program":
        """The program of a recipe's sections.

        Args:
            config: The two towers.
            loss: The loss.
            train: Names the optimizers and their settings.
            dense_optimizer: An optax transformation for the dense parameters, instead of one that
                `train` names.

        Returns:
            The program.

        Raises:
            RecipeError: When no optimizer of optax is so named, or has such options.
        """
        return cls(
            config,
            loss,
            table_optimizer(train),
            choose_dense_optimizer(train, dense_optimizer),
            train.regularization,
            schedule=train.schedule.kind,
            clips=train.clip_norm is not None,
            averaging=train.averaging,
        )


class TrainState(eqx.Module):
    """Everything that a step changes. Immutable: a step returns a new one.

    Attributes:
        parameters: Tables and dense parameters.
        slots: For each table the state of its optimizer.
        dense_state: State of the dense optimizer.
        loss: What the loss keeps; a learned temperature is trained as dense parameters are.
        step: Steps taken.
        rates: The learning rate and the other numbers of the training.
        averages: Of the parameters; None without averaging.
        key: With the number of a step it decides what chance decides in that; None where that is
            nothing.
        program: What stays the same.
    """

    parameters: Parameters
    slots: dict[str, Slots]
    dense_state: optax.OptState
    loss: LossState
    step: Int32[Array, ""]
    rates: Rates
    averages: Averages | None
    key: PRNGKeyArray | None
    program: Program = eqx.field(static=True)

    @classmethod
    def create(
        cls,
        program: Program,
        *,
        key: PRNGKeyArray,
        query_encoder: TowerEncoder,
        candidate_encoder: TowerEncoder,
        num_candidates: int,
        rates: Rates,
        initial_scale: float = 0.05,
    ) -> "TrainState":
        """The state before the first step.

        Args:
            program: What stays the same.
            key: Source of the initial values, and of all that chance decides later.
            query_encoder: Says how many rows each of its tables has.
            candidate_encoder: Likewise.
            num_candidates: Rows of the candidate table, for a loss that watches candidates.
            rates: The learning rate and the other numbers of the training.
            initial_scale: Tables start uniform in plus or minus this.

        Returns:
            The state.
        """
        encoders = (query_encoder, candidate_encoder)
        parameters = initialize(key, program.config, encoders=encoders, scale=initial_scale)
        loss = initial_loss_state(program.loss, num_candidates)
        optimizer = program.dense.transformation(rates.dense_learning_rate)
        return cls(
            parameters=parameters,
            slots={name: program.tables.init(t) for name, t in parameters.tables.items()},
            dense_state=_initial(optimizer, _dense(parameters, loss)),
            loss=loss,
            step=jnp.zeros((), jnp.int32),
            rates=rates,
            averages=None if program.averaging is None else start(parameters),
            key=jax.random.fold_in(key, _STEPS) if program.config.draws else None,
            program=program,
        )

    @property
    def learning_rate(self) -> Float[Array, ""]:
        """The learning rate of the next step, before any feature's own factor."""
        factor = schedule_factor(self.program.schedule, rates=self.rates, taken=self.step)
        return factor * self.rates.learning_rate

    def averaged(self) -> Parameters:
        """The parameters to measure and to keep: their average, or, without averaging, themselves.

        Without averaging these are the buffers of the state itself, which the next step reuses.
        """
        if self.averages is None or self.program.averaging is None:
            return self.parameters
        return averaged(
            self.averages,
            parameters=self.parameters,
            step=self.step,
            decay=self.program.averaging,
        )


@partial(jax.jit, donate_argnums=0)
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Losses]:
    """Take one step: loss, gradients, and the update of exactly the rows that the batch touches.

    The buffers of `state` are given to the result, so `state` cannot be used afterwards; keep the
    returned one.

    Args:
        state: The state before.
        batch: The batch, as `Batches` makes it.

    Returns:
        The state after, and the losses at the state before.
    """
    program, tables = state.program, state.parameters.tables
    table_rows = jax.tree.map(jnp.asarray, batch.table_rows)
    touched = {name: gather(table, table_rows[name]) for name, table in tables.items()}
    body, step = _dense(state.parameters, state.loss), state.step + 1
    loss, probability = state.loss, None
    if "gap" in loss:
        assert isinstance(program.loss, Softmax) and batch.candidate_row is not None
        rows, rate = jnp.asarray(batch.candidate_row), program.loss.logq_rate
        loss, probability = streaming_probability(loss, rows, step=step, rate=rate)
    objective = partial(_objective, state=state, batch=batch, probability=probability)
    (_, losses), gradient = jax.value_and_grad(objective, has_aux=True)((touched, body))
    if program.clips:
        gradient = clip(gradient, state.rates.clip_norm)
    factor = schedule_factor(program.schedule, rates=state.rates, taken=state.step)
    rate, own = factor * state.rates.learning_rate, table_rates(program.config)
    new = update_tables(
        program.tables,
        tables=tables,
        slots=state.slots,
        touched=touched,
        gradient=gradient[0],
        rows=table_rows,
        learning_rate={name: own[name] * rate for name in tables if own[name] > 0},
    )
    value_of = partial(_value, objective, touched)
    (dense, learned), dense_state = _dense_step(
        state, body, gradient[1], factor=factor, value=losses.total_loss, value_of=value_of
    )
    averages = state.averages
    if averages is not None and program.averaging is not None:
        averages = follow(
            averages,
            before=touched,
            after=Parameters(new.rows, dense),
            rows=table_rows,
            step=step,
            decay=program.averaging,
        )
    after = replace(
        state,
        parameters=Parameters(new.tables, dense),
        slots=new.slots,
        dense_state=dense_state,
        loss=loss | learned,
        step=step,
        averages=averages,
    )
    return after, losses


def _dense(parameters: Parameters, loss: LossState) -> Body:
    """Everything that the dense optimizer trains."""
    learned = {name: value for name, value in loss.items() if name == "log_temperature"}
    return parameters.dense, learned


def _initial(optimizer: optax.GradientTransformationExtraArgs, body: Body) -> optax.OptState:
    """The dense optimizer's state; nothing where there is nothing to train.

    It is copied: some states begin as the parameters themselves, and a step donates both buffers.
    """
    if not jax.tree.leaves(body):
        return ()
    return jax.tree.map(jnp.copy, optimizer.init(cast(optax.Params, body)))


def _dense_step(
    state: TrainState,
    body: Body,
    gradient: Body,
    *,
    factor: Float[Array, ""],
    value: Float[Array, ""],
    value_of: Callable[[Body], Float[Array, ""]],
) -> tuple[Body, optax.OptState]:
    """The dense optimizer's step; `value_of` serves one that searches along its direction."""
    if not jax.tree.leaves(body):
        return body, state.dense_state
    optimizer = state.program.dense.transformation(factor * state.rates.dense_learning_rate)
    before = cast(optax.Params, body)
    change, dense_state = optimizer.update(
        cast(optax.Updates, gradient),
        state.dense_state,
        before,
        value=value,
        grad=gradient,
        value_fn=value_of,
    )
    return cast(Body, optax.apply_updates(before, change)), dense_state


def _value(objective: Callable, touched: Tables, body: Body) -> Float[Array, ""]:
    return objective((touched, body))[0]


def _objective(
    trained: tuple[Tables, Body],
    state: TrainState,
    batch: Batch,
    probability: Float[Array, " c"] | None,
) -> tuple[Float[Array, ""], Losses]:
    program, (tables, (dense, learned)) = state.program, trained
    key = None if state.key is None else jax.random.fold_in(state.key, state.step)
    loss = batch_loss(
        Parameters(tables, dense),
        batch,
        config=program.config,
        loss=program.loss,
        temperature=temperature_of(learned),
        probability=probability,
        key=key,
    )
    penalty = jnp.zeros(())
    if program.regularization:
        for name, rows in tables.items():
            square = jnp.sum(jnp.square(rows), axis=1)
            where = batch.table_rows[name]
            if where is not None:
                square = jnp.where(where < state.parameters.tables[name].shape[0], square, 0.0)
            penalty = penalty + 0.5 * program.regularization * jnp.sum(square)
    total = loss + penalty
    return total, Losses(loss, penalty, total)
