"""Charts as inline SVG, coloured by the style sheet of the page."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Line", "Number", "Scale", "bars", "lines", "steps", "ticks"]

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 34

Number = int | float
Scale = Callable[[Number], float]


@dataclass(frozen=True)
class Line:
    """One series of a chart.

    Attributes:
        name: what it shows.
        values: one for each place of the x axis; NaN leaves a gap.
        band: the ends of the interval of each value, drawn behind the line.
        colour: its number in the style sheet; the model's is 0.
    """

    name: str
    values: Sequence[Number]
    band: Sequence[tuple[float, float]] | None = None
    colour: int = 0


def ticks(low: Number, high: Number, *, number: int = 4) -> list[float]:
    """Round numbers that divide a range.

    Args:
        low: its lower end.
        high: its upper end, above it.
        number: about how many steps are wanted.

    Returns:
        Multiples of 1, 2 or 5 times a power of ten, from the last at or below `low` to the first
        at or above `high`.

    Example:
        >>> ticks(0, 0.37)
        [0.0, 0.1, 0.2, 0.3, 0.4]
    """
    raw = (high - low) / number
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{place * step:.10g}") for place in range(first, last + 1)]


def lines(
    series: Sequence[Line],
    *,
    places: Sequence[Number],
    labels: Sequence[str],
    title: str,
    x_title: str = "",
    logarithmic: bool = False,
    from_zero: bool = True,
) -> str:
    """Draws lines over a common x axis.

    Args:
        series: the lines; the first is drawn last, over the others.
        places: where on the x axis each value stands.
        labels: what to write there; an empty text writes nothing.
        title: what the chart shows, for those who cannot see it too.
        x_title: what the x axis counts.
        logarithmic: the x axis is.
        from_zero: the y axis begins at 0.

    Returns:
        An `svg` element; each point tells its value when pointed at.
    """
    known = [v for one in series for v in one.values if math.isfinite(v)]
    known += [v for one in series for ends in one.band or () for v in ends if math.isfinite(v)]
    if not known:
        return _empty(title)
    marks = ticks(0.0 if from_zero else min(known), _above(known, from_zero=from_zero))
    y = _scale(marks[0], marks[-1], HEIGHT - BOTTOM, TOP)
    at = [math.log(place) if logarithmic else place for place in places]
    x = _scale(min(at), max(at), LEFT + 8, WIDTH - RIGHT - 8)
    xs = [x(place) for place in at]
    drawn = [_band(one, xs, y) for one in series if one.band is not None]
    drawn += [_line(one, xs, y, labels) for one in reversed(series)]
    return _svg(title, [*_axes(marks, y), *_x_labels(xs, labels, x_title), *drawn])


def steps(series: Sequence[Line], *, edges: Sequence[Number], title: str, x_title: str = "") -> str:
    """Draws histograms over the same bins.

    Args:
        series: the share in each bin.
        edges: the bounds of the bins.
        title: what the chart shows.
        x_title: what the x axis counts.

    Returns:
        An `svg` element.
    """
    marks = ticks(0.0, _above([v for one in series for v in one.values], from_zero=True))
    y = _scale(marks[0], marks[-1], HEIGHT - BOTTOM, TOP)
    x = _scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    drawn: list[str] = []
    for one in series:
        points = [f"{x(edges[0]):.1f},{y(0):.1f}"]
        for low, high, value in zip(edges, edges[1:], one.values, strict=False):
            points += [f"{x(low):.1f},{y(value):.1f}", f"{x(high):.1f},{y(value):.1f}"]
        points.append(f"{x(edges[-1]):.1f},{y(0):.1f}")
        drawn.append(
            f'<polygon class="area c{one.colour}" points="{" ".join(points)}">'
            f"<title>{escape(one.name)}</title></polygon>"
        )
    wanted = [m for m in ticks(edges[0], edges[-1], number=6) if edges[0] <= m <= edges[-1]]
    bottom = _x_labels([x(m) for m in wanted], [f"{m:g}" for m in wanted], x_title)
    return _svg(title, [*_axes(marks, y), *bottom, *drawn])


def bars(value: Number, *, of: Number, colour: int = 0) -> str:
    """Draws a bar behind the number of a table's cell.

    Args:
        value: its length, at least 0.
        of: the length of the longest.
        colour: its number in the style sheet.

    Returns:
        A `span` element.
    """
    share = 0.0 if not of > 0 or math.isnan(value) else min(value / of, 1.0)
    return f'<span class="bar b{colour}" style="width:{share * 100:.1f}%"></span>'


def _above(known: Sequence[Number], *, from_zero: bool) -> Number:
    low, high = (0.0 if from_zero else min(known)), max(known)
    return high if high > low else low + max(abs(low), 1.0) * 0.1


def _scale(low: Number, high: Number, begin: Number, end: Number) -> Scale:
    span = high - low
    return lambda value: begin if span == 0 else begin + (value - low) / span * (end - begin)


def _axes(marks: Sequence[Number], y: Scale) -> list[str]:
    return [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(m):.1f}" y2="{y(m):.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y(m) + 3.5:.1f}" text-anchor="end">{m:g}</text>'
        for m in marks
    ]


def _x_labels(xs: Sequence[Number], labels: Sequence[str], x_title: str) -> list[str]:
    drawn = [
        f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">'
        f"{escape(label)}</text>"
        for x, label in zip(xs, labels, strict=True)
        if label
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawn.append(
        f'<text class="tick title" x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle">'
        f"{escape(x_title)}</text>"
    )
    return drawn


def _line(one: Line, xs: Sequence[Number], y: Scale, labels: Sequence[str]) -> str:
    path, pen = [], "M"
    dots: list[str] = []
    for x, value, label in zip(xs, one.values, labels, strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        path.append(f"{pen}{x:.1f} {y(value):.1f}")
        pen = "L"
        told = escape(f"{one.name}{', ' + label if label else ''}: {value:.4g}")
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y(value):.1f}" r="3"><title>{told}</title></circle>'
        )
    if len(dots) > 60:
        dots = []
    return f'<g class="line c{one.colour}"><path d="{"".join(path)}"/>{"".join(dots)}</g>'


def _band(one: Line, xs: Sequence[Number], y: Scale) -> str:
    assert one.band is not None
    ends = [(x, *pair) for x, pair in zip(xs, one.band, strict=True) if math.isfinite(sum(pair))]
    there = [f"{x:.1f},{y(low):.1f}" for x, low, _ in ends]
    back = [f"{x:.1f},{y(high):.1f}" for x, _, high in reversed(ends)]
    return f'<polygon class="band c{one.colour}" points="{" ".join(there + back)}"/>'


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _empty(title: str) -> str:
    return _svg(title, [f'<text class="tick" x="{LEFT}" y="40">nothing to show</text>'])
