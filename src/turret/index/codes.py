"""Vectors in one or two bytes a number, and which of them can be among the best.

A vector x is kept as scale * c, with c of type int8 or float16, and a query q is rounded in the
same way to q'. The score of the codes then differs from the true one by at most

    e = max|x - scale c| |q| + max|scale c| |q - q'| + what float32 arithmetic rounds away

so if t is the k-th largest score of the codes, no vector whose code scores less than t - 2e is
among the k best. The few that are left have to be scored with their own numbers; the answer is
then the true one, although a quarter or a half of the memory was read.
"""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import simsimd
from jaxtyping import Bool, Float32, Int64, Shaped

from turret.cores import cores
from turret.errors import CandidateIndexError
from turret.storage import regular
from turret.storage.plain_json import decoded
from turret.storage.tensors import mapped_numpy

__all__ = ["Codes", "Storage", "kth_largest_at_least"]

Storage = Literal["float16", "int8"]

_FILE = "codes.npy"
_NUMBERS = "codes.json"
_BLOCK_VALUES = 4 * 1024 * 1024
_GROUP = 64
_SHARE = 100_000
"""Rows below which another thread costs more than it saves."""


def kth_largest_at_least(scores: Shaped[np.ndarray, " n"], k: int) -> float:
    """Finds a number that at least `k` scores reach, close below the k-th largest.

    Each of the k largest maxima of disjoint groups belongs to another score.

    Args:
        scores: `[n]`, with `n >= k`.
        k: at least 1.

    Returns:
        The k-th largest score itself when there are few, else that of the maxima of groups.

    Example:
        >>> kth_largest_at_least(np.float32([3, 1, 2]), 2)
        2.0
    """
    n = scores.shape[0]
    groups = n // _GROUP
    if groups >= 4 * k:
        scores = scores[: groups * _GROUP].reshape(_GROUP, groups).max(axis=0)
        n = groups
    return float(np.partition(scores, n - k)[n - k])


class _Numbers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `codes.json`; see `Codes`."""

    scale: float
    error: float
    length: float


class Codes:
    """The vectors of an index in fewer bytes.

    Args:
        values: the codes `c`, `[n, d]`.
        scale: what a code is multiplied with.
        error: max|x - scale c| over all rows.
        length: max|scale c| over all rows.
    """

    def __init__(
        self, values: Shaped[np.ndarray, "n d"], *, scale: float, error: float, length: float
    ) -> None:
        """Keep the parts."""
        self.values = values
        self.scale = scale
        self.error = error
        self.length = length

    @classmethod
    def of(cls, vectors: Float32[np.ndarray, "n d"], storage: Storage) -> "Codes":
        """Rounds vectors.

        Args:
            vectors: `[n, d]`, finite; read a block at a time.
            storage: the type of a code.

        Returns:
            Their codes.

        Example:
            >>> codes = Codes.of(np.float32([[1, -0.5]]), "int8")
            >>> codes.values.tolist()
            [[127, -64]]
        """
        values = np.empty(vectors.shape, dtype=storage)
        block = max(1, _BLOCK_VALUES // max(1, vectors.shape[1]))
        starts = range(0, vectors.shape[0], block)
        largest = max(
            (float(np.abs(vectors[start : start + block]).max(initial=0)) for start in starts),
            default=0.0,
        )
        scale = _scale(largest, storage)
        error = length = 0.0
        for start in starts:
            part = slice(start, start + block)
            wide = vectors[part].astype(np.float64)
            values[part] = _rounded(wide / scale, storage)
            back = values[part].astype(np.float64) * scale
            error = max(error, float(np.linalg.norm(wide - back, axis=1).max(initial=0)))
            length = max(length, float(np.linalg.norm(back, axis=1).max(initial=0)))
        return cls(values, scale=scale, error=error, length=length)

    def save(self, directory: Path) -> None:
        """Writes `codes.npy` and `codes.json`.

        Args:
            directory: where to write.
        """
        np.save(directory / _FILE, self.values, allow_pickle=False)
        numbers = _Numbers(scale=self.scale, error=self.error, length=self.length)
        (directory / _NUMBERS).write_bytes(msgspec.json.encode(numbers) + b"\n")

    @classmethod
    def load(cls, directory: Path) -> "Codes":
        """Reads what `save` wrote; the codes stay on the disk until they are used.

        Args:
            directory: the directory that `save` was given.

        Returns:
            The codes.

        Raises:
            CandidateIndexError: if a file cannot be read.
        """
        try:
            numbers = decoded(regular.read_bytes(directory / _NUMBERS), _Numbers)
            values = mapped_numpy(directory / _FILE)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise CandidateIndexError(
                f"the codes in {directory} cannot be read: {error}", fix="Build the index again."
            ) from error
        if not values.flags.c_contiguous or min(numbers.scale, numbers.error, numbers.length) < 0:
            raise CandidateIndexError(
                f"the codes in {directory} cannot be those of vectors", fix="Build the index again."
            )
        return cls(values, **msgspec.structs.asdict(numbers))

    @property
    def storage(self) -> str:
        """The type of a code."""
        return self.values.dtype.name

    def contenders(
        self, query: Float32[np.ndarray, " d"], k: int, *, mask: Bool[np.ndarray, " n"] | None
    ) -> Int64[np.ndarray, " m"]:
        """Finds the rows that can be among the `k` best.

        Args:
            query: a query vector, `[d]`.
            k: at least 1.
            mask: the rows that count, `[n]`; None: all. At least `k` of them.

        Returns:
            Rows in ascending order, at least `k`; every row of the true `k` best is among them.
        """
        wide = query.astype(np.float64)
        scale = _scale(float(np.abs(wide).max(initial=0)), self.storage)
        code = _rounded(wide / scale, self.storage)
        found = self._scores(code)
        if mask is not None:
            found[~mask] = np.iinfo(np.int32).min if self.storage == "int8" else -np.inf
        margin = 2 * self._error(wide, code.astype(np.float64) * scale) / (self.scale * scale)
        least = kth_largest_at_least(found, k) - margin
        # A whole number is compared without a copy of the scores in another type.
        rows = np.flatnonzero(found >= (math.ceil(least) if self.storage == "int8" else least))
        near: Shaped[np.ndarray, " m"] = found[rows]
        last = float(np.partition(near, near.shape[0] - k)[near.shape[0] - k])
        return rows[near >= last - margin]

    def _scores(self, code: Shaped[np.ndarray, " d"]) -> Shaped[np.ndarray, " n"]:
        """The products of one code with all; the rows of a large index are shared by processors."""
        n = self.values.shape[0]
        scores = np.empty(n, dtype="int32" if self.storage == "int8" else "float32")
        step = max(_SHARE, -(-n // cores()))

        def score(start: int) -> None:
            part = slice(start, start + step)
            simsimd.cdist(code[None], self.values[part], metric="dot", out=scores[None, part])

        if step >= n:
            score(0)
        else:
            with ThreadPoolExecutor(-(-n // step)) as threads:
                deque(threads.map(score, range(0, n, step)), maxlen=0)
        return scores

    def _error(self, query: Shaped[np.ndarray, " d"], rounded: Shaped[np.ndarray, " d"]) -> float:
        """How far a score of the codes can be from one computed in float32."""
        length = float(np.linalg.norm(query))
        unit = 2.0**-24
        if self.storage == "float16":
            # Some processors add halves up as halves: the codes tell little then, but no lies.
            halves = bool(simsimd.get_capabilities().get("sapphire"))
            unit += 2.0**-11 if halves else 2.0**-24
        arithmetic = 2 * (query.shape[0] + 2) * unit * (self.length + self.error) * length
        rounding = self.error * length + self.length * float(np.linalg.norm(query - rounded))
        return rounding + arithmetic


def _scale(largest: float, storage: str) -> float:
    if largest == 0:
        return 1.0
    return largest / 127 if storage == "int8" else largest


def _rounded(values: Shaped[np.ndarray, " ..."], storage: str) -> Shaped[np.ndarray, " ..."]:
    if storage == "int8":
        return np.clip(np.rint(values), -127, 127).astype(np.int8)
    return values.astype(np.float16)
