"""Looking rows of an embedding table up, and pooling them where a row has several."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

__all__ = ["lookup", "pooled_lookup"]


def lookup(table: Float[Array, "rows dim"], rows: Int32[Array, "*n"]) -> Float[Array, "*n dim"]:
    """The embedding row of each entry.

    Args:
        table: A whole table, or the sub-table to which `rows` were re-indexed; it makes no
            difference here.
        rows: Rows of the table; for -1, which stands for no entry, its last row is given.

    Returns:
        One vector an entry.
    """
    return table.at[rows].get(mode="promise_in_bounds")


def pooled_lookup(
    table: Float[Array, "rows dim"],
    rows: Int32[Array, "n l"],
    weights: Float[Array, "n l"] | None,
) -> Float[Array, "n dim"]:
    """The weighted sum of several embedding rows: `sum_l weights[l] * table[rows[l]]`.

    Means, and sums divided by the root of n, are sums too, whose weights the encoder has divided.

    Args:
        table: A whole table or a sub-table.
        rows: Rows of the table; -1, no entry, adds nothing.
        weights: What each of them counts; None counts each once.

    Returns:
        One vector a row of `rows`; the zero vector where it has no entry.
    """
    there = (rows >= 0).astype(table.dtype)
    scale = there if weights is None else jnp.where(rows >= 0, weights, 0.0)
    return jnp.einsum("nl,nld->nd", scale, lookup(table, rows))
