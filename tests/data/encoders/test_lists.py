import numpy as np
import polars as pl
import pytest

from turret.data.encoders.lists import lists_in, places, pooling_weights, right_aligned
from turret.errors import DataError


def test_first_and_last_places_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    owner = np.sort(rng.integers(0, 9, 40))
    for length in (1, 3, 50):
        for last in (False, True):
            kept, column = places(owner, n=10, length=length, last=last)
            for row in range(10):
                own = np.flatnonzero(owner == row)
                wanted = own[-length:] if last else own[:length]
                assert own[kept[own]].tolist() == wanted.tolist()
                start = length - len(wanted) if last else 0
                assert column[wanted].tolist() == list(range(start, start + len(wanted)))


def test_nothing() -> None:
    none = np.empty(0, np.int64)
    assert right_aligned(none, none, n=2, length=2).tolist() == [[-1, -1], [-1, -1]]


def test_a_row_without_weight_counts_nothing() -> None:
    for pooling in ("sum", "mean", "sqrtn"):
        assert pooling_weights(np.zeros((1, 2)), pooling).tolist() == [[0, 0]]


def test_what_holds_no_lists_is_refused() -> None:
    with pytest.raises(DataError, match="column 'a' holds no lists: got 'Int64', expected a list"):
        lists_in(pl.Series("a", [1]), of="numbers")
