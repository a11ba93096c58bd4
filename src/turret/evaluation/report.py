"""The report of an evaluation: a value, as JSON and as a table."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from turret.errors import EvaluationError
from turret.evaluation.metrics.figures import parse_label
from turret.evaluation.parts import (
    BaselineFigures,
    Differences,
    EpochFigures,
    Figures,
    Intervals,
    ListFigures,
    Neighbourhood,
    SampledFigures,
    ScoreFigures,
    SliceFigures,
    TrainFigures,
)
from turret.evaluation.plain import nan_for_none, none_for_nan
from turret.evaluation.table import Breakdown, Column, draw

__all__ = ["Report", "band", "compare", "divided", "epochs_in"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How good a model is, beside its baselines.

    Args:
        model: its figures on the test pairs.
        intervals: their 95% intervals; None when not computed.
        baselines: the figures of each baseline by its name.
        differences: by how much the model's figures are above those of each baseline, with 95%
            intervals and p-values, by the baseline's name; none when not computed.
        slices: figures by how often training met the candidate, and the query, then by the values
            of columns; none when not computed.
        deciles: the recall by the popularity of the candidate: ten groups of as many candidates,
            the least popular first; none when not computed.
        lists: the figures of the lists that are shown; None when not computed.
        sampled: the figures of test candidates among a few sampled ones; None when not computed.
        train: the model's figures on training pairs; None when not computed.
        loss: `"test"`, the mean over the test pairs, and `"last_batch"`, the sum over the last
            batch; None when not computed.
        queries: how many queries the test has.
        pairs: how many test pairs.
        candidates: how many candidates are ranked.
        warnings: sentences on what to be careful about.
        epochs: how the training went; none when not known.
        scores: how the model scores test pairs; None when not computed.
        neighbours: the neighbourhoods of the most popular candidates; none when not computed.
        data: a summary of the data; None when not known.
        seconds: how long the model's own figures on the test pairs took, from raw columns on.

    Example:
        >>> both = Figures(seen_included={"ndcg@20": 0.25}, seen_excluded={"ndcg@20": 0.5})
        >>> report = Report(model=both, queries=9, pairs=20, candidates=5, seconds=0.1)
        >>> report.to_dict()["model"]
        {'seen_included': {'ndcg@20': 0.25}, 'seen_excluded': {'ndcg@20': 0.5}}
        >>> Report.from_json(report.to_json()) == report
        True
    """

    model: Figures
    intervals: Intervals | None = None
    baselines: dict[str, BaselineFigures] = {}
    differences: dict[str, Differences] = {}
    slices: tuple[SliceFigures, ...] = ()
    deciles: tuple[SliceFigures, ...] = ()
    lists: ListFigures | None = None
    sampled: SampledFigures | None = None
    train: TrainFigures | None = None
    loss: dict[str, float] | None = None
    queries: int
    pairs: int
    candidates: int
    warnings: tuple[str, ...] = ()
    epochs: tuple[EpochFigures, ...] = ()
    scores: ScoreFigures | None = None
    neighbours: tuple[Neighbourhood, ...] = ()
    data: dict[str, object] | None = None
    seconds: float

    def to_dict(self) -> dict[str, object]:
        """Turns the report into plain values; a figure that is NaN becomes None."""
        return cast("dict[str, object]", none_for_nan(msgspec.to_builtins(self)))

    def to_json(self) -> str:
        """Writes the report as one JSON value; a figure that is NaN becomes null."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Report":
        """Reads what `to_json` wrote.

        Args:
            text: the JSON.

        Returns:
            The report.

        Raises:
            EvaluationError: if it is not the JSON of a report.
        """
        try:
            return msgspec.convert(_restored(json.loads(text)), cls)
        except (ValueError, msgspec.ValidationError) as error:
            raise EvaluationError("this is not the JSON of a report", got=str(error)) from error

    def to_table(self, *, plain: bool | None = None) -> str:
        """Draws the report.

        Shown are the top-k accuracy at every `k` and the other metrics at one, 20 if it is there,
        the recall of each slice, and the figures of lists; all figures are in `to_dict`.

        Args:
            plain: without lines and colours; None: when standard output is not a terminal.

        Returns:
            Text of several lines, to be printed. The warnings are below the tables.
        """
        columns = [
            Column("model", _views(self.model), intervals=_intervals(self.intervals), rival=True)
        ]
        if self.train is not None:
            columns.append(Column("on train", {"seen_included": self.train.seen_included}))
        columns += _baseline_columns(self.baselines)
        notes = [_counts(self), *_timing(self)]
        return draw(
            columns,
            breakdowns=[*_breakdowns(self.slices), *_lists(self.lists), *_sampled(self.sampled)],
            notes=notes,
            warnings=self.warnings,
            plain=plain,
        )


def epochs_in(report: Mapping[str, object]) -> tuple[EpochFigures, ...]:
    """Reads how a training went from what `Report.to_dict` gave.

    Args:
        report: its plain values; other parts may be of another version.

    Returns:
        The epochs; none where it has none.
    """
    told = _restored({"epochs": report.get("epochs") or []})
    return msgspec.convert(cast("dict[str, object]", told)["epochs"], tuple[EpochFigures, ...])


def compare(reports: Mapping[str, Report], *, plain: bool | None = None) -> str:
    """Draws several models and the baselines side by side.

    Args:
        reports: a report on the same test pairs by the name of each model.
        plain: without lines and colours; None: when standard output is not a terminal.

    Returns:
        Text of several lines, to be printed.

    Raises:
        EvaluationError: if there is no report, or they are not on tests of the same size.
    """
    sizes = {(each.queries, each.pairs, each.candidates) for each in reports.values()}
    if len(sizes) != 1:
        raise EvaluationError(
            "the reports are not on the same test",
            got=sorted(sizes),
            expected="the same numbers of queries, pairs and candidates",
        )
    columns = [Column(name, _views(each.model), rival=True) for name, each in reports.items()]
    baselines = {name: b for each in reports.values() for name, b in each.baselines.items()}
    notes = [_counts(next(iter(reports.values())))]
    warnings = [f"{name}: {warning}" for name, each in reports.items() for warning in each.warnings]
    return draw(columns + _baseline_columns(baselines), notes=notes, warnings=warnings, plain=plain)


def _views(figures: Figures) -> dict[str, Mapping[str, float]]:
    return {"seen_included": figures.seen_included, "seen_excluded": figures.seen_excluded}


def _intervals(
    intervals: Intervals | None,
) -> dict[str, Mapping[str, tuple[float, float]]] | None:
    if intervals is None:
        return None
    return {"seen_included": intervals.seen_included, "seen_excluded": intervals.seen_excluded}


def _baseline_columns(baselines: Mapping[str, BaselineFigures]) -> list[Column]:
    return [Column(name, _views(figures), rival=True) for name, figures in baselines.items()]


def _breakdowns(slices: Sequence[SliceFigures]) -> list[Breakdown]:
    """The recall of each slice, seen candidates excluded where something is seen."""
    if not slices:
        return []
    view = "seen_excluded" if slices[0].model.seen_excluded else "seen_included"
    names = getattr(slices[0].model, view)
    recall = next((name for name in names if parse_label(name)[0] == "recall"), next(iter(names)))
    found: list[Breakdown] = []
    for by, group in divided(slices).items():
        rows: list[tuple[str, int | None, list[float]]] = []
        for one in group:
            systems = (one.model, *one.baselines.values())
            rows.append((band(one), one.pairs, [getattr(each, view)[recall] for each in systems]))
        title = f"{recall}, {view.replace('_', ' ')}, by {by}"
        found.append(Breakdown(title, ("model", *slices[0].baselines), rows))
    return found


def _lists(lists: ListFigures | None) -> list[Breakdown]:
    """The figures of lists, seen candidates excluded."""
    if lists is None:
        return []
    systems = (lists.model, *lists.baselines.values())
    rows = [
        (name, None, [each.seen_excluded[name] for each in systems])
        for name in lists.model.seen_excluded
    ]
    title = f"Lists of {lists.k}, seen excluded"
    return [Breakdown(title, ("model", *lists.baselines), rows, best=False)]


def _sampled(sampled: SampledFigures | None) -> list[Breakdown]:
    if sampled is None:
        return []
    systems = (sampled.model, *sampled.baselines.values())
    rows = [(name, sampled.pairs, [each[name] for each in systems]) for name in sampled.model]
    return [Breakdown(sampled.title, ("model", *sampled.baselines), rows)]


def divided(slices: Sequence[SliceFigures]) -> dict[str, list[SliceFigures]]:
    """Slices by what they are of: "training pairs", or a column such as "candidates.genre"."""
    found: dict[str, list[SliceFigures]] = {}
    for one in slices:
        by = "training pairs" if one.column is None else f"{one.of}.{one.column}"
        found.setdefault(by, []).append(one)
    return found


def band(one: SliceFigures) -> str:
    """What a slice is called.

    Example:
        >>> none = Figures(seen_included={}, seen_excluded={})
        >>> band(SliceFigures(of="queries", least=5, most=19, queries=1, pairs=1, model=none))
        'queries of 5 to 19'
    """
    if one.value is not None:
        return one.value
    if one.most == 0:
        return f"new {one.of}"
    return f"{one.of} of {one.least}" + (" and more" if one.most is None else f" to {one.most}")


def _counts(report: Report) -> str:
    return (
        f"{report.pairs:,} test pairs of {report.queries:,} queries, "
        f"ranked among {report.candidates:,} candidates"
    )


def _timing(report: Report) -> list[str]:
    parts = [f"model evaluated in {_seconds(report.seconds)}"]
    parts += [f"{name} fitted in {_seconds(b.seconds)}" for name, b in report.baselines.items()]
    lines = [", ".join(parts)]
    if report.loss is not None:
        lines.append(f"test loss {report.loss['test']:,.4f} a pair")
    return lines


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _restored(value: object) -> object:
    """Puts NaN where a figure is null; the parts of a report that may be None stay so."""
    if not isinstance(value, dict):
        return value
    fixed = dict(cast("dict[str, object]", value))
    for name in ("model", "intervals", "train", "loss", "baselines", "differences"):
        if name in fixed:
            fixed[name] = nan_for_none(fixed[name])
    for name in ("slices", "deciles"):
        if isinstance(fixed.get(name), list):
            # Of a slice `most` may be none.
            fixed[name] = [_restored(one) for one in cast("list[object]", fixed[name])]
    for name in ("lists", "sampled"):
        if name in fixed:
            fixed[name] = _restored(fixed[name])
    if isinstance(fixed.get("epochs"), list):
        fixed["epochs"] = [_epoch(one) for one in cast("list[object]", fixed["epochs"])]
    return fixed


def _epoch(value: object) -> object:
    """Puts NaN where a metric of an epoch is null; an epoch that was not measured stays so."""
    if not isinstance(value, dict):
        return value
    fixed = dict(cast("dict[str, object]", value))
    if fixed.get("validation") is not None:
        fixed["validation"] = nan_for_none(fixed["validation"])
    return fixed
