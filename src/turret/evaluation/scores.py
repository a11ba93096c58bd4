"""Scores of every candidate for a block of queries, from vectors or from anything else."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float32

from turret.errors import EvaluationError

__all__ = ["Scores", "VectorScores", "not_finite"]


@runtime_checkable
class Scores(Protocol):
    """What gives the scores of a block of queries."""

    @property
    def num_queries(self) -> int:
        """The number of queries: those of the truth, in its order."""
        ...

    @property
    def num_candidates(self) -> int:
        """The number of candidates."""
        ...

    def block(
        self, queries: slice, *, rows: int, columns: int
    ) -> Float32[Array, "rows columns"] | Float32[np.ndarray, "rows columns"]:
        """Scores some queries against every candidate.

        Args:
            queries: which of the truth's queries.
            rows: the number of rows wanted; those behind the queries hold anything finite.
            columns: the number of columns wanted; those behind the candidates likewise.

        Returns:
            The scores, on the host or the device.
        """
        ...


class VectorScores:
    """Scores that are inner products of vectors.

    Args:
        queries: one vector for each query of the truth.
        candidates: one vector for each candidate.

    Raises:
        EvaluationError: if a vector is not finite, or their lengths differ.
    """

    def __init__(
        self, queries: Float32[np.ndarray, "queries d"], candidates: Float32[np.ndarray, "n e"]
    ) -> None:
        """Check the vectors and keep them."""
        if queries.shape[1] != candidates.shape[1]:
            raise EvaluationError(
                "query and candidate vectors differ in length",
                got=queries.shape[1],
                expected=str(candidates.shape[1]),
            )
        for what, vectors in (("query", queries), ("candidate", candidates)):
            finite = np.isfinite(vectors).all(axis=1)
            if not finite.all():
                raise not_finite(f"{int((~finite).sum())} {what} vectors are not finite")
        self._queries = queries
        self._candidates = candidates
        self._padded: Float32[Array, "columns d"] | None = None

    @property
    def num_queries(self) -> int:
        """The number of queries."""
        return len(self._queries)

    @property
    def num_candidates(self) -> int:
        """The number of candidates."""
        return len(self._candidates)

    def block(self, queries: slice, *, rows: int, columns: int) -> Float32[Array, "rows columns"]:
        """Scores some queries against every candidate; see `Scores.block`."""
        if self._padded is None or len(self._padded) != columns:
            self._padded = jnp.asarray(_pad_rows(self._candidates, columns))
        return _inner_products(_pad_rows(self._queries[queries], rows), self._padded)


def not_finite(what: str) -> EvaluationError:
    """The error of scores or vectors that are no numbers; `what` says which."""
    return EvaluationError(
        what,
        expected="finite numbers",
        fix="A training that diverged gives such a model; lower its learning rate.",
    )


def _pad_rows(vectors: Float32[np.ndarray, "n d"], rows: int) -> Float32[np.ndarray, "rows d"]:
    if len(vectors) == rows:
        return vectors
    padded = np.zeros((rows, vectors.shape[1]), dtype=np.float32)
    padded[: len(vectors)] = vectors
    return padded


@jax.jit
def _inner_products(
    queries: Float32[Array, "rows d"], candidates: Float32[Array, "columns d"]
) -> Float32[Array, "rows columns"]:
    return jnp.matmul(queries, candidates.T, precision=lax.Precision.HIGHEST)
