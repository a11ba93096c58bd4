"""The operations of a graph as NumPy computes them: the meaning that the formats are held to."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from turret.data.hashing import MISSING, bucket_rows, combined, text_hashes
from turret.data.ngrams import normalized, text_ngrams
from turret.data.vocabulary import Vocabulary

Array = Any  # arrays of every dtype


def _series(texts: np.ndarray) -> pl.Series:
    return pl.Series(texts.ravel().tolist(), dtype=pl.String)


class NumpyGraph:
    """A scalar is an array of one number here, since numbers of NumPy have no `@`."""

    def constant(self, array: np.ndarray) -> Array:
        return array.astype(np.int64) if array.dtype == np.int32 else array

    def lookup(self, texts: Array, ids: pl.Series) -> Array:
        rows = Vocabulary(ids).rows(_series(texts))
        return rows.astype(np.int64).reshape(texts.shape)

    def hashed(self, columns: Sequence[Array], *, buckets: int, seed: int) -> Array:
        hashes = [
            np.where(column == "", MISSING, text_hashes(_series(column))) for column in columns
        ]
        return bucket_rows(reduce(combined, hashes), buckets=buckets, seed=seed).astype(np.int64)

    def ngrams(
        self, texts: Array, *, words: Sequence[int], characters: Sequence[int], buckets: int
    ) -> Array:
        hashes, owner = text_ngrams(normalized(_series(texts)), words=words, characters=characters)
        found = bucket_rows(hashes, buckets=buckets, seed=0)
        lists = [found[owner == row].tolist() for row in range(len(texts))]
        longest = max(map(len, lists), default=0)
        padded = [one + [0] * (longest - len(one)) for one in lists]
        return np.array(padded, np.int64).reshape(len(texts), longest)

    def split(self, texts: Array, separator: str) -> Array:
        lists = [[part.strip() for part in text.split(separator)] for text in texts.tolist()]
        longest = max(map(len, lists), default=0)
        padded = [one + [""] * (longest - len(one)) for one in lists]
        return np.array(padded, dtype=object).reshape(len(texts), longest)

    def number(self, texts: Array) -> Array:
        return np.array([float(text or "nan") for text in texts.tolist()], np.float64)

    def size(self, columns: Sequence[Array]) -> Array:
        return np.array([max(map(len, columns))])

    def given_or(self, given: Array, stored: Array) -> Array:
        assert len(given) in (0, len(stored))
        assert given.ndim == stored.ndim and given.dtype == stored.dtype
        return given if len(given) else stored

    def gather(self, values: Array, places: Array, *, axis: int = 0) -> Array:
        return np.take(values, places, axis=axis)

    def gather_each(self, values: Array, places: Array) -> Array:
        wider = places[..., None] if values.ndim == 3 else places
        return np.take_along_axis(values, wider, axis=1)

    def concat(self, values: Sequence[Array], *, axis: int) -> Array:
        assert len({value.dtype for value in values}) == 1
        return np.concatenate(values, axis=axis)

    def reshape(self, values: Array, shape: tuple[int, ...]) -> Array:
        return values.reshape(shape)

    def transpose(self, values: Array, axes: tuple[int, ...]) -> Array:
        return values.transpose(axes)

    def where(self, condition: Array, one: Array, other: Any) -> Array:
        return np.where(condition, one, other).astype(one.dtype)

    def cast(self, values: Array, dtype: str) -> Array:
        return values.astype(dtype)

    def zeros(self, rows: Array) -> Array:
        return np.zeros(rows.item(), np.int64)

    def padded(self, values: Array, columns: int) -> Array:
        return np.pad(values, ((0, 0), (0, columns)))

    def abs(self, x: Array) -> Array:
        return np.abs(x)

    def sign(self, x: Array) -> Array:
        return np.sign(x)

    def floor(self, x: Array) -> Array:
        return np.floor(x)

    def clip(self, x: Array, low: float, high: float) -> Array:
        return np.clip(x, low, high)

    def sqrt(self, x: Array) -> Array:
        return np.sqrt(x)

    def exp(self, x: Array) -> Array:
        return np.exp(x)

    def log(self, x: Array) -> Array:
        return np.log(x)

    def sin(self, x: Array) -> Array:
        return np.sin(x)

    def cos(self, x: Array) -> Array:
        return np.cos(x)

    def tanh(self, x: Array) -> Array:
        return np.tanh(x)

    def sigmoid(self, x: Array) -> Array:
        return 0.5 * (np.tanh(0.5 * x) + 1)

    def sum(self, x: Array, *, axis: int, keepdims: bool = False) -> Array:
        return np.sum(x, axis=axis, keepdims=keepdims)

    def cumsum(self, x: Array, *, axis: int) -> Array:
        return np.cumsum(x, axis=axis)

    def softmax(self, x: Array) -> Array:
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    def top_k(self, x: Array, k: Any) -> tuple[Array, Array]:
        k = int(np.asarray(k).item())
        assert k <= x.shape[-1]
        places = np.argsort(-x, axis=-1, kind="stable")[..., :k]
        return np.take_along_axis(x, places, axis=-1), places

    def counted(self, rows: Array) -> tuple[Array, Array]:
        distinct, times = np.zeros_like(rows), np.zeros_like(rows)
        for row, (one, often) in enumerate(
            np.unique(own[own > 0], return_counts=True) for own in rows
        ):
            distinct[row, : len(one)], times[row, : len(one)] = one, often
        return distinct, times

    def marked(self, rows: Array, size: int) -> Array:
        found = np.zeros((len(rows), size + 1), np.bool_)
        found[np.arange(len(rows))[:, None], rows] = True
        return found[:, 1:]
