"""The commands that train: `demo`, `train`; and `data`, which stands between them."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turret.cli.arguments import Json, changes, recipe_of
from turret.cli.output import command_name, json_value, nearby, say
from turret.cli.progress import metrics_path, train_with_progress
from turret.cli.reading import data

if TYPE_CHECKING:
    from turret.pipeline.training import Outcome

__all__ = ["add_commands", "demo", "train"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file.

    Args:
        app: what they are added to.
    """
    app.command("demo")(demo)
    app.command("data")(data)
    app.command("train")(train)


def demo(
    recipe: Annotated[
        str | None,
        typer.Option(help="Train only this recipe: tutorial or movielens. Default: both."),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="movielens-100k, synthetic, or a folder or zip that holds MovieLens-100K.",
        ),
    ] = "movielens-100k",
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the bundles go, one folder a recipe.")
    ] = Path("runs/demo"),
) -> None:
    """Train on MovieLens-100K, compare, and answer for user 42."""
    from turret.cli.demonstration import run

    run(recipe=recipe, data=data, output=output)


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe file, or: tutorial, movielens.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The bundle's directory. Default: runs/NAME."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value: --set train.epochs=5."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint, if there is one.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="BUNDLE", help="Begin from an earlier bundle: known ids keep rows."
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write scalars for TensorBoard there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a recipe and write its bundle. Ctrl-C saves and stops; --resume goes on."""
    from turret import toml
    from turret.errors import TrainingInterrupted

    chosen = recipe_of(recipe)
    if settings:
        chosen = toml.override(chosen, changes(settings))
    target = output or Path("runs") / Path(recipe).stem
    try:
        outcome = train_with_progress(
            chosen, target, resume=resume, start=start, tensorboard=tensorboard
        )
    except TrainingInterrupted as stop:
        options = {"--output": target, "--from": start, "--tensorboard": tensorboard}
        say(f"{stop} Go on with: {_again(recipe, options, settings or ())}")
        raise typer.Exit(stop.exit_code) from stop
    _tell(outcome, as_json=as_json)


def _tell(outcome: "Outcome", *, as_json: bool) -> None:
    from turret.pipeline.judging import report_folder

    for note in (*outcome.split.train.notes, *outcome.split.notes):
        say(f"Note: {note}")
    if as_json:
        json_value({"bundle": str(outcome.bundle), "report": outcome.report.to_dict()})
        return
    typer.echo(outcome.report.to_table())
    say(f"Bundle: {nearby(outcome.bundle)}")
    say(f"Report: {nearby(report_folder(outcome.bundle) / 'report.html')}")
    say(f"Steps and epochs: {nearby(metrics_path(outcome.bundle))}")


def _again(recipe: str, options: Mapping[str, Path | None], settings: Sequence[str]) -> str:
    """Return the command that resumes a training."""
    given = [recipe]
    for name, path in options.items():
        given += [] if path is None else [name, str(path)]
    given += [f"--set={one}" for one in settings]
    return f"{command_name()} train {shlex.join([*given, '--resume'])}"
