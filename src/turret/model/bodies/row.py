"""What a tower has of a row before its body."""

from typing import NamedTuple

from jaxtyping import Array, Float, Shaped

__all__ = ["TowerRow"]


class TowerRow(NamedTuple):
    """A row's features: what a tower of one's own is called with.

    A body has `n` rows at once, and then `vectors` and `encoded` have an axis more, the first.

    Attributes:
        vectors: The vector of each feature by its key, `[embedding_dim of the feature]`.
        encoded: What they were made of, by `FEATURE/PART`: `rows`, whole numbers, of the feature's
            table, -1 where a list has no further entry; `weights` of these; `values`, numbers.
        tables: The embedding table of each feature that has one, by its key. In training it has
            the rows that a batch touches alone, and `encoded` points to these.
    """

    vectors: dict[str, Float[Array, "*n _"]]
    encoded: dict[str, Shaped[Array, "..."]]
    tables: dict[str, Float[Array, "_ _"]]
