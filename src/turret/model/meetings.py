"""Who met what, how often and how long ago: the matrices that linear models are made of."""

import numpy as np
from jaxtyping import Float64, Int32, Int64
from scipy import sparse

from turret.data.dataset import Dataset
from turret.errors import DataError

__all__ = ["count_matrix", "event_weights", "met_matrix"]

_DAY = 86_400.0


def met_matrix(train: Dataset, *, half_life: float | None = None) -> sparse.csr_array:
    """How much each query and candidate met in training: 1, or less if that was long ago.

    Args:
        train: the training part.
        half_life: days; an entry is `0.5 ** (age / half_life)` with the age of the last event of
            that query and candidate, before the latest of all. None: 1, however often they met.

    Returns:
        A sparse float32 matrix, `[num_queries, num_candidates]`.

    Raises:
        DataError: if there is a half-life, but no times.

    Example:
        >>> events = {"user_id": [1, 2, 2], "item": ["b", "b", "a"]}
        >>> train = Dataset.from_frames(events, query_id="user_id", candidate_id="item")
        >>> met_matrix(train).toarray().tolist()
        [[0.0, 1.0], [1.0, 1.0]]
    """
    indptr, candidate_row = train.pairs_by_query()
    shape = (train.num_queries, train.num_candidates)
    if half_life is None:
        values = np.ones(len(candidate_row), np.float32)
    else:
        entry = _entries(train, indptr, candidate_row)
        latest = np.zeros(len(candidate_row))
        np.maximum.at(latest, entry, event_weights(train, half_life=half_life))
        values = latest.astype(np.float32)
    return sparse.csr_array((values, candidate_row, indptr), shape=shape)


def count_matrix(train: Dataset, *, half_life: float | None = None) -> sparse.csr_array:
    """How often each query and candidate met in training, long ago counting less.

    Args:
        train: the training part.
        half_life: as for `event_weights`.

    Returns:
        A sparse float64 matrix, `[num_queries, num_candidates]`: the sums of the events' weights.

    Raises:
        DataError: if there is a half-life, but no times.
    """
    indptr, candidate_row = train.pairs_by_query()
    entry = _entries(train, indptr, candidate_row)
    weights = event_weights(train, half_life=half_life)
    sums = np.bincount(entry, weights=weights, minlength=len(candidate_row))
    shape = (train.num_queries, train.num_candidates)
    return sparse.csr_array((sums, candidate_row, indptr), shape=shape)


def event_weights(
    train: Dataset, *, half_life: float | None = None
) -> Float64[np.ndarray, " events"]:
    """What each event counts: half as much as one that is a half-life later; the latest counts 1.

    One without a time counts as the earliest does.

    Args:
        train: the events.
        half_life: days; None: all count 1.

    Returns:
        A number for each event, in their order.

    Raises:
        DataError: if there is a half-life, but no times.
    """
    times = train.interactions.timestamp
    if half_life is None:
        return np.ones(len(train.interactions))
    if times is None or (len(times) and np.isnan(times).all()):
        raise DataError(
            "a half-life needs times",
            got="interactions without a timestamp",
            fix="Name the column: data.timestamp.",
        )
    last, first = np.fmax.reduce(times, initial=-np.inf), np.fmin.reduce(times, initial=np.inf)
    age = (last - np.where(np.isnan(times), first, times)) / _DAY
    return 0.5 ** (age.astype(np.float64) / half_life)


def _entries(
    train: Dataset,
    indptr: Int64[np.ndarray, " rows"],
    candidate_row: Int32[np.ndarray, " pairs"],
) -> Int64[np.ndarray, " events"]:
    """The place of each event's query and candidate among the distinct pairs."""
    size = max(train.num_candidates, 1)
    queries = np.repeat(np.arange(train.num_queries), np.diff(indptr))
    events = train.interactions.query_row.astype(np.int64) * size
    return np.searchsorted(
        queries * size + candidate_row, events + train.interactions.candidate_row
    )
