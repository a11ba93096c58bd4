"""The command `data`: reads interactions, summarises them, and suggests a recipe for them."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from turret.cli.arguments import Json
from turret.cli.output import json_value, mapping, say
from turret.errors import RecipeError, nearest

if TYPE_CHECKING:
    from turret.data.dataset import Dataset
    from turret.data.roles import Role
    from turret.recipe.data import Data

__all__ = ["data"]

COLUMNS = ("query_id", "candidate_id", "timestamp")
# The usual ones of the data sets known by name.
MOVIELENS = ("user_id", "movie_title", "timestamp")
SYNTHETIC = ("user_id", "item_id", "timestamp")


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
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Print a recipe to begin with, instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch or read interactions, validate them, and summarise them."""
    named = {
        "query_id": query_id,
        "candidate_id": candidate_id,
        "timestamp": timestamp,
        "weight": weight,
        "positive": positive,
        "queries": queries,
        "candidates": candidates,
    }
    config, roles = _config(source, named, unit=timestamp_unit, guess=suggest)
    dataset = _loaded(config, output=output)
    if suggest:
        _suggest(config, dataset, roles=roles, as_json=as_json)
    else:
        _summarise(dataset, source, as_json=as_json)


def _config(
    source: str, named: dict[str, str | None], *, unit: str, guess: bool
) -> "tuple[Data, dict[str, Role]]":
    """Return the section `[data]`, and why its columns were taken for what they are."""
    from turret.data import sources
    from turret.data.roles import guess_roles
    from turret.recipe.data import Data
    from turret.strict import convert

    known = source.partition(":")[0] in sources.source_names()
    if not known and re.fullmatch(r"[\w-]+", source) and not Path(source).exists():
        fix = nearest(source, sources.source_names())
        raise RecipeError(f"There is no file {source!r}, and no data set of that name", fix=fix)
    roles: dict[str, Role] = {}
    usual: dict[str, str] = {}
    if known:
        usual = dict(zip(COLUMNS, SYNTHETIC if source == "synthetic" else MOVIELENS, strict=True))
    elif guess:
        events = sources.read(source)
        roles = guess_roles(events, **{name: named[name] for name in COLUMNS}).by_key()
        usual = {name: roles[name].column for name in COLUMNS if name in roles}
        if named["timestamp"] is None and "timestamp" in roles:
            unit = roles["timestamp"].unit
    named = {**named, **{name: named[name] or usual.get(name) for name in COLUMNS}}
    if named["query_id"] is None or named["candidate_id"] is None:
        raise RecipeError(
            "The columns of ids are not named",
            fix="Name them with --query-id and --candidate-id, or let --suggest guess."
            f" There are: {', '.join(sources.read(source).columns)}.",
        )
    given = {name: value for name, value in named.items() if value is not None}
    place = {"source" if known else "files": source}
    return convert({**place, **given, "timestamp_unit": unit}, Data, where="the options"), roles


def _loaded(config: "Data", *, output: Path | None) -> "Dataset":
    """Return the data, which are written too where that is wanted."""
    from turret.data import sources
    from turret.data.writing import write_tables

    dataset = sources.load(config)
    if output is not None:
        write_tables(dataset, output)
        say(f"Wrote interactions, queries and candidates to {output}.")
    return dataset


def _summarise(dataset: "Dataset", source: str, *, as_json: bool) -> None:
    summary = dataset.summary()
    if as_json:
        json_value(summary)
        return
    del summary["notes"]
    mapping(summary, title=source)
    for note in dataset.notes:
        say(f"Note: {note}")


def _suggest(
    config: "Data", dataset: "Dataset", *, roles: "dict[str, Role]", as_json: bool
) -> None:
    from turret.data import sources
    from turret.pipeline.suggestion import suggest

    events = None if config.files is None else sources.read(config.files)
    found = suggest(config, dataset, roles=roles, events=events)
    if as_json:
        columns = [dataclasses.asdict(one) for one in found.columns]
        json_value({"recipe": found.text, "columns": columns})
    else:
        typer.echo(found.text, nl=False)
