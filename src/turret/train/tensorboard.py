"""Scalars for TensorBoard, written through tensorboardX, without TensorFlow."""

import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, SupportsFloat

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from turret.errors import MissingPartError
from turret.model.tables import gather
from turret.train.hooks import EpochReport, Hook, StartReport, StepReport
from turret.train.state import Losses, TrainState

__all__ = ["TensorBoard", "touched_norm"]


class _Seen(NamedTuple):
    """What a step leaves to be written; still on the device."""

    step: int
    losses: Losses
    learning_rate: Float[Array, ""]
    norms: dict[str, Float[Array, ""]]
    examples_per_second: float | None


class TensorBoard(Hook):
    """Writes scalars of some steps and of each epoch.

    Of steps: "step/loss" and the other losses, "step/learning_rate", "step/examples_per_second"
    and, for each embedding table, "norm/TABLE": the mean length of the rows that the step touched.
    Of epochs, at their last step: "epoch/loss" and the others, "epoch/examples_per_second",
    "epoch/validation_seconds", and the validation's metrics as "validation/METRIC", where
    "ndcg@20" is called "ndcg_20": TensorBoard's names hold no "@".

    A resumed training takes back what was written after the checkpoint.

    Args:
        folder: Where TensorBoard is to look.
        every: Steps between two that are written. The others cost nothing.

    Raises:
        MissingPartError: When tensorboardX is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], *, every: int = 50):
        """Keep the folder; the start of a training opens a file in it."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise MissingPartError("tensorboardX", extra="tensorboard") from error
        self._make_writer = SummaryWriter
        self._folder, self._every = os.fspath(folder), every
        self._writer: Any = None  # the library has no types
        self._examples_per_step = 0.0
        self._last: tuple[int, float] | None = None
        self._seen: list[_Seen] = []

    def start(self, report: StartReport) -> None:
        """Open a file that takes back what an earlier process wrote after this step."""
        self.close()
        self._examples_per_step = report.examples / report.steps_per_epoch
        purge = report.step + 1 if report.step > 0 else None
        # Its own name holds the second only, and a file that is there would be replaced. Files are
        # read in the order of their names.
        suffix = f".{time.time_ns():020d}"
        self._writer = self._make_writer(self._folder, purge_step=purge, filename_suffix=suffix)
        self._last = None

    def step(self, report: StepReport) -> None:
        """Keep the step, if it is one to be written, until the next one is."""
        if report.step % self._every:
            return
        now, rate = time.perf_counter(), None
        if self._last is not None:
            step, then = self._last
            rate = (report.step - step) * self._examples_per_step / (now - then)
        self._last = report.step, now
        # The earlier ones are there by now: reading them does not hold the device up.
        self._write_steps()
        learning_rate, norms = _look(report.state, report.batch.table_rows)
        self._seen.append(_Seen(report.step, report.losses, learning_rate, norms, rate))

    def epoch(self, report: EpochReport) -> None:
        """Write the epoch."""
        self._write_steps()
        self._last = None  # the validation took time too
        values = {f"epoch/{name}": value for name, value in report.losses.items()}
        values["epoch/examples_per_second"] = report.examples_per_second
        if report.validation_seconds is not None:
            values["epoch/validation_seconds"] = report.validation_seconds
        for name, value in (report.validation or {}).items():
            values[f"validation/{name}"] = value
        self._write(values, report.step)
        self._flush()

    def flush(self) -> None:
        """Put every step so far on the disk."""
        self._write_steps()
        self._flush()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._write_steps()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> "TensorBoard":
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self.close()

    def _write_steps(self) -> None:
        for one in jax.device_get(self._seen):
            values = {f"step/{name}": value for name, value in one.losses._asdict().items()}
            values["step/learning_rate"] = one.learning_rate
            values |= {f"norm/{name}": value for name, value in one.norms.items()}
            if one.examples_per_second is not None:
                values["step/examples_per_second"] = one.examples_per_second
            self._write(values, int(one.step))
        self._seen.clear()

    def _write(self, values: Mapping[str, SupportsFloat], step: int) -> None:
        assert self._writer is not None
        for name, value in values.items():
            self._writer.add_scalar(name, float(value), step)

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()


@jax.jit
def _look(
    state: TrainState, table_rows: dict[str, Int32[Array, " m"] | None]
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The learning rate of the next step, and for each table the mean length of the rows."""
    norms = {
        name: touched_norm(table, table_rows[name])
        for name, table in state.parameters.tables.items()
    }
    return state.learning_rate, norms


def touched_norm(table: Float[Array, "n d"], rows: Int32[Array, " m"] | None) -> Float[Array, ""]:
    """The mean length of the rows of a table that a step touched.

    Args:
        table: The table.
        rows: Which rows; one past the end is padding. None stands for all.

    Returns:
        The mean, a scalar on the device.

    Example:
        >>> table = jnp.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
        >>> float(touched_norm(table, jnp.array([1, 2, 3]))), float(touched_norm(table, None))
        (7.5, 5.0)
    """
    norms = jnp.linalg.norm(gather(table, rows), axis=1)
    if rows is None:
        return norms.mean()
    real = rows < table.shape[0]
    return jnp.sum(jnp.where(real, norms, 0.0)) / jnp.sum(real)
