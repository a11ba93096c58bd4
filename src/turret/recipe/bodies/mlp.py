"""The body `mlp`: fully connected layers."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from turret.recipe.bodies.base import BodyKind
from turret.recipe.checks import require

__all__ = ["MLP", "Activation", "Norm"]

Activation = Literal["relu", "gelu", "silu", "tanh"]
"""Names of what follows a hidden layer."""

Norm = Literal["none", "layer", "rms"]
"""Names of what a hidden layer is normalised with."""


class _Hidden(BodyKind, frozen=True):
    hidden: Sequence[int]


class MLP(_Hidden, frozen=True, kw_only=True, tag_field="kind", tag="mlp"):
    """Hidden layers, each `dropout(activation(norm(x W + b)))`.

    Args:
        hidden: the widths of the layers, at least one; kept as a tuple.
        activation: what follows each layer.
        norm: what each layer is normalised with before that: its mean and variance ("layer"), its
            mean square ("rms"), or nothing. None of them looks at other rows.
        dropout: the share of a layer's numbers that a training step sets to 0.
        residual: a layer as wide as its input adds that to what it gives.

    Example:
        >>> MLP([64, 32], norm="layer", dropout=0.1).hidden
        (64, 32)
    """

    activation: Activation = "relu"
    norm: Norm = "none"
    dropout: float = 0.0
    residual: bool = False

    def __post_init__(self) -> None:
        """Keep a tuple and refuse impossible values."""
        msgspec.structs.force_setattr(self, "hidden", tuple(self.hidden))
        narrowest = min(self.hidden, default=0)
        require(narrowest >= 1, "body 'mlp': hidden", list(self.hidden), "widths of at least 1")
        possible = 0 <= self.dropout < 1
        require(possible, "body 'mlp': dropout", self.dropout, "at least 0 and below 1")

    @property
    def draws(self) -> bool:
        """Whether chance has a part in a training step."""
        return self.dropout > 0
