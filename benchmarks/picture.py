"""Draws the curves of the benchmark `training` as an SVG picture.

    python benchmarks/picture.py RESULT.json [RESULT.json ...] > docs/training.svg

A result is what `benchmarks/training.py --json` prints; a later one adds to those before.
"""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 300, 220  # of a panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 36, 34  # around its axes
ACROSS = 3
COLOURS = ("#2563a8", "#9a9a9a")
STYLE = "text{font:10px sans-serif;fill:#333}.t{font-weight:bold;font-size:12px}.g{stroke:#e4e4e4}"


class Panel(NamedTuple):
    """One curve, or two of the same unit, over an axis with logarithmic steps."""

    title: str
    x: str
    unit: str
    lines: Sequence[tuple[str, str]]  # the key of a curve's points, and what the line is called


PANELS = {
    "batch_size": Panel("Pairs in a batch", "batch_size", "pairs/s", [("examples_per_second", "")]),
    "dim": Panel("Dimension", "dim", "pairs/s", [("examples_per_second", "")]),
    "catalogue": Panel(
        "Candidates in the catalogue", "catalogue", "pairs/s", [("examples_per_second", "")]
    ),
    "table_rows": Panel(
        "Rows of each embedding table", "table_rows", "pairs/s", [("examples_per_second", "")]
    ),
    "chunk_size": Panel("Chunk size of the loss", "chunk_size", "MB", [("peak_mb", "")]),
    "score_side": Panel(
        "Q = C of the loss",
        "score_side",
        "MB",
        [("peak_mb", "peak"), ("scores_mb", "one Q x C matrix")],
    ),
}


def draw(curves: dict[str, list[dict[str, float]]]) -> str:
    """The picture of the curves that there are, as the text of an SVG file."""
    there = [name for name in PANELS if curves.get(name)]
    rows = max(1, -(-len(there) // ACROSS))
    width, height = ACROSS * WIDTH, rows * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, name in enumerate(there):
        x, y = place % ACROSS * WIDTH, place // ACROSS * HEIGHT
        parts.append(f'<g transform="translate({x} {y})">')
        parts += draw_panel(PANELS[name], curves[name])
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def draw_panel(panel: Panel, points: list[dict[str, float]]) -> Iterable[str]:
    """One panel: a grid line a value on either axis, and the lines."""
    xs = [point[panel.x] for point in points]
    values = [point[key] for key, _ in panel.lines for point in points if key in point]
    ticks = nice(min(values), max(values))
    across = scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    up = scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    yield text(LEFT, 14, panel.title, "t")
    yield text(LEFT, 27, panel.unit)
    for value in ticks:
        yield f'<path class="g" d="M{LEFT} {up(value):.1f}H{WIDTH - RIGHT}"/>'
        yield text(LEFT - 5, up(value) + 4, short(value), anchor="end")
    for value in xs:
        yield text(across(value), HEIGHT - BOTTOM + 16, short(value), anchor="middle")
    for (key, called), colour in zip(panel.lines, COLOURS, strict=False):
        places = [(across(x), up(point[key])) for x, point in zip(xs, points, strict=True)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
        if called:
            x, y = places[-1]
            yield text(x - 8, y - 6, called, anchor="end")


def scale(low: float, high: float, start: float, end: float):
    """A logarithmic axis; a single value stands in its middle."""
    span = math.log(high / low)

    def place(value: float) -> float:
        share = math.log(value / low) / span if span else 0.5
        return start + share * (end - start)

    return place


def nice(low: float, high: float) -> list[float]:
    """Powers of ten that span the values, or doublings of one where they lie close together."""
    unit = 10.0 ** math.floor(math.log10(low))
    base = 10.0 if high / low > 1000 else 2.0
    start = math.floor(math.log(low / unit, base) + 1e-9)
    stop = math.ceil(math.log(high / unit, base) - 1e-9)
    return [unit * base**power for power in range(start, max(stop, start + 1) + 1)]


def short(value: float) -> str:
    if value < 100_000 and value % 1000:
        return f"{value:.4g}" if value < 1000 else f"{value:.0f}"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{named} {place}>{escape(content)}</text>"


if __name__ == "__main__":
    results = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    together = {k: v for one in results for k, v in one["figures"].get("curves", {}).items()}
    sys.stdout.write(draw(together))
