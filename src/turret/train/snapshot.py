"""Snapshots: every array of a training state, copied to the host, by its path in the tree.

Nothing here knows what a state consists of, so a state may grow fields without a change here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from turret.errors import CheckpointError

__all__ = ["Snapshot", "not_finite"]

Tree = TypeVar("Tree")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The arrays of a tree at one moment; what becomes of the tree afterwards does not touch them.

    Attributes:
        arrays: Each array by its path, such as "parameters/tables/query/user_id". The key of a
            random generator is the integers behind it.
        weak: Paths of scalars whose type gives way to that of what they are combined with, as
            Python's numbers do. A restored one must do so too, or a step could round differently.

    Example:
        >>> snapshot = Snapshot.of({"a": jnp.arange(2), "b": (jnp.float32(0.5),)})
        >>> sorted(snapshot.arrays)
        ['a', 'b/0']
        >>> snapshot.restore({"a": jnp.zeros(2, jnp.int32), "b": (jnp.float32(0),)})
        {'a': Array([0, 1], dtype=int32), 'b': (Array(0.5, dtype=float32),)}
    """

    arrays: Mapping[str, np.ndarray]
    weak: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tree: object) -> "Snapshot":
        """Copy the arrays of a tree; waits for those that are still being computed."""
        leaves = _leaves(tree)
        weak = (name for name, leaf in leaves.items() if getattr(leaf, "weak_type", False))
        # A copy: on a CPU an array on the host may be the device's own memory.
        arrays = {name: np.array(_plain(leaf)) for name, leaf in leaves.items()}
        return cls(arrays, frozenset(weak))

    def restore(self, like: Tree) -> Tree:
        """Put the arrays into a tree.

        Args:
            like: A tree of the same structure, with arrays of the same shapes and types.

        Returns:
            A tree like it, with the arrays of this snapshot.

        Raises:
            CheckpointError: When an array is absent, superfluous, or of another shape or type.
        """
        expected = _leaves(like)
        if expected.keys() != self.arrays.keys():
            raise CheckpointError(
                "the arrays do not belong to this training state",
                got=sorted(self.arrays.keys() - expected.keys()),
                expected=f"{sorted(expected.keys() - self.arrays.keys())} instead",
            )
        leaves = [self._restored(name, leaf) for name, leaf in expected.items()]
        return jax.tree.unflatten(jax.tree.structure(like), leaves)

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose path starts with a prefix, by the rest of the path."""
        return {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }

    def _restored(self, name: str, like: object) -> object:
        array, plain = self.arrays[name], _plain(like)
        if (array.shape, array.dtype) != (plain.shape, plain.dtype):
            raise CheckpointError(
                f"the array {name!r} is of another shape than this training state's",
                got=f"{array.dtype}{list(array.shape)}",
                expected=f"{plain.dtype}{list(plain.shape)}",
            )
        if isinstance(like, jax.Array) and _is_key(like):
            return jax.random.wrap_key_data(jnp.array(array), impl=jax.random.key_impl(like))
        if name in self.weak and array.ndim == 0:
            return jnp.asarray(array.item())
        return jnp.array(array)


def not_finite(tree: object) -> list[str]:
    """Paths of the arrays of a tree that hold a number that is not finite.

    Example:
        >>> not_finite({"a": np.array([1.0, np.nan]), "b": np.array([1, 2])})
        ['a']
    """
    return [name for name, leaf in _leaves(tree).items() if not _finite(np.asarray(leaf))]


def _leaves(tree: object) -> dict[str, object]:
    found = {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    assert len(found) == len(jax.tree.leaves(tree)), "two arrays have one path"
    return found


def _is_key(leaf: jax.Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: object) -> np.ndarray:
    if isinstance(leaf, jax.Array) and _is_key(leaf):
        return np.asarray(jax.random.key_data(leaf))
    return np.asarray(leaf)


def _finite(array: np.ndarray) -> bool:
    if array.size == 0 or not jnp.issubdtype(array.dtype, jnp.inexact):
        return True
    # Two passes without a copy: a minimum or maximum is NaN where there is one.
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))
