"""What a loss keeps from step to step: a learned temperature, and how often candidates come."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from turret.recipe.loss import Loss, Softmax

__all__ = ["LossState", "initial_loss_state", "streaming_probability", "temperature_of"]

LossState = dict[str, Float[Array, "..."]]
"""Arrays by name: "log_temperature", trained; "last_step" and "gap", `[num_candidates]`."""


def initial_loss_state(loss: Loss, num_candidates: int) -> LossState:
    """The state before the first step; empty for a loss that keeps nothing.

    Args:
        loss: The loss.
        num_candidates: Rows of the candidate table.

    Returns:
        The state.
    """
    state: LossState = {}
    if isinstance(loss, Softmax):
        if loss.learn_temperature:
            state["log_temperature"] = jnp.asarray(math.log(loss.temperature), jnp.float32)
        if loss.logq == "streaming":
            state["last_step"] = jnp.zeros(num_candidates, jnp.float32)
            state["gap"] = jnp.zeros(num_candidates, jnp.float32)
    return state


def temperature_of(state: LossState) -> Float[Array, ""] | None:
    """The learned temperature; None when it is fixed."""
    return jnp.exp(state["log_temperature"]) if "log_temperature" in state else None


def streaming_probability(
    state: LossState, candidate_row: Int32[Array, " c"], *, step: Int32[Array, ""], rate: float
) -> tuple[LossState, Float[Array, " c"]]:
    r"""Estimate each column's probability from the steps between its occurrences.

        gap <- (1 - rate) gap + rate (step - last_step),   last_step <- step,
        probability = 1 / gap

    The first occurrence sets the gap to the steps so far. Up to a factor, which no softmax sees,
    the estimate is the probability that a batch holds the candidate, and it follows a drift.

    Args:
        state: Holds "last_step" and "gap".
        candidate_row: Rows of the columns; padding points past the end.
        step: Counts from 1.
        rate: How fast old gaps are forgotten.

    Returns:
        The new state and the probabilities; 1 for padding.

    Reference:
        Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
        recommendations", RecSys 2019, algorithm 2.
    """
    now = step.astype(jnp.float32)
    last = state["last_step"].at[candidate_row].get(mode="fill", fill_value=0)
    gap = state["gap"].at[candidate_row].get(mode="fill", fill_value=1)
    elapsed = now - last
    gap = jnp.maximum(jnp.where(gap > 0, (1 - rate) * gap + rate * elapsed, elapsed), 1.0)
    gap = jnp.where(candidate_row < len(state["gap"]), gap, 1.0)
    updated = state | {
        "last_step": state["last_step"].at[candidate_row].set(now, mode="drop"),
        "gap": state["gap"].at[candidate_row].set(gap, mode="drop"),
    }
    return updated, 1.0 / gap
