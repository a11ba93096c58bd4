"""One batch: distinct queries, distinct candidates, and the pairs between them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from turret.padding import padded_size

__all__ = ["Batch", "pad"]


class Batch(NamedTuple):
    """One batch, padded to few shapes. NumPy arrays here; a step takes it as it is.

    A column is a candidate that pairs compete with. What only some losses need is None for others.

    Attributes:
        query: For each query feature its encoded parts by `FEATURE/PART`, an entry a distinct
            query; rows of embedding tables are rows of the sub-tables.
        candidate: For each candidate feature likewise, an entry a column; behind the columns and
            their padding those candidates that only histories hold.
        table_rows: For each embedding table the rows that the batch touches; padding points one
            past the table's end. None stands for the whole table.
        pair_query: For each pair the position of its query, shape `[P]`.
        pair_candidate: For each pair the position of its candidate's column, shape `[P]`.
        pair_weight: Weight of each pair, shape `[P]`; 0 is padding.
        candidate_count: How often each candidate stands as a column, shape `[C]`; 0 is padding.
        candidate_row: Rows of the columns in the candidate table, shape `[C]`; padding points one
            past its end. For losses that keep a state for each candidate.
        candidate_probability: Probability of each column under the distribution that columns are
            drawn from, shape `[C]`; 1 for padding. For the logQ correction.
        known_query: Queries of known positives, ascending, shape `[K]`; padding points one past
            the last query. For losses that look at several positives of a query.
        known_candidate: Columns of known positives, shape `[K]`.
        negatives: For each pair the columns of its sampled negatives, shape `[P, N]`.
        negative_weight: 1 for a negative, 0 where none could be drawn, shape `[P, N]`.
        catalogue_size: How many candidates negatives are sampled from, shape `[]`.
    """

    query: dict[str, Shaped[np.ndarray, "q ..."]]
    candidate: dict[str, Shaped[np.ndarray, "c ..."]]
    table_rows: dict[str, Shaped[np.ndarray, " m"] | None]
    pair_query: Shaped[np.ndarray, " p"]
    pair_candidate: Shaped[np.ndarray, " p"]
    pair_weight: Shaped[np.ndarray, " p"]
    candidate_count: Shaped[np.ndarray, " c"]
    candidate_row: Shaped[np.ndarray, " c"] | None = None
    candidate_probability: Shaped[np.ndarray, " c"] | None = None
    known_query: Shaped[np.ndarray, " k"] | None = None
    known_candidate: Shaped[np.ndarray, " k"] | None = None
    negatives: Shaped[np.ndarray, "p n"] | None = None
    negative_weight: Shaped[np.ndarray, "p n"] | None = None
    catalogue_size: Shaped[np.ndarray, ""] | None = None


def pad(
    values: Shaped[np.ndarray, "n *rest"], room: int | None = None, *, fill: int = 0
) -> Shaped[np.ndarray, "m *rest"]:
    """Lengthen an array along its first axis.

    Args:
        values: `n` entries.
        room: the new length; None takes the next size of the ladder of `padded_size`.
        fill: the value of the padding.

    Returns:
        A new array.
    """
    room = padded_size(len(values)) if room is None else room
    out = np.full((room, *values.shape[1:]), fill, values.dtype)
    out[: len(values)] = values
    return out
