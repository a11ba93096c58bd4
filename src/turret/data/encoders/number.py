"""The encoder of `number` features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from turret.data.encoders.base import AnyEncoder, Encoder, Parts
from turret.data.encoders.lists import plain
from turret.data.encoders.states import kept_numbers
from turret.errors import DataError
from turret.recipe.features.number import Number

__all__ = ["FAR", "NumberEncoder"]

FAR = 1e6
"""So many deviations from the mean a number may stand; beyond, it stands there."""

Numbers = Float64[np.ndarray, "_"]
Constants = Float64[np.ndarray, "_"]


@dataclass(frozen=True, eq=False)
class NumberEncoder(Encoder[Number, Numbers, Constants]):
    """One number a row.

    Attributes:
        feature: What is encoded.
        fitted: For "standard" and "log" the mean and the deviation of the training rows, `[2]`; for
            "buckets" the edges, `[ranges - 1]`, ascending; for "periodic" none.
    """

    meaning = ("encoding", "buckets", "edges", "period", "harmonics")

    @classmethod
    def gathered(cls, feature: Number, frame: pl.DataFrame) -> Numbers:
        """The numbers of the training rows that have one, ascending."""
        numbers = _numbers(feature, frame)
        return np.sort(numbers[~np.isnan(numbers)])

    @classmethod
    def fit(cls, feature: Number, gathered: Sequence[Numbers]) -> Constants:
        """Measure the training rows; the result does not depend on their order."""
        numbers = np.sort(np.concatenate(gathered))
        if feature.encoding == "buckets":
            return (
                np.asarray(feature.edges, np.float64)
                if feature.edges
                else _edges(numbers, feature.buckets)
            )
        if feature.encoding == "periodic":
            return np.empty(0)
        if len(numbers) == 0 or numbers[0] == numbers[-1]:
            return np.array([numbers[0] if len(numbers) else 0.0, 1.0])
        # Over the largest, lest squares overflow or vanish.
        largest = np.abs(numbers).max()
        scaled = numbers / largest
        return np.array([scaled.mean() * largest, scaled.std() * largest])

    @classmethod
    def restored(cls, feature: Number, state: pl.DataFrame) -> "NumberEncoder":
        """The encoder whose `state()` is given."""
        if feature.encoding == "buckets":
            edges = kept_numbers(state, "constant", least=0)
            if (edges[1:] <= edges[:-1]).any():
                raise DataError("the column 'constant' has edges that do not rise")
            return cls(feature, edges)
        size = 0 if feature.encoding == "periodic" else 2
        constants = kept_numbers(state, "constant", least=size, most=size)
        if size and constants[1] < 0:
            raise DataError("the column 'constant' has a deviation below 0", got=constants[1])
        return cls(feature, constants)

    def state(self) -> pl.DataFrame:
        """The column `constant`: what was fitted."""
        return pl.DataFrame({"constant": self.fitted}, schema={"constant": pl.Float64})

    @property
    def num_rows(self) -> int:
        """One for each range, and row 0 for what is missing."""
        return len(self.fitted) + 2 if self.feature.has_table else 0

    @property
    def num_values(self) -> int:
        """The number, or its sines and cosines; and whether it is missing."""
        if self.feature.has_table:
            return 0
        return 2 * self.feature.harmonics + 1 if self.feature.encoding == "periodic" else 2

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The part `rows`, `[n]`, or `values`, `[n, m]`, whose last says what is missing."""
        numbers = _numbers(self.feature, frame)
        missing = np.isnan(numbers)
        if self.feature.has_table:
            rows = np.searchsorted(self.fitted, numbers, side="right") + 1
            return {"rows": np.where(missing, 0, rows).astype(np.int32)}
        if self.feature.encoding == "periodic":
            columns = list(_waves(self.feature, numbers))
        else:
            mean, deviation = self.fitted
            columns = [(numbers - mean) / deviation]
        values = np.zeros((len(numbers), self.num_values), np.float32)
        for place, column in enumerate(columns):
            values[:, place] = np.clip(np.where(missing, 0.0, column), -FAR, FAR)
        values[:, -1] = missing
        return {"values": values}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether each row has a number."""
        return parts["rows"] > 0 if self.feature.has_table else parts["values"][:, -1] == 0

    def after(self, earlier: AnyEncoder, *, vanished: Literal["keep", "drop"]) -> Constants:
        """What the earlier training measured: its parameters belong to that."""
        return earlier.fitted


def _numbers(feature: Number, frame: pl.DataFrame) -> Numbers:
    """The column as numbers, on the scale of the encoding; NaN where it is missing."""
    column = plain(frame[feature.column])
    kind = column.dtype
    if not (kind.is_numeric() or isinstance(kind, pl.Boolean | pl.Null | pl.String)):
        raise DataError(
            f"column {feature.column!r} cannot be a number",
            got=str(kind),
            expected="a column of numbers",
            fix="Cast the column to numbers first.",
        )
    cast = column.cast(pl.Float64, strict=False)
    wrong = cast.is_null() & column.is_not_null()
    if wrong.any():
        raise DataError(
            f"column {feature.column!r} has text that is no number",
            got=column.filter(wrong)[0],
            expected="numbers",
            fix="Make it a number, or null where there is none.",
        )
    numbers = cast.fill_null(float("nan")).to_numpy()
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    if feature.encoding == "log":
        return np.sign(numbers) * np.log1p(np.abs(numbers))
    return numbers


def _edges(numbers: Numbers, buckets: int) -> Constants:
    """Where ranges end that hold as many of the ascending numbers each; equal ones count once."""
    if len(numbers) == 0:
        return np.empty(0)
    places = np.arange(1, buckets) * len(numbers) // buckets
    edges = np.unique(numbers[places])
    # Nothing stands below the smallest number.
    return edges[edges > numbers[0]]


def _waves(feature: Number, numbers: Numbers) -> Sequence[Numbers]:
    assert feature.period is not None  # checked by the feature
    turns = np.where(np.isnan(numbers), 0.0, np.mod(numbers, feature.period)) / feature.period
    angles = [2 * np.pi * h * turns for h in range(1, feature.harmonics + 1)]
    return [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
