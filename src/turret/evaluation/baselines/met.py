"""Links between candidates, which the linear baselines are made of."""

from typing import cast

import numpy as np
from jaxtyping import Float32, Float64, Int32
from scipy import sparse

__all__ = ["CandidateLinks", "strongest"]

_CELLS = 1 << 24
"""Entries of a product that are dense at a time, 8 bytes each, and a few more in between."""


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
