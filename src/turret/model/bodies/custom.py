"""Modules of one's own: made from configuration, called a row at a time.

A module's arrays are parameters like any others. The rest of it, such as a function or the rate of
a dropout, is not kept anywhere: whoever reads a bundle makes the module again from its class and
its options. So there may be nothing in it that these two do not determine.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32, PRNGKeyArray

from turret.errors import ModelError
from turret.model.bodies.custom_class import custom_class
from turret.model.bodies.row import TowerRow
from turret.recipe.bodies.custom import Custom

__all__ = ["CustomBody"]

_SETTINGS = (bool, int, float, complex, str)


class CustomBody(eqx.Module):
    """A module of the user's, called for each row by itself.

    Attributes:
        module: Its arrays; None in the place of everything else.
        rest: Everything else; None in the place of arrays.
        out_size: Numbers that it gives for a row.
        config: Its class and options.
    """

    module: eqx.Module
    rest: eqx.Module = eqx.field(static=True)
    out_size: int = eqx.field(static=True)
    config: Custom = eqx.field(static=True)

    def __init__(
        self,
        key: PRNGKeyArray,
        config: Custom,
        *,
        in_size: int | Mapping[str, int],
        embedding_dim: int,
        last: bool,
    ):
        """Make the module: `Class(in_size=, out_size=, **options, key=)`.

        Args:
            key: Source of randomness.
            config: Its class and options; an `out_size` among these comes before the model's
                `embedding_dim`.
            in_size: Numbers in a row that goes in; with the input "row" those in each feature's
                vector.
            embedding_dim: The model's.
            last: Whether the module has to give so many numbers.

        Raises:
            ModelError: When the class cannot be imported or made, gives something else than it
                should, or holds what cannot be kept.
        """
        make = cast("Callable[..., eqx.Module]", custom_class(config.path))
        arguments = {"in_size": in_size, "out_size": embedding_dim} | config.options
        call = f"{config.path}({', '.join(f'{one}=' for one in (*arguments, 'key'))})"
        with _theirs(f"{call} fails"):
            made = make(**arguments, key=key)
        with _theirs(f"{call} fails without the values of its arrays, as when a bundle is loaded"):
            again = eqx.filter_eval_shape(lambda key: make(**arguments, key=key), key)
        _require_keepable(made, config.path)
        _require_same(made, again, config.path)
        self.config, self.out_size = config, embedding_dim
        arrays, self.rest = eqx.partition(made, eqx.is_array)
        self.module = jax.tree.map(jnp.asarray, arrays)
        if isinstance(in_size, int):
            given = [
                eqx.filter_eval_shape(self._called, jnp.zeros((1, in_size)), one)
                for one in (None, key)
            ]
            self.out_size = embedding_dim if last else max(one.shape[1] for one in given)
            for one in given:
                _require_width(one.shape[1], self.out_size, config.path)

    def __call__(
        self, rows: Float[Array, "n in_"] | TowerRow, *, key: PRNGKeyArray | None = None
    ) -> Float32[Array, "n out"]:
        """Call the module for each row.

        Args:
            rows: What each is called with.
            key: Divided into one for each row; None, as everywhere but in a training step, calls
                the module in Equinox' inference mode, without a key.

        Returns:
            What it gives.

        Raises:
            ModelError: When it fails, or gives something else than it should.
        """
        out = self._called(rows, key)
        _require_width(out.shape[1], self.out_size, self.config.path)
        return out

    def _called(
        self, rows: Float[Array, "n in_"] | TowerRow, key: PRNGKeyArray | None
    ) -> Float32[Array, "n _"]:
        whole = eqx.combine(self.module, self.rest)
        module = cast(Callable, eqx.nn.inference_mode(whole) if key is None else whole)
        first = next(iter(rows.vectors.values())) if isinstance(rows, TowerRow) else rows
        keys = None if key is None else jax.random.split(key, len(first))
        axes = TowerRow._make((0, 0, None)) if isinstance(rows, TowerRow) else 0
        call = jax.vmap(lambda row, one: module(row, key=one), in_axes=(axes, 0))
        with _theirs(f"{self.config.path} fails when it is called"):
            out = call(rows, keys)
        if not isinstance(out, jax.Array) or out.ndim != 2 or not _is_float(out):
            raise ModelError(
                f"body 'custom': {self.config.path} gives something else than a vector for a row",
                got=f"{out.dtype}{list(out.shape[1:])}"
                if isinstance(out, jax.Array)
                else type(out).__name__,
                expected=f"float32[{self.out_size}]",
            )
        return out.astype(jnp.float32)


@contextmanager
def _theirs(what: str) -> Generator[None]:
    """Give what goes wrong in the user's code as an error of ours."""
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"body 'custom': {what}: {type(error).__name__}: {error}",
            fix="docs/custom-towers.md says what the class has to be like.",
        ) from error


def _require_width(got: int, expected: int, path: str) -> None:
    if got != expected:
        raise ModelError(
            f"body 'custom': {path} gives vectors of another width",
            got=got,
            expected=f"{expected}, the `out_size` that it is made with",
        )


def _require_keepable(made: eqx.Module, path: str) -> None:
    """Refuse what is neither a parameter nor a setting."""

    def is_state(leaf: object) -> bool:
        return isinstance(leaf, eqx.nn.StateIndex)

    for place, leaf in jax.tree_util.tree_leaves_with_path(made, is_leaf=is_state):
        name = f"body 'custom': {path}{jax.tree_util.keystr(place)}"
        if is_state(leaf):
            fix = "A row's vector may depend on nothing else: normalise each row by itself."
            got = type(leaf).__name__
            raise ModelError(f"{name} is state that passes from call to call", got=got, fix=fix)
        if eqx.is_array(leaf):
            if leaf.dtype != jnp.float32:
                fix = "Make it float32, or a tuple of numbers in a static field."
                got = f"{leaf.dtype}{list(leaf.shape)}"
                raise ModelError(f"{name} cannot be trained", got=got, fix=fix)
        elif not (callable(leaf) or isinstance(leaf, _SETTINGS)):
            fix = "Make it an array, or mark the field with equinox.field(static=True)."
            got = type(leaf).__name__
            raise ModelError(f"{name} is neither a parameter nor a setting", got=got, fix=fix)


def _require_same(made: eqx.Module, again: eqx.Module, path: str) -> None:
    """Refuse settings that the class and its options do not determine, or that have no equality."""
    one, other = (
        jax.tree_util.tree_leaves_with_path(eqx.filter(x, lambda leaf: isinstance(leaf, _SETTINGS)))
        for x in (made, again)
    )
    try:
        same = jax.tree.structure(made) == jax.tree.structure(again)
    except ValueError as error:
        raise ModelError(
            f"body 'custom': {path}: a static field cannot be compared: {error}",
            fix="Make it a tuple or a number, or an array in a field that is not static.",
        ) from error
    if not same:
        return  # a function that is made anew each time
    for (place, before), (_, now) in zip(one, other, strict=True):
        if before != now:
            raise ModelError(
                f"body 'custom': {path}{jax.tree_util.keystr(place)} is different each time",
                got=f"{before} and {now}",
                expected="what the class and its options determine: it is not kept",
            )


def _is_float(array: Array) -> bool:
    return jnp.issubdtype(array.dtype, jnp.floating)
