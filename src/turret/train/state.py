"""The training state and the step from one state to the next, as a pure function."""

from functools import partial
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int32, PRNGKeyArray

from turret.data.batch import Batch
from turret.data.encoders import TowerEncoder
from turret.model.objective import batch_loss
from turret.model.tables import gather, scatter
from turret.model.towers import Dense, Parameters, Tables, initialize
from turret.recipe import Train, TwoTower
from turret.recipe_loss import Loss, Softmax
from turret.train.loss_state import (
    LossState,
    initial_loss_state,
    streaming_probability,
    temperature_of,
)
from turret.train.optimizers import Slots, TableOptimizer, dense_optimizer, table_optimizer

__all__ = ["Losses", "Program", "TrainState", "train_step"]


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
    """

    config: TwoTower
    loss: Loss
    tables: TableOptimizer
    dense: optax.GradientTransformation
    regularization: float = 0.0

    @classmethod
    def of(cls, config: TwoTower, loss: Loss, train: Train) -> "Program":
        """The program of a recipe's sections."""
        tables, dense = table_optimizer(train), dense_optimizer(train)
        return cls(config, loss, tables, dense, train.regularization)


class TrainState(eqx.Module):
    """Everything that a step changes. Immutable: a step returns a new one.

    Attributes:
        parameters: Tables and dense parameters.
        slots: For each table the state of its optimizer.
        dense_state: State of the dense optimizer.
        loss: What the loss keeps; a learned temperature is trained as dense parameters are.
        step: Steps taken.
        program: What stays the same.
    """

    parameters: Parameters
    slots: dict[str, Slots]
    dense_state: optax.OptState
    loss: LossState
    step: Int32[Array, ""]
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
        initial_scale: float = 0.05,
    ) -> "TrainState":
        """The state before the first step.

        Args:
            program: What stays the same.
            key: Source of the initial values.
            query_encoder: Says how many rows each of its tables has.
            candidate_encoder: Likewise.
            num_candidates: Rows of the candidate table, for a loss that watches candidates.
            initial_scale: Tables start uniform in plus or minus this.

        Returns:
            The state.
        """
        num_rows = {**query_encoder.num_rows, **candidate_encoder.num_rows}
        parameters = initialize(key, program.config, num_rows=num_rows, scale=initial_scale)
        loss = initial_loss_state(program.loss, num_candidates)
        return cls(
            parameters=parameters,
            slots={name: program.tables.init(t) for name, t in parameters.tables.items()},
            dense_state=program.dense.init(_dense(parameters, loss)),
            loss=loss,
            step=jnp.zeros((), jnp.int32),
            program=program,
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
    differentiate = jax.value_and_grad(_objective, has_aux=True)
    body, step = _dense(state.parameters, state.loss), state.step + 1
    loss, probability = state.loss, None
    if "gap" in loss:
        assert isinstance(program.loss, Softmax) and batch.candidate_row is not None
        rows, rate = jnp.asarray(batch.candidate_row), program.loss.logq_rate
        loss, probability = streaming_probability(loss, rows, step=step, rate=rate)
    (_, losses), (table_gradient, body_gradient) = differentiate(
        (touched, body), state, batch, probability
    )
    new_tables, new_slots = {}, {}
    for name, table in tables.items():
        where = table_rows[name]
        rows, slots = program.tables.update(
            table_gradient[name],
            rows=touched[name],
            slots={key: gather(slot, where) for key, slot in state.slots[name].items()},
            step=step,
        )
        new_tables[name] = scatter(table, where, rows)
        new_slots[name] = {
            key: scatter(slot, where, slots[key]) for key, slot in state.slots[name].items()
        }
    change, dense_state = program.dense.update(body_gradient, state.dense_state, body)
    dense, learned = cast(tuple[Dense, LossState], optax.apply_updates(body, change))
    parameters = Parameters(new_tables, dense)
    return TrainState(parameters, new_slots, dense_state, loss | learned, step, program), losses


def _dense(parameters: Parameters, loss: LossState) -> optax.Params:
    """Everything that the dense optimizer trains."""
    learned = {name: value for name, value in loss.items() if name == "log_temperature"}
    return cast(optax.Params, (parameters.dense, learned))


def _objective(
    trained: tuple[Tables, tuple[Dense, LossState]],
    state: TrainState,
    batch: Batch,
    probability: Float[Array, " c"] | None,
) -> tuple[Float[Array, ""], Losses]:
    program, (tables, (dense, learned)) = state.program, trained
    loss = batch_loss(
        Parameters(tables, dense),
        batch,
        config=program.config,
        loss=program.loss,
        temperature=temperature_of(learned),
        probability=probability,
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
