"""The command `export`: a bundle in the formats of other stacks."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from turret.cli.arguments import Bundle, Json
from turret.cli.output import json_value, nearby, say

__all__ = ["add_commands", "export"]


def add_commands(app: typer.Typer) -> None:
    """Add the command of this file.

    Args:
        app: what it is added to.
    """
    app.command("export")(export)


def export(
    bundle: Bundle,
    format: Annotated[
        Literal["saved-model", "onnx", "vectors"],
        typer.Option("--format", help="What is written; docs/exports.md describes each."),
    ],
    output: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The directory that is written, whole or not at all."),
    ],
    k: Annotated[
        int,
        typer.Option("-k", min=1, help="How many answers a model gives that is not told."),
    ] = 10,
    as_json: Json = False,
) -> None:
    """Write a bundle as a TensorFlow SavedModel, as ONNX models or as plain files of vectors."""
    from turret.export import formats

    written = formats.export(bundle, output, format=format, k=k)
    files = [path for path in written.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if as_json:
        answer = {"bundle": str(bundle), "format": format, "output": str(written)}
        json_value({**answer, "files": len(files), "bytes": size})
    else:
        say(f"Export: {nearby(written)} ({len(files)} files, {size / 1e6:,.1f} MB)")
