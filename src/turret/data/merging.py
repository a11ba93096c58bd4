"""Encoders of today that keep what those of an earlier training knew."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Int32

from turret.data.encoders.base import AnyEncoder
from turret.data.encoders.tower import Group, TowerEncoder
from turret.data.vocabulary import Vocabulary
from turret.errors import ModelError

__all__ = ["earlier_rows", "merged_encoders", "vocabularies"]


def vocabularies(*encoders: TowerEncoder) -> dict[str, Vocabulary]:
    """For each embedding table whose rows stand for ids its vocabulary."""
    return {table: one for encoder in encoders for table, one in encoder.vocabularies.items()}


def merged_encoders(
    today: tuple[TowerEncoder, TowerEncoder],
    earlier: tuple[TowerEncoder, TowerEncoder],
    *,
    vanished: Literal["keep", "drop"],
) -> tuple[TowerEncoder, TowerEncoder]:
    """The encoders of today's data, which know beside these what earlier ones knew.

    Args:
        today: The query tower's and the candidate tower's, fitted on today's data.
        earlier: Those of the earlier model.
        vanished: Whether ids that today's data lack are kept, as far as a feature's `max_size`
            has room, or dropped.

    Returns:
        Both encoders. Rows still follow the ids as text; what was measured of numbers, times and
        vectors stays as it was, since the earlier parameters belong to that.

    Raises:
        ModelError: When a feature is encoded otherwise than it was: the parameters would mean
            something else.

    Example:
        >>> import polars as pl
        >>> from turret.recipe.features.categorical import Categorical
        >>> def encoder(tower, column, ids):
        ...     states = (pl.DataFrame({"id": ids}),)
        ...     return TowerEncoder.restored(tower, (Categorical(column),), states=states)
        >>> users = encoder("query", "user", ["u"])
        >>> now, then = (encoder("candidate", "film", list(ids)) for ids in ("bd", "ab"))
        >>> _, merged = merged_encoders((users, now), (users, then), vanished="keep")
        >>> merged.vocabularies["candidate/film"].ids.to_list()
        ['a', 'b', 'd']
    """
    known: dict[Group, AnyEncoder] = {}
    for tower in earlier:
        for key, group in tower.groups.items():
            known.setdefault(group, tower.encoders[key])
    fitted: dict[Group, Any] = {}

    def merged(tower: TowerEncoder) -> TowerEncoder:
        encoders = dict(tower.encoders)
        for key, group in tower.groups.items():
            if group not in known:
                continue
            if group not in fitted:
                _require_meaning(key, encoders[key], known[group])
                fitted[group] = encoders[key].after(known[group], vanished=vanished)
            encoders[key] = replace(encoders[key], fitted=fitted[group])
        return replace(tower, encoders=encoders)

    query, candidate = today
    return merged(query), merged(candidate)


def _require_meaning(key: str, today: AnyEncoder, earlier: AnyEncoder) -> None:
    if not today.means_as(earlier):
        raise ModelError(
            f"the feature {key!r} is encoded otherwise than in the earlier model",
            got=today.feature,
            expected=f"as {earlier.feature}",
            fix="Encode it as there, give it another name, or train from nothing.",
        )


def earlier_rows(earlier: Vocabulary, today: Vocabulary) -> Int32[np.ndarray, " n"]:
    """For each id of today, from row 1, its row in an earlier table; 0 for a new one.

    Example:
        >>> import polars as pl
        >>> a, b = Vocabulary(pl.Series(["a", "b"])), Vocabulary(pl.Series(["b", "c"]))
        >>> earlier_rows(a, b).tolist()
        [2, 0]
    """
    return earlier.rows(today.ids)
