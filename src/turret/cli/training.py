"""The commands that read data and train: `demo`, `data`, `train`."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from turret.cli.arguments import Json, changes, recipe_of
from turret.cli.output import command_name, json_value, mapping, nearby, say
from turret.cli.progress import metrics_path, train_with_progress
from turret.errors import RecipeError, nearest

if TYPE_CHECKING:
    from turret.data.dataset import Dataset
    from turret.pipeline.training import Outcome

__all__ = ["add_commands", "data", "demo", "train"]

# The usual columns of the data sets known by name: query id, candidate id, time.
MOVIELENS = ("user_id", "movie_title", "timestamp")
SYNTHETIC = ("user_id", "item_id", "timestamp")


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


def data(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="movielens-100k (or -1m, -10m, -20m, -25m, -32m, -latest-small; a colon and a "
            "path may follow), synthetic, or a file, folder or glob of CSV, Parquet or JSON lines.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the three tables there, as Parquet."),
    ] = None,
    query_id: Annotated[str | None, typer.Option(help="The column that says who asked.")] = None,
    candidate_id: Annotated[
        str | None, typer.Option(help="The column that says what was chosen.")
    ] = None,
    timestamp: Annotated[str | None, typer.Option(help="The column that says when.")] = None,
    timestamp_unit: Annotated[
        Literal["s", "ms", "us", "ns"], typer.Option(help="Its unit, when it holds numbers.")
    ] = "s",
    weight: Annotated[str | None, typer.Option(help="The column of weights.")] = None,
    positive: Annotated[
        str | None, typer.Option(help="Keep what fulfils this, such as 'user_rating >= 4'.")
    ] = None,
    queries: Annotated[str | None, typer.Option(help="A file with one row a query.")] = None,
    candidates: Annotated[str | None, typer.Option(help="A file with one row a candidate.")] = None,
    as_json: Json = False,
) -> None:
    """Fetch or read interactions, validate them, and summarise them."""
    from turret.data import sources
    from turret.recipe.data import Data

    known = source.partition(":")[0] in sources.source_names()
    query_id, candidate_id, usual_time = _columns(source, query_id, candidate_id, known=known)
    dataset = sources.load(
        Data(
            source=source if known else None,
            files=None if known else source,
            query_id=query_id,
            candidate_id=candidate_id,
            timestamp=timestamp or usual_time,
            timestamp_unit=timestamp_unit,
            weight=weight,
            positive=positive,
            queries=queries,
            candidates=candidates,
        )
    )
    _summarise(dataset, source, output=output, as_json=as_json)


def _columns(
    source: str, query_id: str | None, candidate_id: str | None, *, known: bool
) -> tuple[str, str, str | None]:
    """Return the columns of ids, given or usual, and the usual column of times."""
    from turret.data import sources

    usual = (SYNTHETIC if source == "synthetic" else MOVIELENS) if known else (None, None, None)
    query_id, candidate_id = query_id or usual[0], candidate_id or usual[1]
    if not known and re.fullmatch(r"[\w-]+", source) and not Path(source).exists():
        fix = nearest(source, sources.source_names())
        raise RecipeError(f"There is no file {source!r}, and no data set of that name", fix=fix)
    if query_id is None or candidate_id is None:
        raise RecipeError(
            "The columns of ids are not named",
            fix="Name them with --query-id and --candidate-id."
            f" There are: {', '.join(sources.read(source).columns)}.",
        )
    return query_id, candidate_id, usual[2]


def _summarise(dataset: "Dataset", source: str, *, output: Path | None, as_json: bool) -> None:
    from turret.data.writing import write_tables

    summary = dataset.summary()
    if output is not None:
        write_tables(dataset, output)
        say(f"Wrote interactions, queries and candidates to {output}.")
    if as_json:
        json_value(summary)
        return
    del summary["notes"]
    mapping(summary, title=source)
    for note in dataset.notes:
        say(f"Note: {note}")


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
    for note in (*outcome.split.train.notes, *outcome.split.notes):
        say(f"Note: {note}")
    if as_json:
        json_value({"bundle": str(outcome.bundle), "report": outcome.report.to_dict()})
        return
    typer.echo(outcome.report.to_table())
    say(f"Bundle: {nearby(outcome.bundle)}")
    say(f"Steps and epochs: {nearby(metrics_path(outcome.bundle))}")


def _again(recipe: str, options: Mapping[str, Path | None], settings: Sequence[str]) -> str:
    """Return the command that resumes a training."""
    given = [recipe]
    for name, path in options.items():
        given += [] if path is None else [name, str(path)]
    given += [f"--set={one}" for one in settings]
    return f"{command_name()} train {shlex.join([*given, '--resume'])}"
