"""The page of a report: what it shows, and that a real browser shows it without asking for more."""

import math
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from browser import opened

from turret.data.splits import random_split
from turret.data.synthetic import synthetic
from turret.evaluation.evaluate import evaluate
from turret.evaluation.insight import neighbourhoods, score_figures
from turret.evaluation.page.page import page
from turret.evaluation.parts import EpochFigures, Figures
from turret.evaluation.report import Report
from turret.model.trained import TrainedModel
from turret.recipe.features.categorical import Categorical
from turret.recipe.towers import Tower, TwoTower
from turret.recipe.training import Train
from turret.train.trainer import fit

RECIPE = '[data]\nsource = "synthetic"  # <script>alert(1)</script>\n'


@pytest.fixture(scope="module")
def report() -> Report:
    world = synthetic(num_queries=120, num_candidates=60, num_interactions=3000)
    parts = random_split(world.dataset, test_fraction=0.2, seed=1)
    towers = TwoTower(
        query=Tower([Categorical("user_id")]),
        candidate=Tower([Categorical("item_id")]),
        embedding_dim=8,
    )
    trained = fit(parts.train, towers, train=Train(epochs=2, batch_size=512)).trained
    assert isinstance(trained, TrainedModel)
    found = evaluate(
        trained, parts, ks=(1, 5, 20), bootstrap=100, baselines=("popularity", "item_knn")
    )
    epochs = tuple(
        EpochFigures(
            epoch=n, loss=8 - math.log(n), validation={"ndcg@20": n / 40, "recall@20": 0.2}
        )
        for n in range(1, 21)
    )
    return msgspec.structs.replace(
        found,
        epochs=epochs,
        scores=score_figures(trained, parts.test, seed=0),
        neighbours=neighbourhoods(trained, parts.train),
        data={"queries": 120, "density": 0.25, "notes": ["one <note>", "another"], "none": None},
        warnings=(*found.warnings, "Beware of <this> & that."),
    )


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return page(report, title="A <test>", recipe=RECIPE)


def test_every_section_is_there(html: str) -> None:
    assert re.findall("<h2>(.*?)</h2>", html) == [
        "The figures",
        "By the length of the list",
        "By popularity",
        "What is shown",
        "Scores",
        "Learning",
        "Neighbourhoods",
        "The data",
        "The recipe",
    ]
    assert "Beware of &lt;this&gt; &amp; that." in html


def test_a_figure_is_that_of_the_report(html: str, report: Report) -> None:
    for view in ("seen_included", "seen_excluded"):
        assert f"<b>{getattr(report.model, view)['ndcg@20']:.4f}</b>" in html


def test_it_names_nothing_outside_itself(html: str) -> None:
    assert "<script" not in html and "@import" not in html and "http" not in html
    assert re.findall(r'(?:src|href)="(?!data:,")', html) == []
    assert "url(" not in html


def test_a_bare_report_is_a_page_too() -> None:
    none = Report(
        model=Figures(seen_included={"ndcg@5": math.nan}, seen_excluded={}),
        queries=0,
        pairs=0,
        candidates=0,
        seconds=0.0,
    )
    html = page(none, title="bare")
    assert re.findall("<h2>(.*?)</h2>", html) == ["The figures"]
    assert 'type="radio"' not in html


def test_a_browser_shows_it_and_asks_for_nothing(html: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    for scheme in ("light", "dark"):
        with opened(color_scheme=scheme, viewport={"width": 1100, "height": 900}) as (
            tab,
            said,
            asked,
        ):
            tab.goto(path.as_uri())
            assert tab.title() == "A <test>"
            assert tab.locator(".tile:visible").count() == 4
            first = tab.locator(".tile:visible b").first.inner_text()
            # The other view takes its place.
            tab.get_by_text("Seen candidates included", exact=True).click()
            assert tab.locator(".tile:visible").count() == 4
            assert tab.locator(".tile:visible b").first.inner_text() != first
            for chart in tab.locator("svg:visible").all():
                box = chart.bounding_box()
                assert box is not None and box["width"] > 300 and box["height"] > 150
            # Nothing sticks out to the side, on a telephone neither.
            for width in (1100, 390):
                tab.set_viewport_size({"width": width, "height": 800})
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert said == []
            assert asked == [path.as_uri()]


def test_the_scores_and_neighbours_are_those_of_the_model(report: Report) -> None:
    assert report.scores is not None
    assert sum(report.scores.true) == pytest.approx(1.0)
    assert sum(report.scores.chance) == pytest.approx(1.0)
    middle = np.convolve(report.scores.edges, [0.5, 0.5], "valid")
    # A model that learnt anything scores what is true higher.
    assert middle @ report.scores.true > middle @ report.scores.chance
    met = [one.met_by for one in report.neighbours]
    assert met == sorted(met, reverse=True) and len(met) == 10
    for one in report.neighbours:
        cosines = [near.cosine for near in one.nearest]
        assert cosines == sorted(cosines, reverse=True) and len(cosines) == 5
        assert one.candidate not in [near.candidate for near in one.nearest]
