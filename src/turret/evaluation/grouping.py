"""Slices of a truth by a column of the query or the candidate table: its values, one by one."""

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from turret.data.dataset import Dataset
from turret.errors import nearest
from turret.evaluation.slices import Slice
from turret.evaluation.truth import Truth

__all__ = ["MISSING", "OTHERS", "slices_by"]

MISSING, OTHERS = "(missing)", "(others)"
"""What slices of pairs without a value, and of values beyond the most common, are called."""

_VALUES = 10
"""Up to so many values of a column have a slice each."""
_GROUPS = 4
"""So many groups numbers and times are divided into where there are more."""


def slices_by(
    truth: Truth, test: Dataset, columns: Sequence[str]
) -> tuple[tuple[Slice, ...], list[str]]:
    """Divides a truth by what the query or the candidate of each pair has in a column.

    Numbers and times of more than ten distinct values are divided at the quartiles of the test
    pairs; of other columns the ten values that most test pairs have stand alone. Where a column
    holds lists, a pair belongs to the slice of each member.

    Args:
        truth: the pairs.
        test: has the tables.
        columns: such as `"candidates.genre"` or `"queries.country"`.

    Returns:
        The slices that have a pair, column by column, and a sentence on each column that is not
        there.

    Example:
        >>> test = Dataset.from_frames(
        ...     {"user": ["a", "a"], "item": ["x", "y"]}, query_id="user", candidate_id="item",
        ...     candidates={"item": ["x", "y"], "genre": ["war", None]},
        ... )
        >>> truth = Truth.of(test.interactions, num_candidates=2)
        >>> found, _ = slices_by(truth, test, ["candidates.genre"])
        >>> [(one.value, one.pairs.tolist()) for one in found]
        [('war', [True, False]), ('(missing)', [False, True])]
    """
    found: list[Slice] = []
    left_out: list[str] = []
    for name in columns:
        side, _, column = name.partition(".")
        of = cast('Literal["candidates", "queries"]', side)
        table = test.candidates if of == "candidates" else test.queries
        if column not in table.columns:
            known = [f"{of}.{one}" for one in table.columns]
            left_out.append(
                f"Slices by {name} were left out: there is no such column. {nearest(name, known)}"
            )
            continue
        rows = truth.candidate_row
        if of == "queries":
            rows = np.repeat(truth.query_row, np.diff(truth.indptr))
        found += _slices(of, column, table[column].gather(rows))
    return tuple(found), left_out


def _slices(of: Literal["candidates", "queries"], column: str, values: pl.Series) -> list[Slice]:
    """The slices of one column, of which every pair's value is given."""
    pairs = len(values)
    told = pl.DataFrame({"pair": np.arange(pairs), "value": values})
    if isinstance(values.dtype, pl.List | pl.Array):
        told = told.explode("value")
    inner = told["value"]
    if inner.dtype.is_float():
        inner = inner.fill_nan(None)
    orderly = inner.dtype.is_numeric() or inner.dtype.is_temporal()
    names = _bands(inner) if orderly and inner.n_unique() > _VALUES else inner.cast(pl.String)
    told = pl.DataFrame({"pair": told["pair"], "name": names, "value": inner}).drop_nulls("name")
    # A list may have a member twice.
    several = pl.col("pair").n_unique().alias("pairs")
    counted = told.group_by("name").agg(several, pl.col("value").min())
    counted = counted.sort("pairs", "name", descending=[True, False])
    common = counted.head(_VALUES)
    if orderly:
        common = common.sort("value")
    kept = common["name"].to_list()
    rare = counted["name"].slice(_VALUES)
    chosen = [pl.col("name") == name for name in kept]
    chosen.append(pl.col("name").is_in(rare.implode()))
    marks = [_marked(told.filter(one)["pair"].to_numpy(), pairs) for one in chosen]
    marks.append(~_marked(told["pair"].to_numpy(), pairs))
    return [
        Slice(of, 0, None, marked, column=column, value=name)
        for name, marked in zip([*kept, OTHERS, MISSING], marks, strict=True)
        if marked.any()
    ]


def _bands(values: pl.Series) -> pl.Series:
    """For each value from where to where its quarter of all values goes; equal ones share it."""
    ordered = values.drop_nulls().sort()
    starts = ordered.gather([len(ordered) * n // _GROUPS for n in range(_GROUPS)])
    group = starts.unique().sort().search_sorted(values.fill_null(ordered[0]), side="right")
    frame = pl.DataFrame({"value": values, "group": group})
    ends = pl.format(
        "{} to {}", pl.col("value").min().over("group"), pl.col("value").max().over("group")
    )
    name = pl.when(pl.col("value").is_not_null()).then(ends)
    return frame.select(name.alias("value"))["value"]


def _marked(rows: Int64[np.ndarray, " some"], pairs: int) -> Bool[np.ndarray, " {pairs}"]:
    marked = np.zeros(pairs, dtype=np.bool_)
    marked[rows] = True
    return marked
