"""Who met what: the matrix of queries and candidates that the linear baselines are made of."""

from typing import cast

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64
from scipy import sparse

from turret.data.dataset import Dataset
from turret.errors import EvaluationError

__all__ = ["CandidateLinks", "count_matrix", "event_weights", "met_matrix", "strongest"]

_DAY = 86_400.0

_CELLS = 1 << 24
"""Entries of a product that are dense at a time, 8 bytes each, and a few more in between."""


def met_matrix(train: Dataset, *, half_life: float | None = None) -> sparse.csr_array:
    """How much each query and candidate met in training: 1, or less if that was long ago.

    Args:
        train: the training part.
        half_life: days; an entry is `0.5 ** (age / half_life)` with the age of the last event of
            that query and candidate, before the latest of all. None: 1, however often they met.

    Returns:
        A sparse float32 matrix, `[num_queries, num_candidates]`.

    Raises:
        EvaluationError: if there is a half-life, but no times.

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
        EvaluationError: if there is a half-life, but no times.
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
        EvaluationError: if there is a half-life, but no times.
    """
    times = train.interactions.timestamp
    if half_life is None:
        return np.ones(len(train.interactions))
    if times is None or (len(times) and np.isnan(times).all()):
        raise EvaluationError(
            "a baseline with a half-life needs times",
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


def strongest(
    left: sparse.csr_array,
    right: sparse.csr_array,
    *,
    scale: Float64[np.ndarray, " n"] | None = None,
    shrunk: tuple[Float64[np.ndarray, " n"], float] | None = None,
    neighbours: int,
) -> sparse.csr_array:
    """The largest entries in each row of a product of sparse matrices, without its diagonal.

    No entry of either matrix is negative.

    Args:
        left: `[n, m]`.
        right: `[m, n]`.
        scale: multiplied into the columns of the product.
        shrunk: norms of rows and columns, and a number added to their products, by which entries
            are divided.
        neighbours: how many entries of a row are kept at most; those that are 0 never are.

    Returns:
        `[n, n]`, float32. Memory grows with n times the neighbours, not with the square of n.
    """
    n, _ = cast("tuple[int, int]", left.shape)
    parts: list[sparse.csr_array] = []
    step = max(1, _CELLS // max(n, 1))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        block = sparse.csr_array(left[rows] @ right)
        row = np.repeat(rows, np.diff(block.indptr))
        values = block.data.astype(np.float64)
        if scale is not None:
            values *= scale[block.indices]
        if shrunk is not None:
            norms, shrink = shrunk
            divisor = norms[row] * norms[block.indices] + shrink
            values = np.divide(values, divisor, out=np.zeros_like(values), where=divisor > 0)
        values[block.indices == row] = 0.0
        shape = (len(rows), n)
        block = sparse.csr_array((values.astype(np.float32), block.indices, block.indptr), shape)
        parts.append(_largest(block, values, neighbours))
    return sparse.csr_array(sparse.vstack(parts)) if parts else sparse.csr_array((0, 0))


def _largest(
    block: sparse.csr_array, values: Float64[np.ndarray, " entries"], neighbours: int
) -> sparse.csr_array:
    """The largest entries of each row, by their exact values; ties in the order of columns."""
    kept = values > 0
    starts, ends = block.indptr[:-1], block.indptr[1:]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start <= neighbours:
            continue
        own = values[start:end]
        cut = np.partition(own, len(own) - neighbours)[len(own) - neighbours]
        above = own > cut
        tied = np.flatnonzero(own == cut)
        if len(tied) + np.count_nonzero(above) > neighbours:
            order = np.argsort(block.indices[start:end][tied])
            tied = tied[order[: neighbours - np.count_nonzero(above)]]
        above[tied] = True
        kept[start:end] &= above
    rows = np.repeat(np.arange(len(starts)), ends - starts)
    entries = (block.data[kept], (rows[kept], block.indices[kept]))
    return sparse.csr_array(entries, shape=block.shape)


class CandidateLinks:
    """Scores that are sums over the candidates a query met: `scores = met @ links`.

    Args:
        met: who met what, `[queries, candidates]`.
        links: from each candidate to each, `[candidates, candidates]`, sparse or dense.

    Example:
        >>> met = sparse.csr_array(np.array([[1, 0], [1, 1]], np.float32))
        >>> links = np.array([[0, 2], [3, 0]], np.float32)
        >>> CandidateLinks(met, links).scores(np.array([1], np.int32)).tolist()
        [[3.0, 2.0]]
    """

    def __init__(
        self,
        met: sparse.csr_array,
        links: sparse.csr_array | Float32[np.ndarray, "candidates candidates"],
    ) -> None:
        """Keep both."""
        self._met = met
        self._links = links

    def asked_by(self, met: sparse.csr_array) -> "CandidateLinks":
        """The same links for queries that met other candidates.

        Args:
            met: who met what, over the same candidates.

        Returns:
            Another one.
        """
        return CandidateLinks(met, self._links)

    @property
    def num_candidates(self) -> int:
        """The number of candidates it scores."""
        return cast("tuple[int, int]", self._met.shape)[1]

    def scores(self, query_row: Int32[np.ndarray, " n"]) -> Float32[np.ndarray, "n candidates"]:
        """The sums; see `Baseline.scores`."""
        found = self._met[query_row] @ self._links
        dense = found.toarray() if sparse.issparse(found) else found
        return np.asarray(dense, np.float32)
