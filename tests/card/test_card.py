"""The card says what the bundle and its report say, and nothing in them can break it."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import yaml
from bundles import CANDIDATES, QUERIES, by_country, by_id
from markdown_it import MarkdownIt
from markdown_it.token import Token

from turret.bundle.bundle import Bundle
from turret.card.card import card
from turret.card.markdown import code, front_matter, table, text
from turret.evaluation.paired import Difference
from turret.evaluation.parts import (
    BaselineFigures,
    Differences,
    Figures,
    Intervals,
    ListFigures,
    SliceFigures,
)
from turret.evaluation.report import Report
from turret.recipe.data import Data, Split
from turret.recipe.recipe import Recipe

HOSTILE = (
    "a|b\n\n## <script>alert(1)</script> ![i](http://e.x/i.png) `c` [l](javascript:1) &amp; "
    "<!-- --> \\| \u2028 \u202e www.e.x ---\n***"
)
NAMES = [*(f"{kind}@{k}" for kind in ("recall", "ndcg", "mrr") for k in (5, 20, 50)), "auc"]


def figures(shift: float) -> dict[str, float]:
    return {name: round(0.01 * place + shift, 6) for place, name in enumerate(NAMES)}


def both(shift: float) -> dict[str, dict[str, float]]:
    return {"seen_included": figures(shift), "seen_excluded": figures(shift + 0.3)}


def report(name: str = "ease") -> Report:
    ends = {key: (value - 0.05, value + 0.05) for key, value in figures(0.1).items()}
    above = {key: Difference(difference=0.1, low=0.05, high=0.15, p=0.004) for key in NAMES}
    few = Figures(seen_included={"recall@20": 0.2}, seen_excluded={"recall@20": 0.25})
    return Report(
        model=Figures(**both(0.1)),
        intervals=Intervals(seen_included=ends, seen_excluded=ends),
        baselines={
            name: BaselineFigures(**both(0.0), seconds=1.0),
            "popularity": BaselineFigures(
                seen_included=dict.fromkeys(NAMES, math.nan), seen_excluded=figures(0.5), seconds=1
            ),
        },
        differences={name: Differences(seen_included=above, seen_excluded=above)},
        slices=(
            SliceFigures(
                of="candidates", least=0, most=0, queries=3, pairs=1234, model=few,
                baselines={name: few},
            ),
        ),
        lists=ListFigures(
            k=20,
            queries=9,
            model=Figures(seen_included={}, seen_excluded={"coverage@20": 0.4321, "gini@20": 0.5}),
            baselines={name: Figures(seen_included={}, seen_excluded={"coverage@20": 0.1})},
        ),
        queries=1943,
        pairs=20000,
        candidates=1682,
        warnings=("17 test pairs are not what they seem.",),
        data={"test_interactions": 20000, "density_of_training": 0.0625, "notes": ["A note."]},
        seconds=0.5,
    )  # fmt: skip


def judged(**changes: Any) -> Bundle:
    recipe = Recipe(
        data=Data(query_id="user", candidate_id="film", source="movielens-100k"),
        split=Split(kind="temporal", test_fraction=0.1, validation_fraction=0.05),
        model=by_id().config,
    )
    return replace(by_id(), **{"report": report().to_dict(), "recipe": recipe, **changes})


def divided(page: str) -> tuple[dict[str, Any], str]:
    """The metadata and the Markdown behind them."""
    start, metadata, body = page.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(metadata), body


def tables(body: str) -> dict[str, list[list[str]]]:
    """The cells of the table below each heading."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in body.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|"):
            found.setdefault(heading, []).append([c.strip(" *") for c in line[1:-1].split("|")])
    return {name: [rows[0], *rows[2:]] for name, rows in found.items()}


def tokens(body: str) -> list[Token]:
    whole = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body)
    return [*whole, *(child for token in whole for child in token.children or ())]


@pytest.mark.parametrize("view", ["seen_included", "seen_excluded"])
def test_the_figures_are_those_of_the_report(view: str) -> None:
    _, body = divided(card(judged(), name="mine"))
    heading, *rows = tables(body)[view.replace("_", " candidates ").capitalize()]
    assert heading == ["", "model", "95% interval", "ease", "popularity"]
    assert [row[0].replace("\\", "") for row in rows] == ["recall@20", "ndcg@20", "mrr@20", "auc"]
    shown = report()
    assert shown.intervals is not None
    for name, *cells in rows:
        plain = name.replace("\\", "")
        low, high = getattr(shown.intervals, view)[plain]
        values = [getattr(one, view)[plain] for one in (shown.model, *shown.baselines.values())]
        told = ["–" if math.isnan(value) else f"{value:.4f}" for value in values]
        assert cells == [told[0], f"{low:.4f} to {high:.4f}", *told[1:]]


def test_the_best_of_a_row_stands_out() -> None:
    _, body = divided(card(judged(), name="mine"))
    row = next(line for line in body.splitlines() if line.startswith("| mrr"))
    assert row == "| mrr\\@20 | 0.4700 | 0.1200 to 0.2200 | 0.3700 | **0.5700** |"


def test_other_tables_of_the_report() -> None:
    _, body = divided(card(judged(), name="mine"))
    found = tables(body)
    assert found["ndcg\\@20 above each baseline, seen candidates excluded"][1:] == [
        ["ease", "0.1000", "0.0500 to 0.1500", "0.004"]
    ]
    assert found["recall\\@20 by training pairs, seen candidates excluded"] == [
        ["", "test pairs", "model", "ease"],
        ["new candidates", "1,234", "0.2500", "0.2500"],
    ]
    assert found["The lists of 20 that 9 queries are shown"][1:] == [
        ["coverage\\@20", "0.4321", "0.1000"],
        ["gini\\@20", "0.5000", "–"],
    ]


def test_what_is_said_of_the_data() -> None:
    _, body = divided(card(judged(), name="mine"))
    facts = dict(tables(body)["The data"][1:])
    assert facts == {
        "source": "movielens-100k",
        "held back": "the latest 0.1 of the interactions; beside it 0.05 to choose settings by",
        "test interactions": "20,000",
        "density of training": "0.06250",
        "training interactions": "930",
        "queries": f"{QUERIES}",
        "candidates": f"{CANDIDATES}",
        "fingerprint": str(by_id().provenance["data_fingerprint"]),
    }
    assert "- A note." in body
    assert "20,000 test pairs of 1,943 queries were ranked among all 1,682 candidates" in body


def test_limits() -> None:
    _, body = divided(card(judged(), name="mine"))
    assert "of the 40 queries in the bundle these are 1." in body
    new = int((by_id().candidate_count == 0).sum())
    assert new > 0 and f"- {new} candidates ({new / CANDIDATES:.1%}) have no training" in body
    assert "- coverage\\@20 is 0.4321" in body
    assert "- Warning: 17 test pairs are not what they seem." in body


def test_metadata() -> None:
    metadata, _ = divided(card(judged(), name="mine", license="apache-2.0"))
    assert metadata["license"] == "apache-2.0"
    assert metadata["library_name"] == "turret"
    assert metadata["datasets"] == ["movielens-100k"]
    assert metadata["metrics"] == ["recall@20", "ndcg@20", "mrr@20"]
    [model] = metadata["model-index"]
    [result] = model["results"]
    assert model["name"] == "mine"
    shown = report().model
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [
        (name, pytest.approx(view[name]))
        for view in (shown.seen_excluded, shown.seen_included)
        for name in metadata["metrics"]
    ]


def test_without_a_report_it_says_so() -> None:
    metadata, body = divided(card(by_country(), name="bare"))
    assert "The bundle holds no report: this model was not judged" in body
    assert sorted(metadata) == ["library_name", "license", "tags"]
    assert metadata["license"] == "unknown"
    assert "does not record a licence" in body


def test_nothing_in_a_bundle_breaks_the_page() -> None:
    files = Data(query_id="user", candidate_id="film", files=HOSTILE, positive=HOSTILE)
    hostile = judged(
        recipe=Recipe(data=files, model=by_id().config),
        report={
            **report(HOSTILE).to_dict(),
            "warnings": [HOSTILE],
            "data": {HOSTILE: HOSTILE, "notes": [HOSTILE]},
        },
        query_id=HOSTILE,
        candidate_id=HOSTILE,
        queries=by_id().queries.rename({"user": HOSTILE}),
        provenance={"created": HOSTILE, "data_fingerprint": HOSTILE, "versions": {}},
    )
    metadata, body = divided(card(hostile, name=HOSTILE, license=HOSTILE))
    assert metadata["license"] == metadata["model-index"][0]["name"] == HOSTILE
    plain = card(judged(), name="mine", license="mit").split("---\n", 2)[2]
    for kind in ("heading_open", "table_open", "fence", "hr", "bullet_list_open"):
        count = sum(token.type == kind for token in tokens(plain))
        assert sum(token.type == kind for token in tokens(body)) == count
    never = {"html_inline", "html_block", "link_open", "image"}
    assert not never & {token.type for token in tokens(body)}
    assert not any("http://e.x" in token.content for token in tokens(body) if token.type == "code")
    [python, _] = [token.content for token in tokens(body) if token.type == "fence"]
    compile(python, "card", "exec")
    assert json.dumps(HOSTILE) in python


@pytest.mark.parametrize("value", ["plain", HOSTILE, "1. no list", "𝄞 ünïcode \x00\x7f\x85"])
def test_text_is_shown_as_it_is(value: str) -> None:
    shown = "".join(t.content for t in tokens(f"x {text(value, longest=None)}") if t.type == "text")
    printable = "".join(char if char.isprintable() else " " for char in value)
    assert shown.split() == f"x {printable}".split()


def test_long_texts_are_cut() -> None:
    assert text("a" * 500) == "a" * 200 + "…"


@pytest.mark.parametrize(
    "value", [HOSTILE, "\x00\x1f\x7f\x85\u2028😀", "no", "1e3", "- a", "", " "]
)
def test_metadata_are_read_back(value: str) -> None:
    fields = {"a": value, "b": [value, 1, 0.25, True, 1e-5], value or "c": {"d": value}}
    drawn = front_matter(fields)
    assert yaml.safe_load(drawn.removeprefix("---\n").removesuffix("---")) == fields


def test_code_ends_where_it_should() -> None:
    drawn = code("a\n````\nb", "python")
    [fence] = [token for token in tokens(drawn) if token.type == "fence"]
    assert fence.content == "a\n````\nb\n"


def test_a_table() -> None:
    assert table(["", "n"], [["a", "1"]]) == "| | n |\n| --- | ---: |\n| a | 1 |"
