"""A table of the model that is trained, shown at the start."""

from rich.console import Console
from rich.table import Table

from turret.model.outline import ModelPart
from turret.train.hooks import Hook, StartReport

__all__ = ["Outline"]

_UNITS = ("B", "KB", "MB", "GB", "TB")


class Outline(Hook):
    """Shows what the model is made of: its features and bodies, their widths and sizes.

    Example:
        Beside the progress: `fit(..., hooks=[Outline(), ProgressBar()])`.
    """

    def __init__(self, console: Console | None = None):
        """Show it on a console; on standard error unless another one is given."""
        self._console = console or Console(stderr=True)

    def start(self, report: StartReport) -> None:
        """Show the table."""
        table = Table(box=None, pad_edge=False, header_style="")
        for name in ("tower", "feature", "kind"):
            table.add_column(name, no_wrap=True)
        for name in ("width", "rows", "parameters", "bytes"):
            table.add_column(name, justify="right", no_wrap=True)
        tower = ""
        for part in report.parts:
            table.add_row(part.tower if part.tower != tower else "", *_cells(part))
            tower = part.tower
        total = sum(part.parameters for part in report.parts)
        size = sum(part.bytes for part in report.parts)
        table.add_row("together", "", "", "", "", f"{total:,}", _readable(size))
        with self._console.capture() as drawn:
            self._console.print(table)
        for line in drawn.get().splitlines():
            self._console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)


def _cells(part: ModelPart) -> tuple[str, ...]:
    rows = "" if part.rows is None else f"{part.rows:,}"
    sizes = (f"{part.parameters:,}", _readable(part.bytes))
    return part.name, part.kind, str(part.width), rows, *sizes


def _readable(number: int) -> str:
    """Bytes in a unit that leaves at most three digits before the point.

    Example:
        >>> _readable(12), _readable(1_234_567)
        ('12 B', '1.2 MB')
    """
    power = 0
    while number >= 1000 ** (power + 1) and power + 1 < len(_UNITS):
        power += 1
    return f"{number} B" if power == 0 else f"{number / 1000**power:,.1f} {_UNITS[power]}"
