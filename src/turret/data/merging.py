"""Encoders of today that keep what those of an earlier training knew."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Int32

from turret.data.encoders import TowerEncoder
from turret.data.vocabulary import Vocabulary

__all__ = ["earlier_rows", "merged_encoders", "vocabularies"]


def vocabularies(*encoders: TowerEncoder) -> dict[str, Vocabulary]:
    """For each embedding table the vocabulary of its rows."""
    return {
        table: encoder.encoders[column].vocabulary
        for encoder in encoders
        for column, table in encoder.tables.items()
    }


def merged_encoders(
    query: TowerEncoder,
    candidate: TowerEncoder,
    *,
    earlier: Mapping[str, Vocabulary],
    vanished: Literal["keep", "drop"],
) -> tuple[TowerEncoder, TowerEncoder]:
    """The encoders of today's data, with the ids that earlier ones had beside.

    Args:
        query: The query tower's, fitted on today's data.
        candidate: The candidate tower's.
        earlier: For each table of the earlier model its vocabulary.
        vanished: Whether ids that today's data lack are kept, as far as a feature's `max_size`
            has room, or dropped.

    Returns:
        Both encoders; rows still follow the ids as text.

    Example:
        >>> from turret.recipe.features import Categorical
        >>> def encoder(tower, column, ids):
        ...     state = {column: pl.Series(ids)}
        ...     return TowerEncoder.from_state(tower, (Categorical(column),), state=state)
        >>> users, films = encoder("query", "user", ["u"]), encoder("candidate", "film", ["b", "d"])
        >>> before = {"candidate/film": Vocabulary(pl.Series(["a", "b"]))}
        >>> _, merged = merged_encoders(users, films, earlier=before, vanished="keep")
        >>> merged.state()["film"].to_list()
        ['a', 'b', 'd']
    """
    ids: dict[str, pl.Series] = {}
    for encoder in (query, candidate):
        for feature in encoder.features:
            table = encoder.tables[feature.column]
            if table not in ids:
                today = encoder.encoders[feature.column].vocabulary
                kept = earlier.get(table) if vanished == "keep" else None
                ids[table] = _merged(today, kept, max_size=feature.max_size)

    def with_ids(encoder: TowerEncoder) -> TowerEncoder:
        state = {column: ids[table] for column, table in encoder.tables.items()}
        return TowerEncoder.from_state(encoder.name, encoder.features, state=state)

    return with_ids(query), with_ids(candidate)


def earlier_rows(earlier: Vocabulary, today: Vocabulary) -> Int32[np.ndarray, " n"]:
    """For each id of today, from row 1, its row in an earlier table; 0 for a new one.

    Example:
        >>> a, b = Vocabulary(pl.Series(["a", "b"])), Vocabulary(pl.Series(["b", "c"]))
        >>> earlier_rows(a, b).tolist()
        [2, 0]
    """
    return earlier.rows(today.ids)


def _merged(today: Vocabulary, earlier: Vocabulary | None, *, max_size: int | None) -> pl.Series:
    if earlier is None:
        return today.ids
    gone = earlier.ids.filter(pl.Series(today.rows(earlier.ids) == 0))
    if max_size is not None:
        gone = gone.head(max(0, max_size - len(today.ids)))
    return pl.concat([today.ids, gone.rename(today.ids.name)]).sort()
