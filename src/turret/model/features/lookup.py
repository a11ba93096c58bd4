"""Looking rows of an embedding table up, and pooling them where a row has several."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

__all__ = ["lookup", "pooled_lookup", "product_lookup"]


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


def product_lookup(
    table: Float[Array, "rows dim"],
    rows: Int32[Array, "n l"],
    weights: Float[Array, "n l"],
) -> Float[Array, "n dim"]:
    """What `pooled_lookup` gives, up to rounding, and sooner where the table is small.

    There it is `X @ table`, where `X[n, r]` is the weight of table row `r` in row `n`: the product
    takes no more memory than the rows looked up would, and is several times faster than they are,
    forward and backward. But it rounds otherwise in a sub-table than in the whole one.

    Args:
        table: A whole table or a sub-table.
        rows: Rows of the table; -1, no entry, adds nothing.
        weights: What each of them counts.

    Returns:
        One vector a row of `rows`; the zero vector where it has no entry.
    """
    if table.shape[0] > rows.shape[1] * table.shape[1]:
        return pooled_lookup(table, rows, weights)
    owner = jnp.arange(rows.shape[0])[:, None]
    there = jnp.where(rows >= 0, weights, 0.0)
    counted = jnp.zeros((rows.shape[0], table.shape[0]), table.dtype).at[owner, rows].add(there)
    return counted @ table
