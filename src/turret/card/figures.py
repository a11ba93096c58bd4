"""The figures of a card, and its metadata."""

import math
from collections.abc import Mapping, Sequence

from turret.bundle.bundle import Bundle
from turret.card.markdown import table, text
from turret.evaluation.metrics.figures import parse_label
from turret.evaluation.metrics.rank_table import headline
from turret.evaluation.parts import Figures
from turret.evaluation.report import Report, band, divided
from turret.evaluation.table import rows_of

__all__ = ["figures", "metadata"]

_VIEWS = {"seen_excluded": "Seen candidates excluded", "seen_included": "Seen candidates included"}
_METADATA = ("hit_rate", "recall", "precision", "ndcg", "mrr", "map")


def metadata(
    bundle: Bundle, report: Report | None, *, name: str, license: str
) -> dict[str, object]:
    """The metadata of a model repository.

    Args:
        bundle: the bundle.
        report: how it was judged, if it was.
        name: what the model is called.
        license: under which licence it may be used.

    Returns:
        The fields of the front matter; figures are those of one list length, as in the report.
    """
    fields: dict[str, object] = {
        "license": license,
        "library_name": "turret",
        "tags": ["recommendation", "retrieval", "two-tower"],
    }
    source = None if bundle.recipe is None else bundle.recipe.data.source
    if source is not None:
        fields["datasets"] = [source]
    if report is None:
        return fields
    results = [
        {"type": each, "value": value, "name": f"{each}, {title.lower()}"}
        for view, title in _VIEWS.items()
        for each, value in _at_headline(getattr(report.model, view)).items()
        if not math.isnan(value)
    ]
    fields["metrics"] = list(dict.fromkeys(result["type"] for result in results))
    data = {"type": source or "interactions", "name": source or "interactions of one's own"}
    result = {
        "task": {"type": "recommendation", "name": "Retrieval"},
        "dataset": {**data, "split": "test"},
        "metrics": results,
    }
    fields["model-index"] = [{"name": name, "results": [result]}]
    return fields


def figures(report: Report | None) -> list[str]:
    """Paragraphs and tables of how good a model is.

    Args:
        report: how it was judged, if it was.

    Returns:
        Markdown; without a report a sentence that says so.
    """
    if report is None:
        return [
            "The bundle holds no report: this model was not judged on held-back interactions. "
            "`turret evaluate` does it."
        ]
    return [
        _protocol(report),
        *(
            f"### {title}\n\n{_table(report, view)}"
            for view, title in _VIEWS.items()
            if getattr(report.model, view)
        ),
        *_differences(report),
        *_slices(report),
        *_lists(report),
    ]


def _protocol(report: Report) -> str:
    told = [
        f"{report.pairs:,} test pairs of {report.queries:,} queries were ranked among all "
        f"{report.candidates:,} candidates, none of them sampled; equal scores by smallest row.",
        "`top_k_accuracy` is a share of the pairs, every other figure a mean over the queries.",
        "Where seen candidates are excluded, what a query was trained on is neither ranked nor "
        "counted as true.",
    ]
    if report.intervals is not None:
        told.append("Intervals are 95%, by the bootstrap over queries.")
    if report.baselines:
        told.append("The baselines were fitted on the same training part.")
    return " ".join(told)


def _table(report: Report, view: str) -> str:
    systems = {"model": report.model, **report.baselines}
    ends = {} if report.intervals is None else getattr(report.intervals, view)
    heading = ["", "model", *(["95% interval"] if ends else []), *map(text, report.baselines)]
    names = rows_of(getattr(report.model, view))
    rows: list[list[str]] = []
    for name in names:
        values = [_of(each, view).get(name, math.nan) for each in systems.values()]
        cells = _cells(values)
        if ends:
            cells.insert(1, _interval(ends.get(name)))
        rows.append([text(name), *cells])
    return table(heading, rows)


def _differences(report: Report) -> list[str]:
    """By how much the model is above each baseline in one figure."""
    view = "seen_excluded" if report.model.seen_excluded else "seen_included"
    name = f"ndcg@{_headline(_of(report.model, view))}"
    rows: list[list[str]] = []
    for baseline, differences in report.differences.items():
        found = getattr(differences, view).get(name)
        if found is not None:
            ends = _interval((found.low, found.high))
            rows.append([text(baseline), _number(found.difference), ends, _probability(found.p)])
    if not rows:
        return []
    title = f"### {text(name)} above each baseline, {_VIEWS[view].lower()}"
    return [f"{title}\n\n{table(['', 'difference', '95% interval', 'p'], rows)}"]


def _slices(report: Report) -> list[str]:
    if not report.slices:
        return []
    view = "seen_excluded" if report.slices[0].model.seen_excluded else "seen_included"
    names = _of(report.slices[0].model, view)
    recall = next((name for name in names if parse_label(name)[0] == "recall"), None)
    if recall is None:
        return []
    heading = ["", "test pairs", "model", *map(text, report.slices[0].baselines)]
    found: list[str] = []
    for by, group in divided(report.slices).items():
        rows: list[list[str]] = []
        for one in group:
            systems = (one.model, *one.baselines.values())
            values = [_of(each, view).get(recall, math.nan) for each in systems]
            rows.append([text(band(one)), f"{one.pairs:,}", *_cells(values)])
        title = f"### {text(recall)} by {text(by)}, {_VIEWS[view].lower()}"
        found.append(f"{title}\n\n{table(heading, rows)}")
    return found


def _lists(report: Report) -> list[str]:
    """Coverage, diversity and the like."""
    if report.lists is None:
        return []
    shown = report.lists
    systems = (shown.model, *shown.baselines.values())
    rows = [
        [text(name), *(_number(each.seen_excluded.get(name, math.nan)) for each in systems)]
        for name in shown.model.seen_excluded
    ]
    title = f"### The lists of {shown.k} that {shown.queries:,} queries are shown"
    return [f"{title}\n\n{table(['', 'model', *map(text, shown.baselines)], rows)}"]


def _of(one: Figures, view: str) -> Mapping[str, float]:
    return getattr(one, view)


def _headline(names: Mapping[str, float]) -> int:
    return headline({k for _, k in map(parse_label, names) if k is not None})


def _at_headline(names: Mapping[str, float]) -> dict[str, float]:
    k = _headline(names)
    return {f"{kind}@{k}": names[f"{kind}@{k}"] for kind in _METADATA if f"{kind}@{k}" in names}


def _cells(values: Sequence[float]) -> list[str]:
    """The figures of rivals, the best of them bold."""
    known = [value for value in values if not math.isnan(value)]
    best = max(known) if len(known) > 1 else None
    return [f"**{_number(value)}**" if value == best else _number(value) for value in values]


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _interval(ends: tuple[float, float] | None) -> str:
    if ends is None or math.isnan(ends[0]):
        return "–"
    return f"{ends[0]:.4f} to {ends[1]:.4f}"


def _probability(p: float) -> str:
    return "–" if math.isnan(p) else f"{p:.2g}"
