"""The cross network of DCN-v2."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from turret.recipe.bodies.cross import CrossNetwork as Config

__all__ = ["CrossLayer", "CrossNetwork"]


class CrossLayer(eqx.Module):
    """`x0 * (x W + diag_scale x + b) + x`, with `*` number by number.

    Attributes:
        weights: The matrix `W`, or the two narrow ones of which it is the product. Glorot-uniform
            at the start.
        bias: Zero at the start.
        diag_scale: What is added to the diagonal of `W`.
    """

    weights: list[Float[Array, "_ _"]]
    bias: Float[Array, " d"]
    diag_scale: float = eqx.field(static=True)

    def __init__(
        self, key: PRNGKeyArray, size: int, *, rank: int | None = None, diag_scale: float = 0.0
    ):
        """Make a layer for rows of `size` numbers; a `rank` of None makes the matrix full."""
        glorot = jax.nn.initializers.glorot_uniform()
        shapes = [(size, size)] if rank is None else [(size, rank), (rank, size)]
        keys = jax.random.split(key, len(shapes))
        self.weights = [glorot(one, shape) for one, shape in zip(keys, shapes, strict=True)]
        self.bias = jnp.zeros(size)
        self.diag_scale = diag_scale

    def __call__(self, x0: Float[Array, "n d"], x: Float[Array, "n d"]) -> Float[Array, "n d"]:
        """Apply the layer to each row.

        Args:
            x0: What went into the first layer.
            x: What the layer before gave.

        Returns:
            Rows of the same width.
        """
        y = x
        for weight in self.weights:
            y = y @ weight
        if self.diag_scale:
            y = y + self.diag_scale * x
        return x0 * (y + self.bias) + x


class CrossNetwork(eqx.Module):
    """Cross layers, one after the other, all with the same `x0`.

    Attributes:
        layers: The layers.

    Example:
        >>> cross = CrossNetwork(jax.random.key(0), 3, config=Config(layers=2))
        >>> cross(jnp.zeros((2, 3))).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    Reference:
        Wang et al., "DCN V2: improved deep & cross network and practical lessons for web-scale
        learning to rank systems", WWW 2021.
    """

    layers: list[CrossLayer]

    def __init__(self, key: PRNGKeyArray, size: int, *, config: Config):
        """Make the layers for rows of `size` numbers."""
        self.layers = [
            CrossLayer(one, size, rank=config.rank, diag_scale=config.diag_scale)
            for one in jax.random.split(key, config.layers)
        ]

    def __call__(
        self, x: Float[Array, "n d"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "n d"]:
        """Apply the layers to each row; the key changes nothing."""
        x0 = x
        for layer in self.layers:
            x = layer(x0, x)
        return x
