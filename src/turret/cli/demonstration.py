"""The demonstration: train, compare with baselines, answer for one user, say what to try next."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from turret.cli.arguments import recipe_of
from turret.cli.output import say, show, table
from turret.cli.progress import train_with_progress
from turret.errors import DataError

if TYPE_CHECKING:
    from turret.data.dataset import Dataset
    from turret.pipeline import Outcome
    from turret.recipe import Data, Recipe

__all__ = ["run"]

RECIPES = ("tutorial", "movielens")
USER = "42"
FIGURES = (
    ("top_k_accuracy@100", "seen_included"),
    ("top_k_accuracy@100", "seen_excluded"),
    ("top_k_accuracy@20", "seen_excluded"),
    ("ndcg@20", "seen_excluded"),
    ("recall@20", "seen_excluded"),
    ("mrr@20", "seen_excluded"),
)
"""The columns of the comparison: a metric, and whether training candidates stay on the ranking."""


def run(*, recipe: str | None, data: str, output: Path) -> None:
    """Run the demonstration.

    Args:
        recipe: the one recipe to train; None trains `RECIPES`.
        data: `movielens-100k`, `synthetic`, or the path of a copy of MovieLens-100K.
        output: where the bundles go, one folder a recipe.
    """
    names = RECIPES if recipe is None else (recipe,)
    recipes = {Path(name).stem: recipe_of(name) for name in names}
    dataset, synthetic = _dataset(next(iter(recipes.values())).data, data)
    _describe(dataset)
    outcomes: dict[str, Outcome] = {}
    for name, chosen in recipes.items():
        say(f"\nTraining {name}: {chosen.train.epochs} epochs of {chosen.train.optimizer}.")
        fitting = _on_synthetic(chosen) if synthetic else chosen
        outcomes[name] = train_with_progress(fitting, output / name, dataset=dataset)
    show(table(("", *_heads(), "seconds"), _rows(outcomes), title=_title(outcomes)))
    for name, outcome in outcomes.items():
        for warning in outcome.report.warnings:
            say(f"Warning, {name}: {warning}")
    _answer(list(outcomes.values())[-1])


def _dataset(config: "Data", data: str) -> "tuple[Dataset, bool]":
    """Return the data, and whether they are synthetic."""
    from turret.data import sources
    from turret.data.movielens import movielens
    from turret.data.synthetic import synthetic

    if data != "synthetic":
        try:
            if data == "movielens-100k":
                return sources.load(config), False
            return movielens("100k", path=data).dataset(candidate_id=config.candidate_id), False
        except DataError as error:
            if data != "movielens-100k":
                raise
            say(f"No copy of MovieLens-100K can be had, so this runs on a synthetic world. {error}")
    return synthetic().dataset, True


def _describe(dataset: "Dataset") -> None:
    say(
        f"{len(dataset.interactions):,} interactions of {dataset.num_queries:,} queries"
        f" with {dataset.num_candidates:,} candidates."
    )
    for note in dataset.notes:
        say(f"Note: {note}")


def _on_synthetic(recipe: "Recipe") -> "Recipe":
    """Return the recipe with the columns of the synthetic world in place of MovieLens'."""
    from turret.recipe import Categorical, Data, Tower

    replace = msgspec.structs.replace
    return replace(
        recipe,
        data=Data(
            source="synthetic", query_id="user_id", candidate_id="item_id", timestamp="timestamp"
        ),
        model=replace(
            recipe.model,
            query=Tower([Categorical("user_id")]),
            candidate=Tower([Categorical("item_id")]),
        ),
    )


def _heads() -> list[str]:
    seen = {"seen_included": "all", "seen_excluded": "unseen"}
    return [f"{name.replace('top_k_accuracy', 'top')}\n{seen[view]}" for name, view in FIGURES]


def _title(outcomes: "dict[str, Outcome]") -> str:
    report = next(iter(outcomes.values())).report
    return (
        f"Test: {report.pairs:,} pairs of {report.queries:,} queries, {report.candidates:,}"
        " candidates. all: every candidate ranked; unseen: those of training left out."
    )


def _rows(outcomes: "dict[str, Outcome]") -> Iterator[list[object]]:
    """Yield the baselines, which both recipes share, and then each recipe."""
    first = next(iter(outcomes.values()))
    for name, baseline in first.report.baselines.items():
        yield [name, *_figures(baseline), baseline.seconds]
    for name, outcome in outcomes.items():
        yield [name, *_figures(outcome.report.model), round(outcome.seconds["fit"], 2)]


def _answer(outcome: "Outcome") -> None:
    """Print three titles for one user, and say what else can be asked."""
    from turret.recommender import Recommender

    recommender = Recommender.load(outcome.bundle)
    hits = recommender.recommend({recommender.query_id: [USER]}, 3, exclude_seen=True)
    typer.echo(f"Three for user {USER}, not seen in training:")
    for place, name in enumerate(hits.ids[0][: hits.counts[0]], start=1):
        typer.echo(f"  {place}. {name}")
    bundle = outcome.bundle
    say(f"\nThe bundle: {bundle}\nTry next:")
    query = f"{recommender.query_id}={USER}"
    say(f"  turret recommend {bundle} --query {query} -k 10 --exclude-seen")
    say(f"  turret similar {bundle} --candidate {_quoted(hits.ids[0][0])}")
    say(f"  turret evaluate {bundle}")
    say(f"  turret index {bundle} --kind scann")


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
