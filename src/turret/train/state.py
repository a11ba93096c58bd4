"""The training state and the step from one state to the next, as a pure function."""

from functools import partial
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int32, PRNGKeyArray

from turret.data.batches import Batch
from turret.data.encoders import TowerEncoder
from turret.model.objective import batch_loss
from turret.model.tables import gather, scatter
from turret.model.towers import Dense, Parameters, initialize
from turret.recipe import Softmax, Train, TwoTower
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
    loss: Softmax
    tables: TableOptimizer
    dense: optax.GradientTransformation
    regularization: float = 0.0

    @classmethod
    def of(cls, config: TwoTower, loss: Softmax, train: Train) -> "Program":
        """The program of a recipe's sections."""
        tables, dense = table_optimizer(train), dense_optimizer(train)
        return cls(config, loss, tables, dense, train.regularization)


class TrainState(eqx.Module):
    """Everything that a step changes. Immutable: a step returns a new one.

    Attributes:
        parameters: Tables and dense parameters.
        slots: For each table the state of its optimizer.
        dense_state: State of the dense optimizer.
        step: Steps taken.
        program: What stays the same.
    """

    parameters: Parameters
    slots: dict[str, Slots]
    dense_state: optax.OptState
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
        initial_scale: float = 0.05,
    ) -> "TrainState":
        """The state before the first step.

        Args:
            program: What stays the same.
            key: Source of the initial values.
            query_encoder: Says how many rows each of its tables has.
            candidate_encoder: Likewise.
            initial_scale: Tables start uniform in plus or minus this.

        Returns:
            The state.
        """
        num_rows = {**query_encoder.num_rows, **candidate_encoder.num_rows}
        parameters = initialize(key, program.config, num_rows=num_rows, scale=initial_scale)
        return cls(
            parameters=parameters,
            slots={name: program.tables.init(t) for name, t in parameters.tables.items()},
            dense_state=program.dense.init(cast(optax.Params, parameters.dense)),
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
    program, (tables, dense) = state.program, state.parameters
    table_rows = jax.tree.map(jnp.asarray, batch.table_rows)
    touched = {name: gather(table, table_rows[name]) for name, table in tables.items()}
    differentiate = jax.value_and_grad(_objective, has_aux=True)
    (_, losses), gradient = differentiate(Parameters(touched, dense), state, batch)
    step = state.step + 1
    new_tables, new_slots = {}, {}
    for name, table in tables.items():
        where = table_rows[name]
        rows, slots = program.tables.update(
            gradient.tables[name],
            rows=touched[name],
            slots={key: gather(slot, where) for key, slot in state.slots[name].items()},
            step=step,
        )
        new_tables[name] = scatter(table, where, rows)
        new_slots[name] = {
            key: scatter(slot, where, slots[key]) for key, slot in state.slots[name].items()
        }
    body = cast(optax.Params, dense)
    change, dense_state = program.dense.update(gradient.dense, state.dense_state, body)
    parameters = Parameters(new_tables, cast(Dense, optax.apply_updates(body, change)))
    return TrainState(parameters, new_slots, dense_state, step, program), losses


def _objective(
    parameters: Parameters, state: TrainState, batch: Batch
) -> tuple[Float[Array, ""], Losses]:
    program = state.program
    loss = batch_loss(parameters, batch, config=program.config, loss=program.loss)
    penalty = jnp.zeros(())
    if program.regularization:
        for name, rows in parameters.tables.items():
            square = jnp.sum(jnp.square(rows), axis=1)
            where = batch.table_rows[name]
            if where is not None:
                square = jnp.where(where < state.parameters.tables[name].shape[0], square, 0.0)
            penalty = penalty + 0.5 * program.regularization * jnp.sum(square)
    total = loss + penalty
    return total, Losses(loss, penalty, total)
