"""The command that measures: `bench`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from turret.cli.arguments import Json
from turret.cli.output import json_value, mapping, say, show, table

__all__ = ["add_commands", "bench"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file.

    Args:
        app: what they are added to.
    """
    app.command("bench")(bench)


def bench(
    name: Annotated[
        Literal["encoding", "index", "recommend", "training"],
        typer.Argument(
            metavar="NAME",
            help="encoding: columns to arrays. index: recall, latency, filters. recommend: answers"
            " for every query. training: the loss, the step, tables, memory.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a size: --set batch_size=1024."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how fast Turret is on this machine."""
    from turret import compilation
    from turret.benchmarks.registry import run

    compilation.keep_compiled_programs()
    result = run(name, settings or (), say=say)
    if as_json:
        json_value(result)
        return
    figures = dict(result["figures"])
    curves: Mapping[str, list[dict[str, Any]]] = figures.pop("curves", {})
    mapping(result["machine"], title="Machine")
    mapping(figures, title="Figures")
    for points in curves.values():
        show(table(tuple(points[0]), [tuple(point.values()) for point in points]))
