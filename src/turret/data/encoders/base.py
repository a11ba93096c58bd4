"""What every encoder does.

An encoder is fitted on training data alone, works on whole columns on the host (Polars and NumPy),
and keeps everything it needs to encode a value that it meets for the first time when serving.

Fitting takes two steps, because features may share an embedding table: each feature's training
rows are `gathered`, and what all features of a table gathered is `fitted` once, for all of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Shaped

from turret.recipe.features.base import Described

__all__ = ["AnyEncoder", "Encoder", "Parts"]

F = TypeVar("F", bound=Described)
G = TypeVar("G")
S = TypeVar("S")

Parts = Mapping[str, Shaped[np.ndarray, "n ..."]]
"""What a column is encoded to: arrays by the name of the part, each with an entry a row.

`rows`, int32 `[n]` or `[n, L]`, are rows of an embedding table: 0 is out-of-vocabulary, and -1 is
no entry, where a row has fewer than L. `weights`, float32 `[n, L]`, is what each of them counts.
`values`, float32 `[n, m]`, are numbers for a dense layer.
"""


@dataclass(frozen=True, eq=False)
class Encoder(ABC, Generic[F, G, S]):
    """Encodes one feature. Immutable; `turret.data.encoders.kinds` knows the one of each kind.

    Attributes:
        feature: What is encoded.
        fitted: What was learned from the training rows.
    """

    meaning: ClassVar[tuple[str, ...]] = ()
    """Keys of the feature that say what an encoded value means."""

    feature: F
    fitted: S

    @classmethod
    @abstractmethod
    def gathered(cls, feature: F, frame: pl.DataFrame) -> G:
        """What the training rows of a feature add to the fit."""

    @classmethod
    @abstractmethod
    def fit(cls, feature: F, gathered: Sequence[G]) -> S:
        """Learn from what the features of one table, or a feature without one, gathered."""

    @classmethod
    @abstractmethod
    def restored(cls, feature: F, state: pl.DataFrame) -> "Encoder[F, G, S]":
        """The encoder whose `state()` is given."""

    @abstractmethod
    def state(self) -> pl.DataFrame:
        """What was fitted, for a bundle to keep."""

    @abstractmethod
    def encode(self, frame: pl.DataFrame) -> Parts:
        """Encode the columns that the feature reads, row by row, whatever the other rows are."""

    @abstractmethod
    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether training says something about what each row holds."""

    @abstractmethod
    def after(self, earlier: "AnyEncoder", *, vanished: Literal["keep", "drop"]) -> S:
        """What is fitted once a training goes on from an earlier one.

        Args:
            earlier: The earlier training's encoder of the same table or feature, which means the
                same.
            vanished: Whether what today's data lack is kept or dropped.
        """

    def means_as(self, earlier: "AnyEncoder") -> bool:
        """Whether what an earlier encoder gives means the same, so that its parameters fit."""
        return type(earlier) is type(self) and all(
            getattr(earlier.feature, key) == getattr(self.feature, key) for key in self.meaning
        )

    @property
    def num_rows(self) -> int:
        """Rows of its embedding table; 0 when it looks none up."""
        return 0

    @property
    def num_values(self) -> int:
        """Numbers in its part `values`; 0 when it has none."""
        return 0


# Each encoder's feature is of its own kind, which no type of a table of encoders can say.
AnyEncoder = Encoder[Any, Any, Any]
