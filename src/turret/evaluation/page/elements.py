"""The elements that sections are made of, as HTML."""

import math
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["COLOURS", "card", "grid", "legend", "number", "table"]

COLOURS = 8
"""So many colours the style sheet has; the model's is 0."""


def card(content: str, caption: str = "") -> str:
    """A frame around something."""
    head = f"<h3>{escape(caption)}</h3>" if caption else ""
    return f'<figure class="card">{head}<div class="scroll">{content}</div></figure>'


def grid(cards: Iterable[str]) -> str:
    """Cards side by side, where there is room."""
    return f'<div class="grid2">{"".join(cards)}</div>'


def legend(names: Iterable[str]) -> str:
    """The colours of the lines."""
    items = (
        f'<li><i class="c{n % COLOURS}"></i>{escape(name)}</li>' for n, name in enumerate(names)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table of cells that are HTML already; heads and first cells are text."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>" for name, cells in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def number(value: float) -> str:
    """A figure with four digits behind the point, fewer where it is large; a dash for NaN."""
    if math.isnan(value):
        return "–"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
