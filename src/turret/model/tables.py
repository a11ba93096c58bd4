"""Sub-tables: the rows of embedding tables that a batch touches, taken out and put back."""

from jaxtyping import Array, Int32, Shaped

__all__ = ["gather", "scatter"]


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
