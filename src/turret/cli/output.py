"""What the commands print: data to standard output, everything else to standard error."""

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

__all__ = [
    "command_name",
    "json_value",
    "mapping",
    "nearby",
    "say",
    "show",
    "stderr_console",
    "table",
]

WIDTH_OF_A_FILE = 160


def say(message: str) -> None:
    """Tell the person something that is not data.

    Args:
        message: one sentence; goes to standard error.
    """
    typer.echo(message, err=True)


def json_value(value: object) -> None:
    """Print one JSON value, and nothing else, to standard output.

    Args:
        value: anything JSON can hold; NaN becomes null, since JSON has none.
    """
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def nearby(path: Path) -> str:
    """Return how a path is called from the current folder.

    Args:
        path: any path.

    Returns:
        The path from the current folder where it lies below it, else the absolute path.
    """
    place = path.absolute()
    folder = Path.cwd()
    return str(place.relative_to(folder) if place.is_relative_to(folder) else place)


def command_name() -> str:
    """Return how this command can be called again: by name only where the shell finds it."""
    if shutil.which("turret") is not None or not sys.argv[0].endswith("turret"):
        return "turret"
    return shlex.quote(nearby(Path(sys.argv[0])))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> "Table":
    """Build a plain table: first column to the left, numbers to the right.

    Args:
        columns: the heads.
        rows: the cells; a float is shown with four digits, NaN and None as a dash.
        title: what stands above it.

    Returns:
        The `rich` table, for `show`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    kept = [list(row) for row in rows]
    for place, head in enumerate(columns):
        numeric = any(isinstance(row[place], int | float) for row in kept)
        made.add_column(head, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        made.add_row(*[_cell(value) for value in row])
    return made


def show(renderable: "RenderableType") -> None:
    """Print a table to standard output, without colour or cut lines when that is no terminal.

    Args:
        renderable: what `rich` can show.
    """
    if sys.stdout.isatty():
        _console(stderr=False).print(renderable)
        return
    console = _console(stderr=False)
    with console.capture() as captured:
        console.print(renderable)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def stderr_console() -> "Console":
    """Return the console for progress bars, on standard error."""
    return _console(stderr=True)


def mapping(values: Mapping[str, object], *, title: str | None = None) -> None:
    """Print names and values, one a line.

    Args:
        values: value by name.
        title: what stands above them.
    """
    if title is not None:
        typer.echo(title)
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        typer.echo(f"  {name:<{width}}  {_cell(value)}")


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if terminal else WIDTH_OF_A_FILE)


def _cell(value: object) -> str:
    if value is None or value != value:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(str(inner) for inner in cast("list[object]", value))
    return str(value)
