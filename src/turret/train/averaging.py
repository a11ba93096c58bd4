"""Weight averaging: the exponential moving average of the parameters, exact and lazy.

With `x_s` the parameters after step `s`, what is averaged after step `t` is

    a_t = sum_{s=1..t} b^(t-s) x_s / sum_{s=1..t} b^(t-s)

where `b` is the decay: the parameters after every step taken, the latest weighing most, the
initial ones not at all. Step by step this is

    a_t = x_t + k(t-1, t) (a_{t-1} - x_t),    k(s, t) = b^(t-s) (1 - b^s) / (1 - b^t).

While a row is not touched its `x` stays, the products of the `k` telescope, and any number of steps
is one: `a_t = x + k(s, t) (a_s - x)`. So each row keeps its average with the step `s` up to which
that is right, a step brings only the rows it touches up to date, and reading the average does so
for all.
"""

import math
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from turret.model.tables import gather, scatter
from turret.model.towers import Dense, Parameters
from turret.train.optimizers.tables import Matrices

__all__ = ["Averages", "averaged", "follow", "start"]


class Averages(NamedTuple):
    """The averages of all parameters.

    Attributes:
        tables: For each table the averages of its rows, right up to the step in `updated`.
        updated: For each table the last step that touched each row; 0 for none.
        dense: The averages of the dense parameters, right up to the last step.
    """

    tables: Matrices
    updated: dict[str, Int32[Array, " rows"]]
    dense: Dense


def start(parameters: Parameters) -> Averages:
    """The averages before the first step: nothing yet, of the parameters' shapes."""
    return Averages(
        tables={name: jnp.zeros_like(table) for name, table in parameters.tables.items()},
        updated={
            name: jnp.zeros(table.shape[0], jnp.int32) for name, table in parameters.tables.items()
        },
        dense=jax.tree.map(jnp.zeros_like, parameters.dense),
    )


def follow(
    averages: Averages,
    *,
    before: Matrices,
    after: Parameters,
    rows: dict[str, Int32[Array, " m"] | None],
    step: Int32[Array, ""],
    decay: float,
) -> Averages:
    """Bring the averages of what a step changed up to that step.

    Args:
        averages: The averages so far.
        before: The rows touched of each table before the step.
        after: The parameters after it; of tables, the same rows alone.
        rows: For each table the rows touched; None stands for all.
        step: Steps taken, this one included.
        decay: The decay.

    Returns:
        The new averages; those of other rows stay, and stay right.
    """
    tables, updated = {}, {}
    for name, where in rows.items():
        since = gather(averages.updated[name], where)
        average = gather(averages.tables[name], where)
        old, new = before[name], after.tables[name]
        average = old + _kept(decay, since, step - 1)[:, None] * (average - old)
        average = new + _kept(decay, step - 1, step) * (average - new)
        tables[name] = scatter(averages.tables[name], where, average)
        updated[name] = scatter(averages.updated[name], where, jnp.full_like(since, step))
    kept = _kept(decay, step - 1, step)
    dense = jax.tree.map(lambda a, x: x + kept * (a - x), averages.dense, after.dense)
    return Averages(tables, updated, cast(Dense, dense))


@partial(jax.jit, static_argnames="decay")
def averaged(
    averages: Averages, *, parameters: Parameters, step: Int32[Array, ""], decay: float
) -> Parameters:
    """The averages of all parameters after a step.

    Args:
        averages: The averages.
        parameters: The parameters after that step.
        step: Steps taken.
        decay: The decay.

    Returns:
        The averages; a row that was never touched is itself, bit for bit.
    """
    tables = {
        name: table
        + _kept(decay, averages.updated[name], step)[:, None] * (averages.tables[name] - table)
        for name, table in parameters.tables.items()
    }
    dense = jax.tree.map(lambda a, x: jnp.where(step > 0, a, x), averages.dense, parameters.dense)
    return Parameters(tables, cast(Dense, dense))


def _kept(
    decay: float, since: Int32[Array, "*m"], now: Int32[Array, "*m"] | Int32[Array, ""]
) -> Float[Array, "*m"]:
    """`k(since, now)`: the share of its difference that an average keeps; 0 at step 0."""
    log = math.log(decay)
    s, t = since.astype(jnp.float32), jnp.maximum(now, 1).astype(jnp.float32)
    return jnp.exp(log * (now - since)) * jnp.expm1(log * s) / jnp.expm1(log * t)
