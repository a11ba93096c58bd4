import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turret.data.dataset import Dataset, Interactions
from turret.data.parts import Split, shared_pairs
from turret.data.splits import leave_last_out_split, random_split, split, temporal_split
from turret.errors import SplitError
from turret.recipe import data as recipe

DAY = 86_400.0


def log(
    times: list[float | None] | None = None, *, queries: list[int] | None = None, n: int = 10
) -> Dataset:
    """Events whose weight is their number, so that they can be told apart in any part."""
    n = len(times) if times is not None else len(queries) if queries is not None else n
    events = {
        "q": queries or [i % 3 for i in range(n)],
        "c": [i % 4 for i in range(n)],
        "number": [float(i) for i in range(n)],
    }
    if times is not None:
        events["t"] = times
    timestamp = None if times is None else "t"
    return Dataset.from_frames(
        events, query_id="q", candidate_id="c", weight="number", timestamp=timestamp
    )


def numbers(part: Dataset | None) -> list[int]:
    assert part is not None and part.interactions.weight is not None
    return [int(number) for number in part.interactions.weight]


def parts(result: Split) -> list[list[int]]:
    found = [result.train, result.validation, result.test]
    return [numbers(part) for part in found if part is not None]


def test_random_is_one_permutation() -> None:
    order = np.random.Generator(np.random.PCG64(7)).permutation(10).tolist()
    result = random_split(log(), test_fraction=0.3, validation_fraction=0.2, seed=7)
    assert parts(result) == [order[:5], order[5:7], order[7:]]
    without = random_split(log(), test_fraction=0.3, seed=7)
    assert parts(without) == [order[:7], order[7:]]
    assert without.validation is None


@settings(max_examples=40)
@given(
    n=st.integers(4, 60),
    test=st.sampled_from([0.1, 0.2, 0.25, 0.5]),
    validation=st.sampled_from([0.0, 0.25]),
    seed=st.integers(0, 5),
)
def test_random_separates_events(n: int, test: float, validation: float, seed: int) -> None:
    if round(n * test) == 0:
        return
    dataset = log(n=n)
    result = random_split(dataset, test_fraction=test, validation_fraction=validation, seed=seed)
    assert sorted(sum(parts(result), [])) == list(range(n))
    assert len(numbers(result.test)) == round(n * test)
    again = random_split(dataset, test_fraction=test, validation_fraction=validation, seed=seed)
    assert parts(again) == parts(result)


def test_parts_share_the_tables() -> None:
    dataset = log()
    result = random_split(dataset, test_fraction=0.2, validation_fraction=0.2, seed=1)
    for part in (result.train, result.validation, result.test):
        assert part is not None
        assert part.queries is dataset.queries
        assert part.candidates is dataset.candidates


def test_temporal_by_cut() -> None:
    dataset = log([5 * DAY, DAY, 3 * DAY, 2 * DAY, 4 * DAY])
    for cut in ("1970-01-04", "1970-01-04T00:00:00", 3 * DAY, "259200"):
        result = temporal_split(dataset, cut=cut)
        assert parts(result) == [[1, 3], [0, 2, 4]]
    result = temporal_split(dataset, cut=4 * DAY, validation_cut="1970-01-03")
    assert parts(result) == [[1], [2, 3], [0, 4]]
    assert result.notes[0] == (
        "Split by time, the test part from 1970-01-05T00:00:00+00:00: "
        "1 training, 2 validation, 2 test interactions"
    )


def test_temporal_by_share() -> None:
    dataset = log([5.0, 1.0, 3.0, 2.0, 4.0, 0.0, 6.0, 7.0, 8.0, 9.0])
    result = temporal_split(dataset, test_fraction=0.2, validation_fraction=0.3)
    assert parts(result) == [[1, 2, 3, 4, 5], [0, 6, 7], [8, 9]]
    without = temporal_split(dataset, test_fraction=0.2)
    assert numbers(without.test) == numbers(result.test)


def test_events_of_one_moment_stay_together() -> None:
    result = temporal_split(log([1.0, 2.0, 2.0, 2.0]), test_fraction=0.25)
    assert parts(result) == [[0], [1, 2, 3]]


@settings(max_examples=40)
@given(
    times=st.lists(st.integers(0, 20), min_size=4, max_size=40),
    test=st.sampled_from([0.1, 0.25, 0.5]),
    validation=st.sampled_from([0.0, 0.2]),
)
def test_no_test_event_is_before_the_cut(times: list[int], test: float, validation: float) -> None:
    dataset = log([float(t) for t in times])
    try:
        result = temporal_split(dataset, test_fraction=test, validation_fraction=validation)
    except SplitError:
        return
    assert sorted(sum(parts(result), [])) == list(range(len(times)))
    spans = [[times[number] for number in part] for part in parts(result)]
    for earlier, later in zip(spans, spans[1:], strict=False):
        assert max(earlier) < min(later)
    assert len(spans[-1]) >= round(len(times) * test)


def test_leave_last_out() -> None:
    dataset = log([1.0, 5.0, 5.0, 9.0, 2.0, 1.0, 0.0], queries=[1, 1, 1, 2, 3, 3, 1])
    result = leave_last_out_split(dataset)
    assert parts(result) == [[0, 1, 3, 5, 6], [2, 4]]
    result = leave_last_out_split(dataset, validation=True)
    assert parts(result) == [[0, 3, 5, 6], [1], [2, 4]]


def test_split_follows_the_recipe() -> None:
    dataset = log([float(i) for i in range(10)])
    chosen = split(dataset, recipe.Split(test_fraction=0.3, validation_fraction=0.2, seed=7))
    expected = random_split(dataset, test_fraction=0.3, validation_fraction=0.2, seed=7)
    assert parts(chosen) == parts(expected)
    chosen = split(dataset, recipe.Split(kind="temporal", test_fraction=0.3))
    assert parts(chosen) == [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9]]
    chosen = split(dataset, recipe.Split(kind="temporal", cut=8.0, validation_cut=5.0))
    assert parts(chosen) == [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9]]
    chosen = split(dataset, recipe.Split(kind="leave_last_out", validation_fraction=0.1))
    assert parts(chosen) == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_shared_pairs_are_counted_and_said() -> None:
    events = {"q": [1, 1, 1, 2, 2], "c": ["a", "a", "b", "a", "a"], "t": [1, 2, 2, 1, 2]}
    dataset = Dataset.from_frames(events, query_id="q", candidate_id="c", timestamp="t")
    result = temporal_split(dataset, cut=2.0)
    assert shared_pairs(result.train, result.test) == 2
    assert result.notes[1:] == (
        "2 pairs of query and candidate occur in both the training and the test part",
    )
    apart = {"q": [1, 2], "c": ["a", "b"], "t": [1, 2]}
    dataset = Dataset.from_frames(apart, query_id="q", candidate_id="c", timestamp="t")
    assert len(temporal_split(dataset, cut=2.0).notes) == 1


@pytest.mark.parametrize("cut", [-1.0, 0.0, 100.0, "1970-01-02"])
def test_cut_outside_the_log(cut: str | float) -> None:
    with pytest.raises(SplitError, match=r"The (training|test) part of the split is empty"):
        temporal_split(log([0.0, 1.0, 2.0]), cut=cut)


def test_impossible_splits() -> None:
    untimed, gap = log(), log([1.0, None, 3.0])
    for function in (
        lambda data: temporal_split(data, test_fraction=0.2),
        lambda data: leave_last_out_split(data),
    ):
        with pytest.raises(SplitError, match="goes by time, but the data set has no times"):
            function(untimed)
        with pytest.raises(SplitError, match="goes by time, but 1 of 3 interactions have none"):
            function(gap)
    with pytest.raises(SplitError, match="needs a test_fraction or a cut"):
        temporal_split(log([1.0, 2.0]))
    with pytest.raises(SplitError, match="no time: got 'soon'"):
        temporal_split(log([1.0, 2.0]), cut="soon")
    with pytest.raises(SplitError, match=r"test part of the split is empty \(random, seed 1, 3 in"):
        random_split(log(n=3), test_fraction=0.1, seed=1)
    with pytest.raises(SplitError, match="training part of the split is empty"):
        random_split(log(n=2), test_fraction=0.9, seed=1)
    with pytest.raises(SplitError, match="validation part of the split is empty"):
        random_split(log(n=4), test_fraction=0.25, validation_fraction=0.1, seed=1)
    with pytest.raises(SplitError, match="test part of the split is empty"):
        leave_last_out_split(log([1.0, 2.0], queries=[1, 2]))


def test_nothing_to_split() -> None:
    nothing = np.zeros(0, np.int32)
    empty = Dataset(
        interactions=Interactions(query_row=nothing, candidate_row=nothing, timestamp=np.zeros(0)),
        queries=pl.DataFrame({"q": ["a"]}),
        candidates=pl.DataFrame({"c": ["a"]}),
        query_id="q",
        candidate_id="c",
    )
    for kind in ("random", "temporal", "leave_last_out"):
        with pytest.raises(SplitError, match="is empty"):
            split(empty, recipe.Split(kind=kind))
