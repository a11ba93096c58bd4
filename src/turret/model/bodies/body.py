"""The body of a tower: bodies one after the other, and what brings the last to `embedding_dim`."""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from turret.model.bodies.custom import CustomBody
from turret.model.bodies.row import TowerRow
from turret.model.layers.cross import CrossNetwork
from turret.model.layers.dot import dot_interaction
from turret.model.layers.linear import Linear
from turret.model.layers.mlp import MLP
from turret.recipe.bodies.body import Body as Config
from turret.recipe.bodies.cross import CrossNetwork as CrossConfig
from turret.recipe.bodies.custom import Custom
from turret.recipe.bodies.dot import DotInteraction as DotConfig
from turret.recipe.bodies.mlp import MLP as MLPConfig

__all__ = ["Body", "DotInteraction"]


class DotInteraction(eqx.Module):
    """The products of the features' vectors, behind these if they are kept.

    Attributes:
        config: What is given.
    """

    config: DotConfig = eqx.field(static=True)

    def __call__(self, rows: TowerRow, *, key: PRNGKeyArray | None = None) -> Float[Array, "n out"]:
        """Multiply the vectors of each row; the key changes nothing."""
        vectors = jnp.stack(list(rows.vectors.values()), axis=1)
        products = dot_interaction(vectors, self_interaction=self.config.self_interaction)
        if not self.config.keep_features:
            return products
        return jnp.concatenate([*rows.vectors.values(), products], axis=1)


class Body(eqx.Module):
    """What stands between the features of a tower and its vector.

    Attributes:
        layers: The bodies that the recipe names, in their order.
        head: The linear layer behind them; None behind a custom one.
        sizes: Numbers in a row of what each body gives.
    """

    layers: list[MLP | CrossNetwork | DotInteraction | CustomBody]
    head: Linear | None
    sizes: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        key: PRNGKeyArray,
        configs: Sequence[Config],
        *,
        widths: Mapping[str, int],
        embedding_dim: int,
    ):
        """Draw the parameters.

        Args:
            key: Source of randomness.
            configs: The bodies, at least one.
            widths: Of the features' vectors, by the feature's key.
            embedding_dim: Of what the tower gives.

        Raises:
            ModelError: When a custom class cannot be imported, or is not as it has to be.
        """
        self.layers, width, sizes = [], sum(widths.values()), []
        for place, config in enumerate(configs):
            own = jax.random.fold_in(key, place)
            match config:
                case MLPConfig():
                    layer, width = MLP(own, width, config=config), config.hidden[-1]
                case CrossConfig():
                    layer = CrossNetwork(own, width, config=config)
                case DotConfig():
                    layer, width = DotInteraction(config), _products(config, widths)
                case Custom():
                    size = dict(widths) if config.input == "row" else width
                    layer = CustomBody(
                        own,
                        config,
                        in_size=size,
                        embedding_dim=embedding_dim,
                        last=place == len(configs) - 1,
                    )
                    width = layer.out_size
            self.layers.append(layer)
            sizes.append(width)
        self.sizes = tuple(sizes)
        own = jax.random.fold_in(key, len(configs))
        self.head = None
        if not isinstance(configs[-1], Custom):
            self.head = Linear(own, width, embedding_dim)

    def __call__(self, rows: TowerRow, *, key: PRNGKeyArray | None = None) -> Float[Array, "n d"]:
        """The vectors of `n` rows.

        Args:
            rows: Their features.
            key: Decides what chance decides in a training step; None everywhere else.

        Returns:
            Shape `[n, embedding_dim]`. A row's vector does not depend on the other rows.
        """
        x = None
        for place, layer in enumerate(self.layers):
            own = None if key is None else jax.random.fold_in(key, place)
            if isinstance(layer, DotInteraction) or (
                isinstance(layer, CustomBody) and layer.config.input == "row"
            ):
                x = layer(rows, key=own)
            else:
                x = layer(_side_by_side(rows) if x is None else x, key=own)
        assert x is not None  # there is a layer
        return x if self.head is None else self.head(x)


def _side_by_side(rows: TowerRow) -> Float[Array, "n d"]:
    return jnp.concatenate(list(rows.vectors.values()), axis=-1)


def _products(config: DotConfig, widths: Mapping[str, int]) -> int:
    number = len(widths)
    products = number * (number + (1 if config.self_interaction else -1)) // 2
    return products + (sum(widths.values()) if config.keep_features else 0)
