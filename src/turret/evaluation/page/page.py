"""The page as a whole."""

from collections.abc import Callable
from html import escape
from importlib import resources

from turret.evaluation.page import sections
from turret.evaluation.report import Report

__all__ = ["page"]

_TITLES = {"seen_excluded": "Seen candidates excluded", "seen_included": "Seen candidates included"}

_NOTES = {
    "The figures": "At one list length; the best of each row stands out.",
    "By the length of the list": "The band is the model's 95% interval.",
    "By popularity": "Of test pairs, by how many training pairs their candidate has.",
    "By column": "Of test pairs, by what their candidate or query has in a column.",
    "What is shown": "Of the lists that queries are shown, whatever is true. Coverage is the share "
    "of all candidates in them; Gini says how unevenly these share the places.",
    "Among a few": "Each test candidate among sampled ones, as some papers have it. It orders "
    "models in another way than the whole ranking does.",
    "Scores": "How far the model tells test pairs from pairs of chance.",
    "Neighbourhoods": "The candidates that most queries met, and those whose vectors point most "
    "nearly the same way.",
}


def page(report: Report, *, title: str, recipe: str | None = None) -> str:
    """Draws a report as one HTML page that loads nothing: its style is in it, its charts are SVG.

    Args:
        report: what is shown; parts that it lacks are left out.
        title: what the page is called.
        recipe: the recipe as TOML.

    Returns:
        The page.

    Example:
        >>> from turret.evaluation.parts import Figures
        >>> both = Figures(seen_included={"ndcg@20": 0.25}, seen_excluded={"ndcg@20": 0.5})
        >>> report = Report(model=both, queries=9, pairs=20, candidates=5, seconds=0.1)
        >>> page(report, title="Mine").startswith("<!doctype html>")
        True
    """
    style = resources.files("turret.evaluation.page").joinpath("style.css").read_text("utf-8")
    views = [view for view in sections.VIEWS if getattr(report.model, view)]
    body = "".join([_head(report, title), _switch(views), *_sections(report, views, recipe)])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # An icon of nothing, so that a browser asks for none.
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(report: Report, title: str) -> str:
    told = (
        f"{report.pairs:,} test pairs of {report.queries:,} queries, "
        f"ranked among {report.candidates:,} candidates"
    )
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in report.warnings)
    listed = f'<ul class="warnings">{warnings}</ul>' if warnings else ""
    return f'<h1>{escape(title)}</h1><p class="soft">{told}</p>{listed}'


def _switch(views: list[str]) -> str:
    """Two buttons that choose the view: the style sheet hides the other."""
    if len(views) < 2:
        return ""
    buttons = "".join(
        f'<input type="radio" name="view" id="view-{view.removeprefix("seen_")}"'
        f"{' checked' if view == views[0] else ''}>"
        f'<label for="view-{view.removeprefix("seen_")}">{_TITLES[view]}</label>'
        for view in views
    )
    return f'<div class="views" role="radiogroup" aria-label="view">{buttons}</div>'


def _sections(report: Report, views: list[str], recipe: str | None) -> list[str]:
    def both(draw: Callable[[Report, str], str]) -> str:
        drawn = ((view, draw(report, view)) for view in views)
        return "".join(f'<div class="{view}">{content}</div>' for view, content in drawn if content)

    shown = f"<details class=card><summary>Every key</summary><pre>{escape(recipe or '')}</pre>"
    contents = {
        "The figures": both(sections.figures_table),
        "By the length of the list": both(sections.by_k),
        "By popularity": both(sections.by_popularity),
        "By column": both(sections.by_column),
        "What is shown": both(sections.shown_lists),
        "Among a few": sections.sampled(report),
        "Scores": sections.scores(report),
        "Learning": sections.learning(report),
        "Neighbourhoods": sections.neighbours(report),
        "The data": sections.data(report),
        "The recipe": f"{shown}</details>" if recipe else "",
    }
    return [both(sections.tiles), *(_section(*one) for one in contents.items())]


def _section(title: str, content: str) -> str:
    if not content:
        return ""
    told = f'<p class="note">{_NOTES[title]}</p>' if title in _NOTES else ""
    return f"<section><h2>{title}</h2>{told}{content}</section>"
