"""Splits that come with the data, and splits that hold out queries as a whole."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from turret.data import sources
from turret.data.dataset import Dataset
from turret.data.splits import fold_in_split, given_split, split
from turret.errors import DataError, RecipeError, SplitError
from turret.recipe.data import Data, Split
from turret.recipe.features.categorical import Categorical
from turret.recipe.recipe import Recipe
from turret.recipe.stopping import EarlyStopping
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train

NAMES = ["train", "valid", "test", "train", "test", "later"]
EVENTS = {"q": [1, 1, 1, 2, 2, 3], "c": [1, 2, 3, 1, 2, 3], "number": [0.0, 1, 2, 3, 4, 5]}


def named(parts: Sequence[str | None] = NAMES) -> Dataset:
    events = {**EVENTS, "split": parts}
    return Dataset.from_frames(
        events, query_id="q", candidate_id="c", weight="number", part="split"
    )


def numbers(part: Dataset | None) -> list[int]:
    assert part is not None and part.interactions.weight is not None
    return [int(number) for number in part.interactions.weight]


def test_parts_are_those_that_the_data_name() -> None:
    found = given_split(named(), test="test", validation="valid")
    assert numbers(found.train) == [0, 3, 5]
    assert numbers(found.validation) == [1]
    assert numbers(found.test) == [2, 4]
    assert found.notes[0] == "Split as given: 3 training, 1 validation, 2 test interactions"
    # Unless asked for, what others validate on is trained on.
    without = given_split(named(), test="test")
    assert (numbers(without.train), without.validation) == ([0, 1, 3, 5], None)
    # The column describes no candidate, and the parts are no longer named.
    assert found.train.candidates.columns == ["c"]
    assert found.train.interactions.part is None
    assert found.seen is found.train


def test_the_training_part_has_the_same_fingerprint_without_names() -> None:
    bare = Dataset.from_frames(
        {k: [v[i] for i in (0, 1, 3, 5)] for k, v in EVENTS.items()},
        query_id="q",
        candidate_id="c",
        weight="number",
    )
    assert given_split(named(), test="test").train.fingerprint() == bare.fingerprint()


def test_names_that_are_not_there() -> None:
    with pytest.raises(SplitError) as caught:
        given_split(named(), test="Test")
    assert str(caught.value) == (
        "There is no such part in the data: got 'Test', expected 'later', 'test', 'train', "
        "'valid'. Name the parts in split.test and split.validation."
    )
    bare = Dataset.from_frames(EVENTS, query_id="q", candidate_id="c")
    with pytest.raises(SplitError, match="they name no parts"):
        given_split(bare, test="test")
    with pytest.raises(DataError, match="1 of 6 interactions have none"):
        named([*NAMES[:5], None])


def test_a_given_split_by_a_recipe(tmp_path) -> None:
    pl.DataFrame({**EVENTS, "split": NAMES}).write_csv(tmp_path / "events.csv")
    data = Data(files=str(tmp_path / "events.csv"), query_id="q", candidate_id="c", part="split")
    config = Split(kind="given", validation="valid")
    found = split(sources.load(data), config)
    assert [len(one.interactions) for one in (found.train, found.test)] == [3, 2]
    towers = TwoTower(query=Tower([Categorical("q")]), candidate=Tower([Categorical("c")]))
    stopping = Train(early_stopping=EarlyStopping())
    assert Recipe(data=data, split=config, model=towers, train=stopping).split == config
    with pytest.raises(RecipeError, match="early_stopping has no validation part"):
        Recipe(data=data, split=Split(kind="given"), model=towers, train=stopping)
    nameless = Data(files="events.csv", query_id="q", candidate_id="c")
    with pytest.raises(RecipeError, match="A given split needs the names of the parts"):
        Recipe(data=nameless, split=config, model=towers)
    with pytest.raises(RecipeError, match="split.validation: got 'valid', expected none unless"):
        Split(validation="valid")
    with pytest.raises(RecipeError, match="a given split names its parts"):
        Split(kind="given", validation_fraction=0.1)
    with pytest.raises(RecipeError, match="data.part is not for the source 'synthetic'"):
        sources.load(Data(source="synthetic", query_id="user_id", candidate_id="i", part="p"))


def many(seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    query = rng.integers(0, 30, size=200)
    # Queries 30 and 31 have one event each: nothing could be asked of them.
    query = np.concatenate([query, [30, 31]])
    events = {
        "q": [f"{one:02}" for one in query],
        "c": rng.integers(0, 20, size=202).tolist(),
        "number": np.arange(202.0).tolist(),
    }
    return Dataset.from_frames(events, query_id="q", candidate_id="c", weight="number")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shown", [0.5, 0.8, 0.99])
def test_queries_are_held_out_as_a_whole(seed: int, shown: float) -> None:
    whole = many(seed)
    found = fold_in_split(whole, test_fraction=0.3, validation_fraction=0.2, shown=shown, seed=seed)
    assert found.validation is not None and found.fold_in is not None
    parts = {
        "train": found.train,
        "validation": found.validation,
        "test": found.test,
        "fold_in": found.fold_in,
    }
    held = {name: set(part.interactions.query_row.tolist()) for name, part in parts.items()}
    assert held["train"].isdisjoint(held["fold_in"])
    assert held["validation"].isdisjoint(held["test"])
    assert held["validation"] | held["test"] == held["fold_in"]
    counts = np.bincount(whole.interactions.query_row)
    able = int((counts >= 2).sum())
    assert (len(held["test"]), len(held["validation"])) == (round(able * 0.3), round(able * 0.2))
    # Each event is in one part, and each part keeps their order.
    every = [numbers(part) for part in parts.values()]
    assert sorted(sum(every, [])) == list(range(202))
    assert all(one == sorted(one) for one in every)
    given = np.bincount(found.fold_in.interactions.query_row, minlength=len(counts))
    for row in held["fold_in"]:
        assert given[row] == min(max(int(shown * counts[row] + 1e-9), 1), counts[row] - 1)
    seen = numbers(found.seen)
    assert seen == numbers(found.train) + numbers(found.fold_in)


def test_a_seed_decides_which_queries() -> None:
    def tested(seed: int) -> list[int]:
        return numbers(fold_in_split(many(0), test_fraction=0.3, seed=seed).test)

    assert tested(1) == tested(1) != tested(2)
    config = Split(kind="fold_in", test_fraction=0.3, fold_in=0.8, seed=1)
    assert numbers(split(many(0), config).test) == tested(1)


def test_no_query_to_hold_out() -> None:
    once = Dataset.from_frames({"q": [1, 2], "c": [1, 2]}, query_id="q", candidate_id="c")
    with pytest.raises(SplitError, match="The test part of the split is empty"):
        fold_in_split(once, test_fraction=0.5, seed=1)
    with pytest.raises(RecipeError, match="split.fold_in: got 1.0, expected above 0 and below 1"):
        Split(kind="fold_in", fold_in=1.0)
