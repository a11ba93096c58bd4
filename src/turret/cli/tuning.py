"""The command that looks for settings: `tune`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turret.cli.arguments import Json, changes, recipe_of
from turret.cli.output import command_name, json_value, nearby, say, show, table

if TYPE_CHECKING:
    from turret.pipeline.tuning.trials import Trial
    from turret.pipeline.tuning.tune import Tuned

__all__ = ["add_commands", "tune"]

SHOWN = 5
"""So many of the best trials are shown side by side."""


def add_commands(app: typer.Typer) -> None:
    """Add the command of this file.

    Args:
        app: what it is added to.
    """
    app.command("tune")(tune)


def tune(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe file, or: tutorial, movielens.")
    ],
    trials: Annotated[
        int,
        typer.Option(min=1, help="How many trials there are in the end, earlier ones counted."),
    ] = 50,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where best.toml and trials.json go. Default: runs/NAME.tune."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value: --set train.epochs=5."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for settings of a recipe by its validation part. The same command goes on."""
    from turret import compilation, toml
    from turret.pipeline.tuning.tune import tune as search

    compilation.keep_compiled_programs()
    chosen = recipe_of(recipe)
    if settings:
        chosen = toml.override(chosen, changes(settings))
    folder = output or Path("runs") / f"{Path(recipe).stem}.tune"

    def told(trial: "Trial", best: "Trial | None") -> None:
        say(f"Trial {trial.number} of {trials}: {_outcome(trial, best)}")

    try:
        found = search(chosen, trials=trials, output=folder, told=told)
    except KeyboardInterrupt as stop:
        say(f"Stopped. {nearby(folder)} keeps what is done; the same command goes on.")
        raise typer.Exit(130) from stop
    if as_json:
        json_value(found.to_dict())
    else:
        _tell(found)


def _outcome(trial: "Trial", best: "Trial | None") -> str:
    values = ", ".join(f"{key} = {_short(value)}" for key, value in trial.values.items())
    if trial.state == "failed":
        said = f"failed ({trial.error})"
    else:
        assert trial.metric is not None
        said = f"{trial.metric:.4f}"
        if trial.state == "pruned":
            said += f", given up after epoch {max(trial.measured)}"
    ahead = "" if best is None else f"; best {best.metric:.4f} in trial {best.number}"
    return f"{said} in {trial.seconds:.1f} s with {values}{ahead}"


def _tell(found: "Tuned") -> None:
    """Show the best trials side by side, one setting a line."""
    complete = [trial for trial in found.trials if trial.state == "complete"]
    best = sorted(complete, key=lambda trial: -(trial.metric or 0.0))[:SHOWN]
    heads = ["setting", "importance", *(f"trial {trial.number}" for trial in best)]
    rows: list[list[object]] = [
        [key, _share(found.importance.get(key)), *(_short(trial.values[key]) for trial in best)]
        for key in sorted(found.study.space, key=lambda key: -found.importance.get(key, 0.0))
    ]
    rows.append([found.study.metric, "", *(trial.metric for trial in best)])
    rows.append(["seconds", "", *(f"{trial.seconds:.1f}" for trial in best)])
    title = (
        f"The best of {len(found.trials)} trials, by {found.study.metric} on the validation part"
    )
    show(table(heads, rows, title=title))
    if found.exhausted:
        say("Every setting of the space was tried.")
    place = found.folder / "best.toml"
    say(f"Trials: {nearby(found.folder / 'trials.json')}")
    say(f"Recipe: {nearby(place)}. Train it: {command_name()} train {shlex.quote(nearby(place))}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
