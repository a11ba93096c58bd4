"""Markdown and its front matter, of texts that may hold anything."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

__all__ = ["code", "front_matter", "table", "text"]

_MARKS = re.compile(r"([\\`*_\[\]{}|#~@$])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Shorter words, such as "no", are not always read as texts.
_PLAIN_KEY = re.compile(r"[a-z][a-z_-]{5,}|name|type|task|tags")
_LINKS = re.compile(r"(?<=[A-Za-z])(://)|(?<=www)(\.)", re.IGNORECASE)
# So much of a text is shown.
_LONGEST = 200


def text(value: object, *, longest: int | None = _LONGEST) -> str:
    r"""A text that Markdown and HTML leave as it is, in one line.

    Args:
        value: what is shown.
        longest: where it is cut; None: nowhere.

    Returns:
        Markdown for the middle of a line or a cell of a table.

    Example:
        >>> text("a|b <i>")
        'a\\|b &lt;i&gt;'
    """
    whole = "".join(char if char.isprintable() else " " for char in str(value))
    shown = whole if longest is None or len(whole) <= longest else whole[:longest] + "…"
    html = "".join(_HTML.get(char, char) for char in shown)
    return _LINKS.sub(lambda found: "\\" + "\\".join(found[0]), _MARKS.sub(r"\\\1", html))


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first are aligned to the right.

    Args:
        heading: Markdown, a cell each.
        rows: likewise.

    Returns:
        Lines of Markdown.

    Example:
        >>> print(table(["", "b"], [["a", "1"]]))
        | | b |
        | --- | ---: |
        | a | 1 |
    """
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join("|" + "|".join(map(_cell, cells)) + "|" for cells in lines)


def _cell(content: str) -> str:
    return f" {content} " if content else " "


def code(content: str, language: str) -> str:
    """A block of code that ends where it should, whatever it holds.

    Args:
        content: the code.
        language: what it is written in.

    Returns:
        Lines of Markdown.
    """
    longest = max((len(run) for run in re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"


def front_matter(fields: Mapping[str, object]) -> str:
    """The metadata that stand before a page, in YAML.

    Args:
        fields: texts, numbers, lists and mappings.

    Returns:
        Lines between `---`. Texts are always quoted, and what is nested is written in one line.

    Example:
        >>> print(front_matter({"license": "mit", "tags": ["a: b", 2]}))
        ---
        license: "mit"
        tags: ["a: b", 2]
        ---
    """
    lines = [f"{_key(name)}: {_yaml(value)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, "---"])


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # A form with an exponent would be read as a text.
        return f"{value:.6f}" if math.isfinite(value) else "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{_key(name)}: {_yaml(item)}" for name, item in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, cast("Sequence[object]", value))) + "]"
    return _quoted(str(value))


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else _quoted(name)


def _quoted(value: str) -> str:
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else f"\\U{ord(char):08x}"
