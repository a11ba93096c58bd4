"""What is said when numbers of a training are no longer finite: where, and why most likely."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from turret.data.batches import Batches
from turret.errors import TrainingError
from turret.recipe.loss import Loss
from turret.recipe.training import Train
from turret.train.step_losses import StepLosses

__all__ = ["not_finite_loss", "not_finite_parameters"]

_RISEN = 2.0
_LOW_TEMPERATURE = 0.05


def not_finite_loss(
    losses: StepLosses, batches: Batches, *, train: Train, loss: Loss, checkpoint: Path | None
) -> TrainingError:
    """The error for a loss that is not finite.

    Args:
        losses: The losses, of which one is bad.
        batches: Made them, so that the weights of the bad batch can be looked at.
        train: Its learning rate may be the cause.
        loss: Its temperature may be.
        checkpoint: The last one, which is of before.

    Returns:
        The error: it names the step, the likely cause, and what is left to go on from.
    """
    step = losses.bad
    assert step is not None
    values = losses.of(0, step)["total_loss"]
    epoch = (step - 1) // batches.steps_per_epoch + 1
    weight = batches.dataset.interactions.weight
    if weight is not None and not np.isfinite(weight[batches.events(step - 1)]).all():
        cause = "weights of its interactions are not finite. Mend the data's weights"
    else:
        cause = _cause(values[:-1], train, loss)
    return TrainingError(
        f"the loss of step {step} (epoch {epoch}) is not finite",
        got=float(values[-1]),
        expected="a finite number",
        fix=f"The likely cause: {cause}. {_left(checkpoint)}",
    )


def not_finite_parameters(
    names: Sequence[str], *, step: int, train: Train, checkpoint: Path | None
) -> TrainingError:
    """The error for parameters that are not finite while the losses still were.

    Args:
        names: Paths of the arrays.
        step: Steps taken.
        train: Its learning rate is the likely cause.
        checkpoint: The last one, which is of before.

    Returns:
        The error.
    """
    return TrainingError(
        f"after step {step} parameters are not finite: {', '.join(names)}",
        fix=f"The likely cause: {_too_fast(train)}. {_left(checkpoint)}",
    )


def _cause(before: np.ndarray, train: Train, loss: Loss) -> str:
    """Guess from how the loss went in the steps before."""
    rose = len(before) > 0 and before[-1] > _RISEN * before.min()
    temperature = getattr(loss, "temperature", None)
    cold = isinstance(temperature, float) and temperature < _LOW_TEMPERATURE
    if cold and not rose:
        return f"loss.temperature = {temperature:g} is too low. Raise it"
    told = f" (the loss had risen from {before.min():.4g} to {before[-1]:.4g})" if rose else ""
    return _too_fast(train, told)


def _too_fast(train: Train, told: str = "") -> str:
    rate = train.learning_rate
    return (
        f"train.learning_rate = {rate:g} is too high{told}. Lower it, or set model.normalize = true"
    )


def _left(checkpoint: Path | None) -> str:
    if checkpoint is None:
        return "No checkpoint was written before it."
    return f"The last good checkpoint is {checkpoint}."
