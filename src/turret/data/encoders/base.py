"""What every encoder does.

An encoder is fitted on training data alone, works on whole columns on the host (Polars and NumPy),
and keeps everything it needs to encode a value that it meets for the first time when serving.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Bool, Shaped

__all__ = ["Encoder", "Parts"]

Parts = Mapping[str, Shaped[np.ndarray, "n ..."]]
"""What a column is encoded to: arrays by the name of the part, each with an entry a row.

`rows`, int32 `[n]` or `[n, L]`, are rows of an embedding table: 0 is out-of-vocabulary, and -1 is
no entry, where a row has fewer than L. `weights`, float32 `[n, L]`, is what each of them counts.
`values`, float32 `[n, m]`, are numbers for a dense layer.
"""


@runtime_checkable
class Encoder(Protocol):
    """Encodes one feature. Immutable; `turret.data.encoders.kinds` makes the one of each kind."""

    @property
    def num_rows(self) -> int:
        """Rows of its embedding table; 0 when it looks none up."""
        ...

    @property
    def num_values(self) -> int:
        """Numbers in its part `values`; 0 when it has none."""
        ...

    def encode(self, frame: pl.DataFrame) -> Parts:
        """Encode the columns that the feature reads, row by row, whatever the other rows are."""
        ...

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether training says something about what each row holds."""
        ...

    def state(self) -> pl.DataFrame:
        """What was fitted, for a bundle to keep."""
        ...
