"""Embedding tables: how they begin, and the rows that a batch touches, taken out and put back."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int32, PRNGKeyArray, Shaped

__all__ = ["gather", "initial_table", "scatter"]

_BLOCK = 1 << 16


@partial(jax.jit, static_argnames="shape")
def initial_table(
    key: PRNGKeyArray, shape: tuple[int, int], *, scale: float | Float32[Array, ""]
) -> Float32[Array, "n d"]:
    """Draw a table uniform in `[-scale, scale]`, but for row 0, which is zero.

    It is filled a block of rows at a time: drawn at once, a table would take four times its size.

    Args:
        key: Source of randomness.
        shape: Rows, at least one, and width.
        scale: Half-width of the distribution.

    Returns:
        The table.
    """
    rows = min(shape[0], _BLOCK)
    blocks = -(-shape[0] // rows)
    keys = jax.random.split(key, blocks) if blocks > 1 else key[None]

    def fill(number: Int32[Array, ""], table: Float32[Array, "n d"]) -> Float32[Array, "n d"]:
        block = (rows, shape[1])
        values = jax.random.uniform(keys[number], block, minval=-scale, maxval=scale)
        # The last block begins early enough to fit.
        return jax.lax.dynamic_update_slice(table, values, (number * rows, 0))

    return jax.lax.fori_loop(0, blocks, fill, jnp.zeros(shape)).at[0].set(0.0)


def gather(table: Shaped[Array, "n *d"], rows: Int32[Array, " m"] | None) -> Shaped[Array, "m *d"]:
    """Take rows out of a table, or out of its optimizer's state.

    Args:
        table: The whole table.
        rows: Which rows; one past the table's end is padding and repeats the last row. None stands
            for the whole table.

    Returns:
        The rows.
    """
    return table if rows is None else table.at[rows].get(mode="clip")


def scatter(
    table: Shaped[Array, "n *d"], rows: Int32[Array, " m"] | None, values: Shaped[Array, "m *d"]
) -> Shaped[Array, "n *d"]:
    """Put rows back into a table; in place where the table's buffer was donated.

    Args:
        table: The whole table.
        rows: Which rows, each at most once; padding is dropped. None stands for the whole table.
        values: Their new values.

    Returns:
        The table with these rows replaced.
    """
    return values if rows is None else table.at[rows].set(values, mode="drop")
