"""The encoder of `bag` features."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int64

from turret.data.encoders.base import Parts
from turret.data.encoders.lists import lists_in, places, plain, pooling_weights, values_in
from turret.data.encoders.vocabularied import VocabularyEncoder
from turret.data.vocabulary import as_ids
from turret.errors import DataError
from turret.recipe.features.bag import Bag

__all__ = ["BagEncoder"]


@dataclass(frozen=True, eq=False)
class BagEncoder(VocabularyEncoder[Bag]):
    """Several values a row; those that have no embedding row are passed over."""

    @classmethod
    def gathered(cls, feature: Bag, frame: pl.DataFrame) -> pl.Series:
        """The values of all rows."""
        return _values(feature, frame)[0]

    def encode(self, frame: pl.DataFrame) -> Parts:
        """The parts `rows` and `weights`, `[n, length]`, in the order of the lists."""
        feature, n = self.feature, frame.height
        ids, owner, given = _values(feature, frame)
        found = self.vocabulary.rows(ids)
        there = found > 0
        found, owner = found[there], owner[there]
        kept, column = places(owner, n=n, length=feature.length, last=False)
        at = owner[kept], column[kept]
        rows = np.full((n, feature.length), -1, np.int32)
        weights = np.zeros(rows.shape)
        rows[at] = found[kept]
        weights[at] = 1.0 if given is None else given[there][kept]
        return {"rows": rows, "weights": pooling_weights(weights, feature.pooling)}

    def known(self, parts: Parts) -> Bool[np.ndarray, " n"]:
        """Whether at least one value of each row stood in the training data."""
        return np.asarray((parts["rows"] > 0).any(axis=1))


def _values(
    feature: Bag, frame: pl.DataFrame
) -> tuple[pl.Series, Int64[np.ndarray, " m"], Float64[np.ndarray, " m"] | None]:
    """The values of all rows as ids, the row of each, and its weight if the feature has weights."""
    what, lists = f"column {feature.column!r}", _lists(feature, frame)
    flat, owner = values_in(lists)
    ids = as_ids(flat, what=what)
    weights = None if feature.weights is None else _weights(feature, frame, lists)
    if feature.separator is not None:
        ids = ids.str.strip_chars()
        there = (ids != "").fill_null(False)
        ids, owner = ids.filter(there), owner[there.to_numpy()]
        weights = None if weights is None else weights[there.to_numpy()]
    return ids, owner, weights


def _lists(feature: Bag, frame: pl.DataFrame) -> pl.Series:
    column = plain(frame[feature.column])
    if feature.separator is not None and column.dtype == pl.String:
        return column.str.split(feature.separator)
    return lists_in(column, of="values", fix="For text, say which `separator` divides the values.")


def _weights(feature: Bag, frame: pl.DataFrame, lists: pl.Series) -> Float64[np.ndarray, " m"]:
    assert feature.weights is not None  # asked for by a feature that has them
    column = frame[feature.weights]
    given = lists_in(column, of="numbers")
    lengths = lists.list.len().fill_null(0)
    # Without weights all values of a row weigh 1.
    sizes = given.list.len().fill_null(lengths)
    wrong = lengths != sizes
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(
            f"columns {feature.column!r} and {feature.weights!r} differ in how many they hold",
            got=f"{lengths[row]} values and {sizes[row]} weights",
            expected="one weight for each value, or null for all alike",
        )
    flat = values_in(given)[0]
    try:
        numbers = flat.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"column {feature.weights!r} cannot weigh values",
            got=str(flat.dtype),
            expected="lists of numbers",
        ) from error
    if not (np.abs(numbers) <= np.finfo(np.float32).max).all():
        raise DataError(
            f"column {feature.weights!r} has a weight that is missing or not finite",
            expected="finite numbers",
            fix="Leave the value out, or give it a weight.",
        )
    weights = np.ones(int(lengths.sum()))
    weights[np.repeat(given.is_not_null().to_numpy(), lengths.to_numpy())] = numbers
    return weights
