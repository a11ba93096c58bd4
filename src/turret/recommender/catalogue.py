"""The candidates that are there, by id."""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from jaxtyping import Int64

from turret.errors import QueryError
from turret.index.candidates import Candidates
from turret.index.filters import Filter
from turret.index.ids import require_several

__all__ = ["described", "rows_of"]


def rows_of(
    candidates: Candidates,
    candidate_ids: Sequence[str | int],
    *,
    alive: Filter | None,
    candidate_id: str,
) -> Int64[np.ndarray, " n"]:
    """Finds the rows of candidates that all have to be there.

    Args:
        candidates: of the index.
        candidate_ids: ids, as text or whole numbers.
        alive: the rows that are there; None: all.
        candidate_id: the name of the column of ids.

    Returns:
        `[n]` rows.

    Raises:
        QueryError: if an id is unknown.
    """
    require_several(candidate_ids, what="the candidate ids are")
    rows: list[int] = []
    for name in map(str, candidate_ids):
        row = candidates.row(name)
        if row is None or not (alive is None or alive.keeps(np.array([row]))[0]):
            raise QueryError(
                f"there is no candidate with this {candidate_id}",
                got=name,
                expected=f"one of the {len(candidates)} candidates of the bundle",
            )
        rows.append(row)
    return np.array(rows, dtype=np.int64)


def described(
    candidates: Candidates, candidate_ids: Iterable[str], *, alive: Filter | None
) -> pl.DataFrame:
    """What is known of candidates.

    Args:
        candidates: of the index.
        candidate_ids: ids; unknown ones and repetitions are passed over.
        alive: the rows that are there; None: all.

    Returns:
        A row for each of them, with every column.
    """
    columns = candidates.columns
    assert columns is not None
    rows = candidates.rows(dict.fromkeys(candidate_ids))
    return columns[rows if alive is None else rows[alive.keeps(rows)]]
