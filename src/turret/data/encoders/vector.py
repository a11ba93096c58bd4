"""The encoder of `vector` features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32

from turret.data.encoders.base import AnyEncoder, Encoder, Parts
from turret.data.encoders.lists import lists_in
from turret.data.encoders.states import kept, kept_numbers
from turret.errors import DataError
from turret.recipe.features.vector import Vector

__all__ = ["FAR", "VectorEncoder", "VectorSize"]

FAR = 1e6
"""So many times the root mean square a number may be; beyond, it is that."""


class VectorSize(NamedTuple):
    """How long vectors are.

    Attributes:
        width: Numbers in each.
        scale: The root mean square of all numbers of the training rows; 1 where that is 0.
    """

    width: int
    scale: float


@dataclass(frozen=True, eq=False)
class VectorEncoder(Encoder[Vector, VectorSize, VectorSize]):
    """A vector a row, over the training rows' root mean square.

    Attributes:
        feature: What is encoded.
        fitted: The vectors' width, and what they are divided by.
    """

    meaning = ("normalize",)

    @classmethod
    def gathered(cls, feature: Vector, frame: pl.DataFrame) -> VectorSize:
        """The size of the training rows' vectors; their order makes no difference."""
        column = lists_in(frame[feature.column], of="numbers")
        width = column.list.len().drop_nulls().head(1)
        if len(width) == 0 or width[0] == 0:
            raise DataError(
                f"column {feature.column!r} has no vector in the training rows",
                got="nulls or empty lists alone",
                expected="a list of numbers in some row",
                fix="Leave the feature out.",
            )
        vectors, there = _vectors(feature, column, width=int(width[0]))
        squares = np.sort(np.square(vectors[there], dtype=np.float64).mean(axis=1))
        return VectorSize(int(width[0]), float(np.sqrt(squares.mean())) or 1.0)

    @classmethod
    def fit(cls, feature: Vector, gathered: Sequence[VectorSize]) -> VectorSize:
        """The size; the feature shares nothing."""
        (size,) = gathered
        return size

    @classmethod
    def restored(cls, feature: Vector, state: pl.DataFrame) -> "VectorEncoder":
        """The encoder whose `state()` is given."""
        (scale,) = kept_numbers(state, "scale", least=1, most=1).tolist()
        width = kept(state, "width", dtype=pl.Int64)[0]
        if width < 1 or scale <= 0:
            raise DataError("vectors cannot be of this size", got=(width, scale))
        return cls(feature, VectorSize(width, scale))

    def state(self) -> pl.DataFrame:
        """One row: `width` and `scale`."""
        return pl.DataFrame({"width": [self.fitted.width], "scale": [self.fitted.scale]})

    @property
    def num_values(self) -> int:
        """The vector's numbers, and whether it is missing."""
        return self.fitted.width + 1

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The part `values`, `[n, width + 1]`, whose last says what is missing."""
        column = lists_in(frame[self.feature.column], of="numbers")
        vectors, there = _vectors(self.feature, column, width=self.fitted.width)
        values = np.zeros((frame.height, self.num_values), np.float32)
        far = np.float64(vectors) / self.fitted.scale
        values[:, :-1] = np.clip(far, -FAR, FAR)
        values[:, -1] = ~there
        return {"values": values}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether each row has a vector."""
        return parts["values"][:, -1] == 0

    def means_as(self, earlier: AnyEncoder) -> bool:
        """Whether the earlier vectors were as wide, and scaled alike."""
        return super().means_as(earlier) and earlier.fitted.width == self.fitted.width

    def after(self, earlier: AnyEncoder, *, vanished: Literal["keep", "drop"]) -> VectorSize:
        """The scale of the earlier training: its parameters belong to that."""
        return earlier.fitted


def _vectors(
    feature: Vector, lists: pl.Series, *, width: int
) -> tuple[Float32[np.ndarray, "n width"], Bool[np.ndarray, " n"]]:
    """The vectors, 0 where they are missing, and which are there."""
    what, lengths = f"column {feature.column!r}", lists.list.len()
    wrong = (lengths != width).fill_null(False)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(
            f"{what} has a vector of another width",
            got=lengths[row],
            expected=f"{width} numbers, as in training",
            fix="Give vectors of one model.",
        )
    there = lists.is_not_null().to_numpy()
    vectors = np.zeros((len(lists), width), np.float32)
    try:
        flat = lists.filter(lists.is_not_null()).explode().cast(pl.Float32)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{what} holds no numbers", got=str(lists.dtype)) from error
    numbers = flat.fill_null(float("nan")).to_numpy()
    if width and len(numbers):
        vectors[there] = numbers.reshape(-1, width)
    broken = ~np.isfinite(vectors).all(axis=1)
    if broken.any():
        row = int(broken.argmax())
        raise DataError(
            f"{what} has a number that is missing or not finite",
            got=vectors[row].tolist()[:8],
            expected="finite numbers, or null for a row without a vector",
            fix="Mend the vector, or make it null.",
        )
    if feature.normalize:
        norms = np.linalg.norm(np.float64(vectors), axis=1, keepdims=True)
        vectors = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
    return vectors, there
