"""The encoder of `text` features."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int64

from turret.data.encoders.base import AnyEncoder, Encoder, Parts
from turret.data.encoders.lists import places, plain
from turret.data.encoders.states import kept, kept_rows
from turret.data.hashing import blocks, bucket_rows
from turret.data.ngrams import normalized, text_ngrams
from turret.errors import DataError
from turret.recipe.features.text import Text

__all__ = ["TextEncoder"]

Documents = Int64[np.ndarray, "_"]
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class TextEncoder(Encoder[Text, Documents, Documents]):
    """The n-grams of a text, hashed and weighed.

    Attributes:
        feature: What is encoded.
        fitted: For each row of the table in how many training rows it stands, `[buckets + 1]`;
            first, for row 0, how many training rows have text.
    """

    meaning = ("words", "characters", "buckets")

    @classmethod
    def gathered(cls, feature: Text, frame: pl.DataFrame) -> Documents:
        """In how many rows each n-gram stands."""
        documents = np.zeros(feature.buckets + 1, np.int64)
        for _, owner, rows, _ in _counted(feature, frame):
            documents += np.bincount(rows, minlength=len(documents))
            documents[0] += len(np.unique(owner))
        return documents

    @classmethod
    def fit(cls, feature: Text, gathered: Sequence[Documents]) -> Documents:
        """In how many rows of all features each n-gram stands."""
        return np.stack(gathered).sum(axis=0)

    @classmethod
    def restored(cls, feature: Text, state: pl.DataFrame) -> "TextEncoder":
        """The encoder whose `state()` is given."""
        documents = np.zeros(feature.buckets + 1, np.int64)
        rows = kept_rows(state, "row", least=0, most=feature.buckets)
        documents[rows] = kept(state, "documents", dtype=pl.Int64).cast(pl.Int64).to_numpy()
        if documents.min() < 0:
            raise DataError("the column 'documents' has a number below 0")
        return cls(feature, documents)

    def state(self) -> pl.DataFrame:
        """The columns `row`, ascending, and `documents`, of the rows of which it is not 0."""
        rows = np.flatnonzero(self.fitted)
        return pl.DataFrame({"row": rows.astype(np.int32), "documents": self.fitted[rows]})

    @property
    def num_rows(self) -> int:
        """Rows of its embedding table; row 0 is not used."""
        return self.feature.buckets + 1

    @cached_property
    def rarity(self) -> Float64[np.ndarray, " rows"]:
        """What each row weighs for being rare; 0 for a row that training did not meet."""
        weight = np.log((1 + self.fitted[0]) / (1 + self.fitted)) + 1
        weight[self.fitted == 0] = 0
        weight[0] = 0
        return weight

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The parts `rows` and `weights`, `[n, length]`, the heaviest first."""
        length = self.feature.length
        rows = np.full((frame.height, length), -1, np.int32)
        weights = np.zeros(rows.shape, np.float32)
        for start, owner, found, times in _counted(self.feature, frame):
            weight = (1 + np.log(times)) * self.rarity[found]
            met = weight > 0
            owner, found, weight = owner[met], found[met], weight[met]
            order = np.lexsort((found, -weight, owner))
            owner, found, weight = owner[order], found[order], weight[order]
            n = int(owner[-1]) + 1 if len(owner) else 0
            kept, column = places(owner, n=n, length=length, last=False)
            owner, column, weight = owner[kept], column[kept], weight[kept]
            norm = np.sqrt(np.bincount(owner, np.square(weight), minlength=n))
            rows[start + owner, column] = found[kept]
            weights[start + owner, column] = weight / norm[owner]
        return {"rows": rows, "weights": weights}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether each text has an n-gram that stood in the training data."""
        return parts["rows"][:, 0] > 0

    def after(self, earlier: AnyEncoder, *, vanished: Literal["keep", "drop"]) -> Documents:
        """Today's counts, and those of the earlier training."""
        return self.fitted + earlier.fitted if vanished == "keep" else self.fitted


def _counted(
    feature: Text, frame: pl.DataFrame
) -> Iterator[
    tuple[int, Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]
]:
    """The n-grams of texts, in blocks of these.

    Yields:
        Where the block starts, and for each distinct n-gram of each text the text (counted from
        there), the row of the table, and how often it stands there.
    """
    texts = normalized(_text(feature, frame))
    sizes = texts.str.len_bytes().to_numpy().astype(np.int64)
    for start, stop in blocks(sizes, most=_BLOCK):
        hashes, owner = text_ngrams(
            texts[start:stop], words=feature.words, characters=feature.characters
        )
        rows = bucket_rows(hashes, buckets=feature.buckets, seed=0)
        keys, times = np.unique(owner * (feature.buckets + 1) + rows, return_counts=True)
        owner, rows = np.divmod(keys, feature.buckets + 1)
        yield start, owner, rows, times


def _text(feature: Text, frame: pl.DataFrame) -> pl.Series:
    column = plain(frame[feature.column])
    if column.dtype == pl.Null:
        return column.cast(pl.String)
    if column.dtype != pl.String:
        raise DataError(
            f"column {feature.column!r} holds no text",
            got=str(column.dtype),
            expected="a column of strings",
            fix="Cast the column to text first, if it is meant as text.",
        )
    return column
