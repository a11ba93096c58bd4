"""The demonstration: train, compare with baselines, answer for one user, say what to try next."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from turret.cli.output import command_name, nearby, say
from turret.cli.progress import train_with_progress

if TYPE_CHECKING:
    from turret.data.dataset import Dataset
    from turret.pipeline.training import Outcome
    from turret.recipe.data import Data
    from turret.recipe.recipe import Recipe

__all__ = ["run"]

RECIPES = ("tutorial", "movielens")
USER = "42"


def run(*, recipe: str | None, data: str, output: Path) -> None:
    """Run the demonstration.

    Args:
        recipe: the one shipped recipe to train; None trains `RECIPES`.
        data: `movielens-100k`, `synthetic`, or the path of a copy of MovieLens-100K.
        output: where the bundles go, one folder a recipe.
    """
    from turret import toml
    from turret.evaluation.report import compare

    names = RECIPES if recipe is None else (recipe,)
    recipes = {name: toml.builtin(name) for name in names}
    dataset, source = _dataset(next(iter(recipes.values())).data, data)
    _describe(dataset)
    outcomes: dict[str, Outcome] = {}
    for name, chosen in recipes.items():
        say(f"\nTraining {name}: {chosen.train.epochs} epochs of {chosen.train.optimizer}.")
        fitting = _reading(source, chosen)
        outcomes[name] = train_with_progress(fitting, output / name, dataset=dataset)
        took = outcomes[name].seconds
        say(f"Trained in {took['fit']:.1f} s, judged in {took['evaluate']:.1f} s.")
    typer.echo("\n" + compare({name: outcome.report for name, outcome in outcomes.items()}))
    _answer(list(outcomes.values())[-1])


def _dataset(config: "Data", data: str) -> "tuple[Dataset, str]":
    """Return the data, and the source that names them in a recipe."""
    from turret.data import sources
    from turret.data.movielens_archive import NoCopyError

    known = data in ("movielens-100k", "synthetic")
    source = data if known else f"movielens-100k:{data}"
    if source == "synthetic":
        return sources.load(_synthetic()), source
    try:
        return sources.load(msgspec.structs.replace(config, source=source)), source
    except NoCopyError as error:
        say(f"{error}\nNo copy of MovieLens-100K can be had, so this runs on a synthetic world.")
        return sources.load(_synthetic()), "synthetic"


def _describe(dataset: "Dataset") -> None:
    say(
        f"{len(dataset.interactions):,} interactions of {dataset.num_queries:,} queries"
        f" with {dataset.num_candidates:,} candidates."
    )
    for note in dataset.notes:
        say(f"Note: {note}")


def _synthetic() -> "Data":
    from turret.recipe.data import Data

    return Data(
        source="synthetic", query_id="user_id", candidate_id="item_id", timestamp="timestamp"
    )


def _reading(source: str, recipe: "Recipe") -> "Recipe":
    """Return the recipe with its data, and its columns, replaced by those of a source."""
    from turret.recipe.features.categorical import Categorical
    from turret.recipe.towers import Tower

    replace = msgspec.structs.replace
    if source != "synthetic":
        return replace(recipe, data=replace(recipe.data, source=source))
    query, candidate = Tower([Categorical("user_id")]), Tower([Categorical("item_id")])
    model = replace(recipe.model, query=query, candidate=candidate)
    return replace(recipe, data=_synthetic(), model=model)


def _answer(outcome: "Outcome") -> None:
    """Print three titles for one user, and say what else can be asked."""
    from turret.recommender.recommender import Recommender

    recommender = Recommender.load(outcome.bundle)
    hits = recommender.recommend({recommender.query_id: [USER]}, 3, exclude_seen=True)
    typer.echo(f"\nThree for user {USER}, not seen in training:")
    for place, name in enumerate(hits.ids[0][: hits.counts[0]], start=1):
        typer.echo(f"  {place}. {name}")
    bundle = shlex.quote(nearby(outcome.bundle))
    say(f"\nThe bundle: {nearby(outcome.bundle)}\nTry next:")
    for words in (
        f"recommend {bundle} --query {recommender.query_id}={USER} -k 10 --exclude-seen",
        f"similar {bundle} --candidate {shlex.quote(hits.ids[0][0])}",
        f"evaluate {bundle}",
        f"index {bundle} --kind scann",
    ):
        say(f"  {command_name()} {words}")
