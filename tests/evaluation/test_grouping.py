"""Slices by the values of a column."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from evaluation.planted import TEST, TRAIN, Planted

from turret.data.dataset import Dataset, Interactions
from turret.evaluation.evaluate import evaluate
from turret.evaluation.grouping import slices_by
from turret.evaluation.page.page import page
from turret.evaluation.report import Report
from turret.evaluation.truth import Truth


def told(values: object, *, of: str = "candidates", dtype: object = None) -> dict[str, list[int]]:
    """The positions of the pairs of each slice, of one pair for each value."""
    column = pl.Series("c", values, dtype=dtype)  # pyright: ignore[reportArgumentType]
    number, rows = len(column), np.arange(len(column), dtype=np.int32)
    ids = pl.Series([str(row) for row in rows])
    tables = {"candidates": pl.DataFrame({"item": ids}), "queries": pl.DataFrame({"user": ids})}
    tables[of] = tables[of].with_columns(column)
    dataset = Dataset(
        interactions=Interactions(rows, rows),
        queries=tables["queries"],
        candidates=tables["candidates"],
        query_id="user",
        candidate_id="item",
    )
    truth = Truth.of(dataset.interactions, num_candidates=number)
    found, left_out = slices_by(truth, dataset, [f"{of}.c"])
    assert left_out == []
    assert {(one.of, one.column, one.least, one.most) for one in found} == {(of, "c", 0, None)}
    return {str(one.value): np.flatnonzero(one.pairs).tolist() for one in found}


@pytest.mark.parametrize("of", ["candidates", "queries"])
def test_values_by_how_many_pairs_have_them(of: str) -> None:
    assert told(["b", "a", None, "b", "c"], of=of) == {
        "b": [0, 3],
        "a": [1],
        "c": [4],
        "(missing)": [2],
    }
    assert list(told(["b", "a", None, "b", "c"], of=of)) == ["b", "a", "c", "(missing)"]


def test_beyond_ten_values_are_the_others() -> None:
    names = [f"v{n:02}" for n in range(12)]
    found = told([*names, *names[2:]])
    assert list(found) == [*names[2:], "(others)"]
    assert found["(others)"] == [0, 1]
    assert found["v02"] == [2, 12]


def test_of_a_list_each_member_counts() -> None:
    found = told([["x", "y", "x"], ["y"], [], None, ["y", None]])
    assert found == {"y": [0, 1, 4], "x": [0], "(missing)": [2, 3]}


def test_few_numbers_stand_alone_in_their_order() -> None:
    assert list(told([10, 9, 10, 2])) == ["2", "9", "10"]
    assert told([True, None]) == {"true": [0], "(missing)": [1]}
    assert list(told([2.5, float("nan"), 1.0])) == ["1.0", "2.5", "(missing)"]


def test_many_numbers_and_times_are_divided_at_their_quartiles() -> None:
    found = told([*range(12), None])
    assert found == {
        "0 to 2": [0, 1, 2],
        "3 to 5": [3, 4, 5],
        "6 to 8": [6, 7, 8],
        "9 to 11": [9, 10, 11],
        "(missing)": [12],
    }
    # Equal ones stay together, so that there may be fewer groups.
    assert {name: len(rows) for name, rows in told([0] * 20 + [*range(1, 11)]).items()} == {
        "0 to 2": 22,
        "3 to 10": 8,
    }
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(12)]
    assert list(told(days))[0] == "2024-01-01 to 2024-01-03"


def test_figures_of_a_column_are_in_the_report() -> None:
    genres = pl.DataFrame({"genre": ["war", "war", "love", "love", None, "war"]})
    train = Dataset(
        interactions=TRAIN.interactions,
        queries=TRAIN.queries,
        candidates=pl.concat([TRAIN.candidates, genres], how="horizontal"),
        query_id="user",
        candidate_id="item",
    )
    test = train.with_interactions(TEST.interactions)
    by = ("candidates.genre", "candidates.genra", "queries.user")
    report = evaluate(Planted(), (train, test), ks=(1,), bootstrap=0, slices=False, slice_by=by)
    (sentence,) = [one for one in report.warnings if "left out" in one]
    assert sentence == (
        "Slices by candidates.genra were left out: there is no such column. "
        "Did you mean 'candidates.genre'?"
    )
    ours = {(one.column, one.value): one for one in report.slices}
    assert list(ours) == [
        *(("genre", value) for value in ("war", "love", "(missing)")),
        *(("user", name) for name in ("u0", "u1", "u3")),
    ]
    # Of war (0, b), which is seen, is second and (3, f) first; (0, c) of love is first.
    war, love = ours["genre", "war"], ours["genre", "love"]
    assert (war.queries, war.pairs, love.pairs, ours["genre", "(missing)"].pairs) == (2, 2, 1, 2)
    assert war.model.seen_included["recall@1"] == 0.5
    assert war.model.seen_excluded["recall@1"] == 1.0
    assert love.model.seen_excluded["recall@1"] == 1.0
    assert set(love.baselines) == {"popularity"}
    assert Report.from_json(report.to_json()).slices == report.slices
    drawn = report.to_table(plain=True)
    assert "recall@1, seen excluded, by candidates.genre  test pairs" in drawn
    assert "recall@1, seen excluded, by queries.user" in drawn
    html = page(report, title="x")
    assert "<h2>By column</h2>" in html and "recall@1 by candidates.genre" in html
    assert "<th>(missing)</th><td>2</td>" in html
    assert "By popularity" not in html
