"""The sections of the page, each an HTML text; one that has nothing to show is empty."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from turret.evaluation.metrics.figures import TOP_K_ACCURACY, label, parse_label
from turret.evaluation.metrics.rank_table import headline
from turret.evaluation.page.elements import COLOURS, card, grid, legend, number, table
from turret.evaluation.page.svg import Line, bars, lines, steps
from turret.evaluation.parts import Figures, SliceFigures
from turret.evaluation.report import Report, band, divided

__all__ = [
    "VIEWS",
    "by_column",
    "by_k",
    "by_popularity",
    "data",
    "figures_table",
    "learning",
    "neighbours",
    "sampled",
    "scores",
    "shown_lists",
    "tiles",
]

VIEWS = ("seen_excluded", "seen_included")
"""The views, that which is shown first in front."""

_BY_K = (TOP_K_ACCURACY, "recall", "ndcg", "precision")


def tiles(report: Report, view: str) -> str:
    """The most telling figures, with their intervals and the best baseline."""
    figures = _view(report.model, view)
    k = _headline(figures)
    longest = max((each for _, each in map(parse_label, figures) if each), default=k)
    wanted = (
        label("ndcg", k),
        label("recall", k),
        label("hit_rate", k),
        label(TOP_K_ACCURACY, longest),
    )
    drawn = "".join(_tile(report, view, name) for name in wanted if name in figures)
    return f'<div class="tiles">{drawn}</div>'


def _tile(report: Report, view: str, name: str) -> str:
    figures = _view(report.model, view)
    lines_: list[str] = []
    if report.intervals is not None:
        low, high = getattr(report.intervals, view).get(name, (math.nan, math.nan))
        lines_.append(f"95% interval {number(low)} to {number(high)}")
    theirs = {n: _view(each, view).get(name, math.nan) for n, each in report.baselines.items()}
    known = {n: value for n, value in theirs.items() if not math.isnan(value)}
    if known:
        best = max(known, key=lambda n: known[n])
        above = figures[name] - known[best]
        kind = "up" if above > 0 else "down"
        test = report.differences.get(best)
        found = None if test is None else getattr(test, view).get(name)
        p = "" if found is None or math.isnan(found.p) else f", p = {found.p:.2g}"
        lines_.append(
            f'<span class="{kind}">{above:+.4f}</span> against {escape(best)}, the best baseline{p}'
        )
    told = "".join(f"<small>{line}</small>" for line in lines_)
    return (
        f'<div class="tile"><small>{escape(name)}</small><b>{number(figures[name])}</b>{told}</div>'
    )


def figures_table(report: Report, view: str) -> str:
    """Every metric at one list length, of every system."""
    figures = _view(report.model, view)
    k = _headline(figures)
    names = [name for name in figures if parse_label(name)[1] in (k, None)]
    systems = _systems(report)
    rows: list[tuple[str, list[str]]] = []
    for name in names:
        values = [_view(each, view).get(name, math.nan) for each in systems.values()]
        known = [value for value in values if not math.isnan(value)]
        best = max(known) if len(known) > 1 else None
        cells = [
            f'<td class="{"best" if value == best else ""}">{number(value)}</td>'
            for value in values
        ]
        rows.append((name, cells))
    seconds = [f"<td>{report.seconds:.2f}</td>"]
    seconds += [f"<td>{each.seconds:.2f}</td>" for each in report.baselines.values()]
    rows.append(("seconds (evaluation; fit of a baseline)", seconds))
    return card(table(["", *systems], rows))


def by_k(report: Report, view: str) -> str:
    """Metrics over the length of the list."""
    figures = _view(report.model, view)
    ks = sorted({k for _, k in map(parse_label, figures) if k is not None})
    if len(ks) < 2:
        return ""
    charts: list[str] = []
    for metric in _BY_K:
        names = [label(metric, k) for k in ks]
        series: list[Line] = []
        for colour, (system, each) in enumerate(_systems(report).items()):
            values = [_view(each, view).get(name, math.nan) for name in names]
            band = None
            if colour == 0 and report.intervals is not None:
                ends = getattr(report.intervals, view)
                band = [ends.get(name, (math.nan, math.nan)) for name in names]
            series.append(Line(system, values, band, colour % COLOURS))
        chart = lines(
            series,
            places=ks,
            labels=[str(k) for k in ks],
            title=f"{metric} by the length of the list",
            x_title="k, logarithmic",
            logarithmic=True,
        )
        charts.append(card(chart, f"{metric}@k"))
    return legend(_systems(report)) + grid(charts)


def by_popularity(report: Report, view: str) -> str:
    """The recall by the popularity of the candidate, and by how much training knows of a pair."""
    if not report.deciles:
        return ""
    recall = _recall(report.deciles[0], view)
    systems = ["model", *report.deciles[0].baselines]
    numbers = range(1, len(report.deciles) + 1)
    series = [
        Line(
            system,
            [_of(one, system, view).get(recall, math.nan) for one in report.deciles],
            colour=n % COLOURS,
        )
        for n, system in enumerate(systems)
    ]
    x_title = "candidates by popularity: tenths, the least popular first"
    chart = lines(
        series,
        places=numbers,
        labels=list(map(str, numbers)),
        title=f"{recall} by decile of popularity",
        x_title=x_title,
    )
    shares = Line("test pairs", [one.pairs / max(report.pairs, 1) for one in report.deciles])
    edges = [n + 0.5 for n in range(len(report.deciles) + 1)]
    held = steps([shares], edges=edges, title="test pairs by decile", x_title=x_title)
    both = grid([card(chart, recall), card(held, "share of the test pairs")])
    told = "".join(_slices_of(report, view, systems, columns=False))
    return legend(systems) + both + told


def by_column(report: Report, view: str) -> str:
    """The recall by the values of columns."""
    systems = ["model", *report.baselines]
    return grid(cards) if (cards := _slices_of(report, view, systems, columns=True)) else ""


def _slices_of(report: Report, view: str, systems: Sequence[str], *, columns: bool) -> list[str]:
    """A card for each thing that slices are of: a column, or training pairs."""
    cards: list[str] = []
    for by, group in divided(report.slices).items():
        if columns != (group[0].column is not None):
            continue
        recall = _recall(group[0], view)
        rows: list[tuple[str, list[str]]] = []
        for one in group:
            values = [_of(one, system, view).get(recall, math.nan) for system in systems]
            cells = [f"<td>{one.pairs:,}</td>", *(f"<td>{number(value)}</td>" for value in values)]
            rows.append((band(one), cells))
        cards.append(card(table(["", "test pairs", *systems], rows), f"{recall} by {by}"))
    return cards


def shown_lists(report: Report, view: str) -> str:
    """The figures of the lists that queries are shown."""
    if report.lists is None:
        return ""
    systems = {"model": report.lists.model, **report.lists.baselines}
    rows: list[tuple[str, list[str]]] = []
    for name in getattr(report.lists.model, view):
        values = [getattr(each, view).get(name, math.nan) for each in systems.values()]
        most = max((value for value in values if not math.isnan(value)), default=0.0)
        cells = [
            f"<td>{number(value)}{bars(value, of=most, colour=min(n, 1))}</td>"
            for n, value in enumerate(values)
        ]
        rows.append((name, cells))
    return card(f'<div class="even">{table(["", *systems], rows)}</div>')


def sampled(report: Report) -> str:
    """The figures among a few sampled candidates, with what they are not."""
    found = report.sampled
    if found is None:
        return ""
    systems = {"model": found.model, **found.baselines}
    rows = [
        (name, [f"<td>{number(each[name])}</td>" for each in systems.values()])
        for name in found.model
    ]
    return card(table(["", *systems], rows), found.title)


def scores(report: Report) -> str:
    """The distribution of scores."""
    found = report.scores
    if found is None:
        return ""
    series = [
        Line("pairs of chance", found.chance, None, 1),
        Line("test pairs", found.true, None, 0),
    ]
    chart = steps(series, edges=found.edges, title="distribution of scores", x_title="score")
    names = ("test pairs", "the same queries, candidates of chance")
    return legend(names) + grid([card(chart, "share of pairs")])


def learning(report: Report) -> str:
    """The loss and the validation over the epochs."""
    if not report.epochs:
        return ""
    epochs = [one.epoch for one in report.epochs]
    labels = _sparse(epochs)
    loss = lines(
        [Line("loss", [one.loss for one in report.epochs])],
        places=epochs,
        labels=labels,
        title="training loss",
        x_title="epoch",
        from_zero=False,
    )
    charts = [card(loss, "training loss")]
    measured = [one.validation for one in report.epochs if one.validation]
    names = [
        n for n in (measured[0] if measured else {}) if parse_label(n)[0] in ("ndcg", "recall")
    ]
    if names:
        series = [
            Line(
                name, [(one.validation or {}).get(name, math.nan) for one in report.epochs], None, n
            )
            for n, name in enumerate(names)
        ]
        chart = lines(series, places=epochs, labels=labels, title="validation", x_title="epoch")
        charts.append(card(legend(names) + chart, "validation"))
    return grid(charts)


def neighbours(report: Report) -> str:
    """The neighbourhoods of well-known candidates."""
    rows = [
        (
            f"{one.candidate}",
            [
                f"<td>{one.met_by:,}</td>",
                "<td>"
                + ", &ensp;".join(
                    f'{escape(near.candidate)} <span class="soft">{near.cosine:.2f}</span>'
                    for near in one.nearest
                )
                + "</td>",
            ],
        )
        for one in report.neighbours
    ]
    heads = ["candidate", "met by", "nearest by cosine"]
    return card(f'<div class="left">{table(heads, rows)}</div>') if rows else ""


def data(report: Report) -> str:
    """The summary of the data."""
    if not report.data:
        return ""
    items: list[str] = []
    for name, value in report.data.items():
        if value is None or value == []:
            continue
        shown = "\n".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(shown, int) and not isinstance(shown, bool):
            shown = f"{shown:,}"
        elif isinstance(shown, float):
            shown = f"{shown:.5f}"
        items.append(f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(str(shown))}</dd>")
    return card(f"<dl>{''.join(items)}</dl>")


def _systems(report: Report) -> dict[str, Figures]:
    return {"model": report.model, **report.baselines}


def _view(figures: Figures, view: str) -> Mapping[str, float]:
    return getattr(figures, view)


def _headline(figures: Iterable[str]) -> int:
    return headline({k for _, k in map(parse_label, figures) if k is not None})


def _of(one: SliceFigures, system: str, view: str) -> Mapping[str, float]:
    return _view(one.model if system == "model" else one.baselines[system], view)


def _recall(one: SliceFigures, view: str) -> str:
    """The name of the recall among the figures of a slice."""
    names = [name for name in _view(one.model, view) if parse_label(name)[0] == "recall"]
    return names[0] if names else "recall"


def _sparse(epochs: Sequence[int]) -> list[str]:
    """Labels of at most about eight epochs, the last among them."""
    every = max(1, math.ceil(len(epochs) / 8))
    last = len(epochs) - 1
    return [str(e) if (last - place) % every == 0 else "" for place, e in enumerate(epochs)]
