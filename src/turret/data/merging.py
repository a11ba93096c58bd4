"""Encoders of today that keep what those of an earlier training knew."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Int32

from turret.data.encoders.tower import TowerEncoder
from turret.data.vocabulary import Vocabulary

__all__ = ["earlier_rows", "merged_encoders", "vocabularies"]


def vocabularies(*encoders: TowerEncoder) -> dict[str, Vocabulary]:
    """For each embedding table whose rows stand for ids its vocabulary."""
    return {table: one for encoder in encoders for table, one in encoder.vocabularies.items()}


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
        >>> from turret.recipe.features.categorical import Categorical
        >>> def encoder(tower, column, ids):
        ...     states = (pl.DataFrame({"id": ids}),)
        ...     return TowerEncoder.restored(tower, (Categorical(column),), states=states)
        >>> users, films = encoder("query", "user", ["u"]), encoder("candidate", "film", ["b", "d"])
        >>> before = {"candidate/film": Vocabulary(pl.Series(["a", "b"]))}
        >>> _, merged = merged_encoders(users, films, earlier=before, vanished="keep")
        >>> merged.vocabularies["candidate/film"].ids.to_list()
        ['a', 'b', 'd']
    """
    if vanished == "drop":
        return query, candidate
    sizes = {**_max_sizes(query), **_max_sizes(candidate)}
    merged = {
        table: Vocabulary(_merged(today, earlier[table], max_size=sizes[table]))
        for table, today in vocabularies(query, candidate).items()
        if table in earlier
    }
    return query.with_vocabularies(merged), candidate.with_vocabularies(merged)


def earlier_rows(earlier: Vocabulary, today: Vocabulary) -> Int32[np.ndarray, " n"]:
    """For each id of today, from row 1, its row in an earlier table; 0 for a new one.

    Example:
        >>> a, b = Vocabulary(pl.Series(["a", "b"])), Vocabulary(pl.Series(["b", "c"]))
        >>> earlier_rows(a, b).tolist()
        [2, 0]
    """
    return earlier.rows(today.ids)


def _max_sizes(encoder: TowerEncoder) -> dict[str, int | None]:
    return {encoder.tables[f.key]: f.max_size for f in encoder.features if f.has_table}


def _merged(today: Vocabulary, earlier: Vocabulary, *, max_size: int | None) -> pl.Series:
    gone = earlier.ids.filter(pl.Series(today.rows(earlier.ids) == 0))
    if max_size is not None:
        gone = gone.head(max(0, max_size - len(today.ids)))
    return pl.concat([today.ids, gone.rename(today.ids.name)]).sort()
