"""The columns of a batch: which they are, how often they stand, and how probable they are."""

import numpy as np
import polars as pl
import pytest

from turret.data.columns import Columns
from turret.data.dataset import Dataset
from turret.errors import DataError
from turret.recipe.loss import BPR, WARP, Loss, Softmax


def dataset() -> Dataset:
    """Item i is taken 2i times by even users; item 9 is in the table alone."""
    events = pl.DataFrame(
        [(f"u{n % 6}", f"i{i}") for i in range(1, 6) for n in range(2 * i)],
        schema=["user", "item"],
        orient="row",
    )
    items = pl.DataFrame(
        {"item": [f"i{i}" for i in (1, 2, 3, 4, 5, 9)], "share": [0.1, 0.1, 0.2, 0.2, 0.4, 0.01]}
    )
    return Dataset.from_frames(events, query_id="user", candidate_id="item", candidates=items)


def columns(loss: Loss) -> Columns:
    return Columns(dataset(), loss, batch_size=10, seed=3)


QUERY, CANDIDATE = np.array([0, 1, 1, 2], np.int32), np.array([4, 4, 1, 4], np.int32)


def test_without_draws_columns_are_the_candidates_of_the_pairs():
    chosen = columns(Softmax()).choose(QUERY, CANDIDATE, step=0)
    assert dict(zip(chosen.rows, chosen.entries, strict=True)) == {4: 3.0, 1: 1.0}
    assert chosen.rows[chosen.pair_candidate].tolist() == CANDIDATE.tolist()
    assert chosen.probability is None


@pytest.mark.parametrize(("uniform", "drawn"), [(7, 7), (0.5, 5)])
def test_draws_are_added_and_depend_on_seed_and_step(uniform, drawn):
    made = columns(Softmax(uniform=uniform, popular=6))
    chosen = made.choose(QUERY, CANDIDATE, step=1)
    assert chosen.entries.sum() == 4 + drawn + 6
    assert 5 not in chosen.rows  # i9, which nobody took
    again = columns(Softmax(uniform=uniform, popular=6)).choose(QUERY, CANDIDATE, step=1)
    np.testing.assert_array_equal(chosen.rows, again.rows)
    np.testing.assert_array_equal(chosen.entries, again.entries)
    other = made.choose(QUERY, CANDIDATE, step=2)
    assert chosen.rows.tolist() != other.rows.tolist() or (chosen.entries != other.entries).any()


def test_draws_follow_their_distributions():
    def shares(loss) -> np.ndarray:
        made, total = columns(loss), np.zeros(6)
        for step in range(200):
            chosen = made.choose(QUERY[:1], CANDIDATE[:1], step=step)
            total[chosen.rows] += chosen.entries
        total[4] -= 200  # the pairs' own
        return total / total.sum()

    # 20,000 draws: three standard deviations of a share are about 0.01.
    np.testing.assert_allclose(shares(Softmax(uniform=100))[:5], 0.2, atol=0.012)
    want = np.array([2, 4, 6, 8, 10]) / 30
    np.testing.assert_allclose(shares(Softmax(popular=100))[:5], want, atol=0.012)


def test_probabilities_are_those_of_the_mixture():
    popularity = np.array([2, 4, 6, 8, 10]) / 30
    chosen = columns(Softmax(logq="estimated")).choose(QUERY, CANDIDATE, step=0)
    assert chosen.probability is not None
    np.testing.assert_allclose(chosen.probability, popularity[chosen.rows], rtol=1e-6)
    made = columns(Softmax(logq="estimated", uniform=8, popular=3))
    chosen = made.choose(QUERY, CANDIDATE, step=0)
    mixed = ((4 + 3) * popularity + 8 / 5) / 15
    assert chosen.probability is not None
    np.testing.assert_allclose(chosen.probability, mixed[chosen.rows], rtol=1e-6)


def test_given_probabilities():
    made = columns(Softmax(logq="given", logq_column="share"))
    chosen = made.choose(QUERY, CANDIDATE, step=0)
    want = {4: 0.4, 1: 0.1}
    assert chosen.probability is not None
    np.testing.assert_allclose(chosen.probability, [want[r] for r in chosen.rows], rtol=1e-6)
    with pytest.raises(DataError, match=r"no column of the candidate table.*'weight'"):
        columns(Softmax(logq="given", logq_column="weight")).choose(QUERY, CANDIDATE, step=0)
    with pytest.raises(DataError, match="does not hold probabilities"):
        columns(Softmax(logq="given", logq_column="item")).choose(QUERY, CANDIDATE, step=0)


@pytest.mark.parametrize("sampling", ["uniform", "popular"])
@pytest.mark.parametrize("kind", [BPR, WARP])
def test_sampled_negatives_are_no_positives(kind, sampling):
    made = columns(kind(negatives=50, sampling=sampling))
    chosen = made.choose(QUERY, CANDIDATE, step=0)
    assert chosen.negatives is not None and chosen.negative_weight is not None
    assert chosen.negatives.shape == (4, 50)
    indptr, rows = made.dataset.pairs_by_query()
    for query, negatives, weights in zip(
        QUERY, chosen.rows[chosen.negatives], chosen.negative_weight, strict=True
    ):
        positives = rows[indptr[query] : indptr[query + 1]]
        drawn = negatives[weights > 0]
        assert not np.isin(drawn, positives).any()
        # Where a query took everything there is no negative, and none is made up.
        assert (len(drawn) > 0) == (len(positives) < 5)


def test_where_rows_stand_among_columns():
    made = columns(Softmax())
    column, there = made.column_of(np.array([4, 1], np.int32), np.array([1, 0, 4, 5], np.int32))
    assert there.tolist() == [True, False, True, False]
    assert column[there].tolist() == [1, 0]
