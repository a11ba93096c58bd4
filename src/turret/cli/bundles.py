"""Commands about bundles, `evaluate`, `compare`, `verify`, `card`, and about what is installed."""

from pathlib import Path
from typing import Annotated

import typer

from turret.cli.arguments import AllowCustom, Bundle, Json
from turret.cli.output import json_value, mapping, nearby, say

__all__ = ["add_commands", "card", "compare", "doctor", "evaluate", "verify"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file.

    Args:
        app: what they are added to.
    """
    app.command("evaluate")(evaluate)
    app.command("compare")(compare)
    app.command("verify")(verify)
    app.command("card")(card)
    app.command("doctor")(doctor)


def evaluate(
    bundle: Bundle,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Judge by these interactions instead of the recipe's test part: a file, folder or "
            "glob with the recipe's columns.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write report.json and report.html there. Default: BUNDLE.report, beside it.",
        ),
    ] = None,
    allow_custom: AllowCustom = None,
    as_json: Json = False,
) -> None:
    """Judge a bundle on held-back interactions, beside the baselines."""
    from turret import compilation
    from turret.pipeline.judging import report_folder
    from turret.pipeline.revision import evaluate_bundle

    compilation.keep_compiled_programs()
    folder = output or report_folder(bundle)
    report = evaluate_bundle(bundle, files=data, allow_custom=allow_custom or (), output=folder)
    if as_json:
        json_value(report.to_dict())
    else:
        typer.echo(report.to_table())
        say(f"Report: {nearby(folder / 'report.html')}")


def compare(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE BUNDLE ...", help="Two bundles or more.")
    ],
    allow_custom: AllowCustom = None,
    as_json: Json = False,
) -> None:
    """Compare bundles on the same test pairs: each against the first, by a paired test."""
    from turret import compilation
    from turret.pipeline.comparison import compare_bundles

    if len(bundles) < 2:
        raise typer.BadParameter("two bundles or more are compared", param_hint="BUNDLE BUNDLE ...")
    compilation.keep_compiled_programs()
    found = compare_bundles(bundles, allow_custom=allow_custom or ())
    if as_json:
        json_value(found.to_dict())
    else:
        typer.echo(found.to_table())


def verify(bundle: Bundle, as_json: Json = False) -> None:
    """Check every file of a bundle against its manifest, and all of them against each other."""
    from turret.bundle.bundle import FORMAT
    from turret.bundle.bundle import Bundle as Opened
    from turret.storage import sealed

    Opened.open(bundle).require_model()
    files = sealed.read_manifest(bundle, FORMAT).files
    total = sum(entry.bytes for entry in files.values())
    if as_json:
        json_value({"bundle": str(bundle), "ok": True, "files": len(files), "bytes": total})
    else:
        typer.echo(f"{bundle} is whole: {len(files)} files, {total:,} bytes.")


def card(
    bundle: Bundle,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the card there instead of printing it."),
    ] = None,
    license: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="ID",
            help="Under which licence the model may be used, such as apache-2.0: the bundle does "
            "not know.",
        ),
    ] = None,
) -> None:
    """Write what a bundle is, its data, its figures and its limits, as a page of Markdown."""
    from turret.card.card import UNKNOWN
    from turret.card.card import card as drawn
    from turret.errors import BundleError
    from turret.recommender.changes import opened
    from turret.storage import sealed
    from turret.storage.replacing import replace_file

    if output is not None:
        sealed.require_outside(output, error=BundleError)
    name = bundle.resolve().name
    found, changes = opened(bundle)
    page = drawn(found, name=name, license=license or UNKNOWN)
    if changes:
        say(
            f"{len(changes):,} changes that were logged beside the bundle are not in it, nor on "
            "its card: a compaction writes them into the bundle."
        )
    if output is None:
        typer.echo(page, nl=False)
    else:
        replace_file(output, page.encode("utf-8"))
        say(f"Card: {nearby(output)}")


def doctor(as_json: Json = False) -> None:
    """Show versions, devices, and what is missing."""
    import msgspec

    from turret.doctor import diagnose

    found = diagnose()
    if as_json:
        json_value(msgspec.to_builtins(found))
    else:
        mapping(found.system, title="System")
        mapping(
            {name: version or "missing" for name, version in found.versions.items()},
            title="Versions",
        )
        typer.echo("Devices")
        for device in found.devices:
            typer.echo(f"  {device}")
        parts = {
            part.name: f"{part.version or 'missing'} ({part.purpose})"
            + ("" if part.install is None else f": {part.install}")
            for part in found.optional
        }
        mapping(parts, title="Optional parts")
    if found.missing:
        say(f"Missing: {', '.join(found.missing)}. Install Turret again: pip install turret")
        raise typer.Exit(1)
