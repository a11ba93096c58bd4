"""Draws figures as tables, for a terminal or for a file."""

import io
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from turret.evaluation.metrics.figures import TOP_K_ACCURACY, parse_label
from turret.evaluation.metrics.rank_table import headline

__all__ = ["Breakdown", "Column", "draw", "rows_of"]

_WIDE = 10_000
"""Characters that no line has."""

_TITLES = {"seen_included": "Seen candidates included", "seen_excluded": "Seen candidates excluded"}


@dataclass(frozen=True)
class Column:
    """One system in a table.

    Attributes:
        name: the heading.
        views: figures by view and name.
        intervals: the interval of each figure, likewise; None: no column for it.
        rival: whether it takes part in being the best of a row.
    """

    name: str
    views: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] | None = None
    rival: bool = False


@dataclass(frozen=True)
class Breakdown:
    """A further table of figures.

    Attributes:
        title: what figures.
        systems: the headings of its columns.
        rows: what a row stands for, how many test pairs that are (None: not of pairs), and the
            figure of each system.
        best: whether the highest of a row is the best.
    """

    title: str
    systems: Sequence[str]
    rows: Sequence[tuple[str, int | None, Sequence[float]]]
    best: bool = True


def draw(
    columns: Sequence[Column],
    *,
    breakdowns: Iterable[Breakdown] = (),
    notes: Iterable[str] = (),
    warnings: Iterable[str] = (),
    plain: bool | None = None,
) -> str:
    """Draws one table a view, then the breakdowns, notes and warnings.

    Args:
        columns: the systems, the first of which decides the rows.
        breakdowns: further tables.
        notes: lines below the tables.
        warnings: sentences below the notes.
        plain: without lines and colours; None: when standard output is not a terminal.

    Returns:
        Text of several lines. In each row the best of the rivals stands out where colours are. A
        table that is wider than the terminal goes on in another one below.
    """
    plain = not sys.stdout.isatty() if plain is None else plain
    console = Console(
        file=io.StringIO(),
        width=None if not plain else _WIDE,
        force_terminal=not plain,
        no_color=True if plain else None,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for view in _TITLES:
        shown = [column for column in columns if view in column.views]
        if columns[0].views.get(view):
            make = partial(_table, shown, view=view, plain=plain)
            _print_fitting(console, make, number=len(shown))
    for one in breakdowns:
        _print_fitting(console, partial(_breakdown, one, plain=plain), number=len(one.systems))
    for note in notes:
        console.print(Text(note, style="dim"))
    for warning in warnings:
        console.print(Text.assemble(("Warning: ", "bold yellow"), warning))
    out = console.file
    assert isinstance(out, io.StringIO)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def _print_fitting(console: Console, make: Callable[[slice], Table], *, number: int) -> None:
    """Prints a table of so many systems, or several of some each, as many as there is room for."""
    unbound = console.options.update(width=_WIDE)
    start = 0
    while start < number:
        stop = number
        while stop > start + 1:
            if console.measure(make(slice(start, stop)), options=unbound).maximum <= console.width:
                break
            stop -= 1
        console.print(make(slice(start, stop)))
        console.print()
        start = stop


def _table(columns: Sequence[Column], part: slice, *, view: str, plain: bool) -> Table:
    """The figures of some of the columns; what is best is so among all of them."""
    table = _empty(_title(_TITLES[view], part), plain=plain)
    shown = columns[part]
    for column in shown:
        table.add_column(column.name, justify="right", no_wrap=True)
        if column.intervals is not None:
            table.add_column("95% interval", justify="center", no_wrap=True)
    names = rows_of(columns[0].views[view])
    for row, name in enumerate(names):
        rivals = [c.views[view].get(name, math.nan) for c in columns if c.rival]
        rivals = [value for value in rivals if not math.isnan(value)]
        values = [column.views[view].get(name, math.nan) for column in shown]
        cells = [Text(name)]
        for value, column in zip(values, shown, strict=True):
            cells.append(_cell(value, rivals if column.rival else []))
            if column.intervals is not None:
                cells.append(Text(_interval(column.intervals[view].get(name)), style="dim"))
        last_accuracy = name.startswith(TOP_K_ACCURACY) and row + 1 < len(names)
        changes = last_accuracy and not names[row + 1].startswith(TOP_K_ACCURACY)
        table.add_row(*cells, end_section=changes and not plain)
    return table


def _title(title: str, part: slice) -> str:
    return f"{title}, continued" if part.start else title


def _breakdown(breakdown: Breakdown, part: slice, *, plain: bool) -> Table:
    table = _empty(_title(breakdown.title, part), plain=plain)
    counted = any(pairs is not None for _, pairs, _ in breakdown.rows)
    for name in (*(["test pairs"] if counted else []), *breakdown.systems[part]):
        table.add_column(name, justify="right", no_wrap=True)
    for name, pairs, values in breakdown.rows:
        rivals = [v for v in values if not math.isnan(v)] if breakdown.best else []
        count = [] if pairs is None else [f"{pairs:,}"]
        table.add_row(name, *count, *(_cell(value, rivals) for value in values[part]))
    return table


def _empty(title: str, *, plain: bool) -> Table:
    """A table that has the column of its rows' names."""
    table = Table(
        title=None if plain else title,
        title_justify="left",
        title_style="bold",
        box=None if plain else box.ROUNDED,
        pad_edge=not plain,
    )
    table.add_column(title if plain else "", no_wrap=True)
    return table


def _cell(value: float, rivals: Sequence[float]) -> Text:
    best = len(rivals) > 1 and value == max(rivals)
    return Text(_number(value), style="bold green" if best else "")


def rows_of(figures: Iterable[str]) -> list[str]:
    """The figures worth a row: the accuracies at every k, the others at the k nearest to 20.

    Args:
        figures: names.

    Returns:
        Some of them, in their order.
    """
    parsed = {name: parse_label(name) for name in figures}
    shown = headline({k for _, k in parsed.values() if k is not None})
    return [n for n, (kind, k) in parsed.items() if kind == TOP_K_ACCURACY or k in (shown, None)]


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _interval(ends: tuple[float, float] | None) -> str:
    if ends is None or math.isnan(ends[0]):
        return "-"
    return f"{ends[0]:.4f} .. {ends[1]:.4f}"
