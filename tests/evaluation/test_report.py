"""Reports as JSON and as tables."""

import math
import re

import msgspec
import pytest

from turret.errors import EvaluationError
from turret.evaluation.parts import (
    BaselineFigures,
    EpochFigures,
    Figures,
    Intervals,
    SliceFigures,
    TrainFigures,
)
from turret.evaluation.report import Report, compare, epochs_in


def figures(low: float) -> dict[str, float]:
    return {
        "top_k_accuracy@5": low,
        "top_k_accuracy@20": low + 0.1,
        "ndcg@5": low + 0.2,
        "ndcg@20": low + 0.3,
    }


def report(low: float = 0.1) -> Report:
    return Report(
        model=Figures(seen_included=figures(low), seen_excluded=figures(low + 0.2)),
        intervals=Intervals(
            seen_included={name: (v - 0.01, v + 0.01) for name, v in figures(low).items()},
            seen_excluded={name: (math.nan, math.nan) for name in figures(low)},
        ),
        baselines={
            "popularity": BaselineFigures(
                seen_included=figures(0.15), seen_excluded=figures(math.nan), seconds=0.0012
            )
        },
        train=TrainFigures(seen_included=figures(0.5), queries=4, pairs=16_000),
        loss={"test": 8.25, "last_batch": 28_245.5},
        queries=943,
        pairs=20_000,
        candidates=1664,
        warnings=("Something is odd.",),
        seconds=1.5,
    )


PLAIN = """\
Seen candidates included   model    95% interval    on train  popularity
top_k_accuracy@5          0.1000  0.0900 .. 0.1100    0.5000      0.1500
top_k_accuracy@20         0.2000  0.1900 .. 0.2100    0.6000      0.2500
ndcg@20                   0.4000  0.3900 .. 0.4100    0.8000      0.4500

Seen candidates excluded   model  95% interval  popularity
top_k_accuracy@5          0.3000       -                 -
top_k_accuracy@20         0.4000       -                 -
ndcg@20                   0.6000       -                 -

20,000 test pairs of 943 queries, ranked among 1,664 candidates
model evaluated in 1.5 s, popularity fitted in 1.2 ms
test loss 8.2500 a pair
Warning: Something is odd."""


def test_a_plain_table() -> None:
    assert report().to_table(plain=True) == PLAIN


def test_a_table_is_plain_when_standard_output_is_no_terminal() -> None:
    assert report().to_table() == PLAIN


def test_a_table_for_a_terminal_marks_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    drawn = report().to_table(plain=False)
    assert "╭" in drawn
    assert "\x1b[1;32m    0.1500\x1b[0m" in drawn
    assert "\x1b[1;32m0.1000" not in drawn


def test_a_table_that_is_wider_than_the_terminal_goes_on_below(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"baseline_{n}" for n in range(6)]
    several = {name: report().baselines["popularity"] for name in names}
    bands = tuple(
        SliceFigures(
            of="queries",
            least=n,
            most=n,
            queries=1,
            pairs=1,
            model=Figures(seen_included={"recall@5": 0.5}, seen_excluded={}),
            baselines={
                name: Figures(seen_included={"recall@5": 0.25}, seen_excluded={}) for name in names
            },
        )
        for n in (1, 2)
    )
    wide = msgspec.structs.replace(report(), baselines=several, slices=bands)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", wide.to_table(plain=False))
    assert "…" not in drawn
    tables = [line for line in drawn.splitlines() if line.startswith("╭")]
    assert len(tables) > 4 and all(len(line) <= 60 for line in tables)
    assert "Seen candidates included, continued" in drawn
    # Every system stands over its figures, once in each table that all have.
    heads = [line for line in drawn.splitlines() if line.startswith("│        ")]
    for name in names:
        assert sum(name in line for line in heads) == 3
    # Without a terminal nothing is cut either, however wide it is.
    plain = wide.to_table(plain=True).splitlines()[0]
    assert plain.split()[-6:] == names


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;32m" not in report().to_table(plain=False)


def test_models_side_by_side() -> None:
    drawn = compare({"tutorial": report(0.1), "movielens": report(0.2)}, plain=True)
    assert drawn.splitlines()[:4] == [
        "Seen candidates included  tutorial  movielens  popularity",
        "top_k_accuracy@5            0.1000     0.2000      0.1500",
        "top_k_accuracy@20           0.2000     0.3000      0.2500",
        "ndcg@20                     0.4000     0.5000      0.4500",
    ]
    assert drawn.splitlines()[-2:] == [
        "Warning: tutorial: Something is odd.",
        "Warning: movielens: Something is odd.",
    ]


def test_reports_on_other_tests_are_not_compared() -> None:
    other = msgspec.structs.replace(report(), pairs=7)
    with pytest.raises(EvaluationError, match="the reports are not on the same test"):
        compare({"a": report(), "b": other})
    with pytest.raises(EvaluationError, match="the reports are not on the same test"):
        compare({})


def test_nan_is_null_in_json_and_comes_back() -> None:
    shown = report().to_dict()
    assert "NaN" not in report().to_json()
    assert msgspec.json.decode(report().to_json()) == shown
    back = Report.from_json(report().to_json())
    assert math.isnan(back.baselines["popularity"].seen_excluded["ndcg@20"])
    assert back.intervals is not None
    assert math.isnan(back.intervals.seen_excluded["ndcg@20"][1])
    assert back.model == report().model
    assert back.to_json() == report().to_json()


def test_a_metric_of_the_validation_may_be_undefined() -> None:
    epochs = (
        EpochFigures(epoch=1, loss=2.0, validation={"ndcg@5": 0.5, "auc": math.nan}),
        EpochFigures(epoch=2, loss=1.0),
    )
    told = msgspec.structs.replace(report(), epochs=epochs)
    for back in (Report.from_json(told.to_json()).epochs, epochs_in(told.to_dict())):
        assert back[0].validation is not None
        assert back[0].validation["ndcg@5"] == 0.5 and math.isnan(back[0].validation["auc"])
        assert back[1] == epochs[1]
    assert epochs_in({}) == ()


def test_what_was_not_computed_stays_none() -> None:
    bare = Report(model=report().model, queries=1, pairs=1, candidates=1, seconds=0.0)
    back = Report.from_json(bare.to_json())
    assert (back.intervals, back.train, back.loss, back.baselines) == (None, None, None, {})
    assert bare.to_table(plain=True).splitlines()[0] == "Seen candidates included   model"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model": 3}'])
def test_json_that_is_no_report(text: str) -> None:
    with pytest.raises(EvaluationError, match="this is not the JSON of a report"):
        Report.from_json(text)
