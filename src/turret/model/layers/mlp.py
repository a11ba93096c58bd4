"""Fully connected layers."""

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from turret.errors import ModelError
from turret.model.layers.activations import ACTIVATIONS
from turret.model.layers.dropout import dropout
from turret.model.layers.linear import Linear
from turret.model.layers.normalization import LayerNorm, RMSNorm, normalization
from turret.recipe.bodies.mlp import MLP as Config

__all__ = ["MLP"]


class MLP(eqx.Module):
    """Hidden layers `x -> dropout(act(norm(x W + b)))`, plus `x` where a layer is residual.

    A layer is residual when the configuration says so and it is as wide as its input.

    Attributes:
        layers: A linear layer for each width.
        norms: What follows each; None where nothing does.
        config: The rest of what it does.

    Example:
        >>> mlp = MLP(jax.random.key(0), 3, config=Config([8, 8], residual=True))
        >>> mlp(jax.numpy.zeros((2, 3))).shape
        (2, 8)
    """

    layers: list[Linear]
    norms: list[LayerNorm | RMSNorm | None]
    config: Config = eqx.field(static=True)

    def __init__(self, key: PRNGKeyArray, in_size: int, *, config: Config):
        """Make the layers.

        Args:
            key: Source of randomness.
            in_size: Numbers in a row that goes in.
            config: Widths, and the rest of what the layers do.

        Raises:
            ModelError: When they are to be residual, and none is as wide as its input.
        """
        widths = (in_size, *config.hidden)
        keys = jax.random.split(key, len(config.hidden))
        sizes = list(zip(widths[:-1], widths[1:], strict=True))
        if config.residual and all(before != after for before, after in sizes):
            raise ModelError(
                "body 'mlp': residual, but no layer is as wide as its input",
                got=list(widths),
                expected="two equal widths, one after the other",
                fix="Change `hidden`, or leave `residual` out.",
            )
        self.layers = [Linear(one, *size) for one, size in zip(keys, sizes, strict=True)]
        self.norms = [normalization(config.norm, width) for width in config.hidden]
        self.config = config

    def __call__(
        self, x: Float[Array, "n in_"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "n out"]:
        """Apply the layers to each row.

        Args:
            x: The rows.
            key: Decides what dropout leaves out; None leaves nothing out.

        Returns:
            Rows as wide as the last layer.
        """
        act, config = ACTIVATIONS[self.config.activation], self.config
        for place, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            y = layer(x) if norm is None else norm(layer(x))
            own = None if key is None else jax.random.fold_in(key, place)
            y = dropout(act(y), config.dropout, key=own)
            x = x + y if config.residual and x.shape == y.shape else y
        return x
