"""Judging a model as its recipe says, and writing down the judgement."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from turret import toml
from turret.data.dataset import Dataset
from turret.data.histories import with_histories
from turret.data.parts import Split
from turret.evaluation.cautions import about_learning
from turret.evaluation.evaluate import evaluate
from turret.evaluation.insight import neighbourhoods, score_figures
from turret.evaluation.page.page import page
from turret.evaluation.parts import EpochFigures
from turret.evaluation.report import Report
from turret.index.base import Index
from turret.model.trained import TrainedModel
from turret.recipe.recipe import Recipe
from turret.storage.files import beside
from turret.storage.replacing import replace_file
from turret.train.hooks import EpochReport

__all__ = ["epochs_of", "judge", "report_folder", "write_report"]


def judge(
    trained: TrainedModel,
    parts: Split | tuple[Dataset, Dataset],
    recipe: Recipe,
    *,
    index: Index,
    train_queries: int = 10_000,
    epochs: Sequence[EpochFigures] = (),
) -> Report:
    """Evaluate a model with the settings of a recipe, as it would answer: with its index.

    Args:
        trained: the model.
        parts: the parts of the data, or training and test data over the same tables.
        recipe: its sections `[evaluation]` and `[loss]` count.
        index: answers in place of the full ranking where it is not exact.
        train_queries: how many queries to take the figures on training pairs of.
        epochs: how the training went.

    Returns:
        The report.
    """
    config = recipe.evaluation
    report = evaluate(
        trained,
        parts,
        ks=config.ks,
        loss=recipe.loss,
        batch_size=config.batch_size,
        bootstrap=config.bootstrap,
        baselines=config.baselines,
        train_queries=train_queries,
        slices=config.slices,
        slice_by=config.slice_by,
        lists=config.lists,
        sampled=config.sampled,
        index=None if index.is_exact else index,
    )
    train, test = (parts.train, parts.test) if isinstance(parts, Split) else parts
    seen = parts.seen if isinstance(parts, Split) else train
    train, test = (with_histories(part, trained.config, train=seen) for part in (train, test))
    stopping = recipe.train.early_stopping
    learning = about_learning(
        epochs, metric=None if stopping is None else stopping.metric, asked=recipe.train.epochs
    )
    return msgspec.structs.replace(
        report,
        warnings=(*report.warnings, *learning),
        epochs=tuple(epochs),
        scores=score_figures(trained, test, seed=recipe.train.seed),
        neighbours=neighbourhoods(trained, train),
        data=_summary(parts, train, test),
    )


def epochs_of(history: Iterable[EpochReport]) -> tuple[EpochFigures, ...]:
    """Return how a training went.

    Args:
        history: what was told of each epoch.

    Returns:
        Its loss and what was measured.
    """
    return tuple(
        EpochFigures(
            epoch=one.epoch,
            loss=float(one.losses["loss"]),
            validation=None if one.validation is None else dict(one.validation),
        )
        for one in history
    )


def report_folder(bundle: str | os.PathLike[str]) -> Path:
    """Return the folder of the report of a bundle.

    Args:
        bundle: the directory of the bundle.

    Returns:
        The folder beside it.

    Example:
        >>> report_folder("runs/tutorial").name
        'tutorial.report'
    """
    return beside(bundle, "report")


def write_report(
    report: Report, folder: str | os.PathLike[str], *, title: str, recipe: Recipe | None
) -> Path:
    """Write a report as `report.json` and as one page, `report.html`.

    Args:
        report: what is written.
        folder: made where it is not there; the two files in it are replaced, each at once.
        title: what the page is called.
        recipe: shown on the page.

    Returns:
        The page.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    shown = None if recipe is None else toml.dumps(recipe)
    drawn = page(report, title=title, recipe=shown)
    replace_file(place / "report.json", (report.to_json() + "\n").encode("utf-8"))
    replace_file(place / "report.html", drawn.encode("utf-8"))
    return place / "report.html"


def _summary(
    parts: Split | tuple[Dataset, Dataset], train: Dataset, test: Dataset
) -> dict[str, object]:
    """What a reader should know of the data: how many of what, and notes."""
    whole = train.summary()
    validation = parts.validation if isinstance(parts, Split) else None
    fold_in = parts.fold_in if isinstance(parts, Split) else None
    notes = [*train.notes, *(parts.notes if isinstance(parts, Split) else ())]
    return {
        "training_interactions": len(train.interactions),
        "fold_in_interactions": None if fold_in is None else len(fold_in.interactions),
        "validation_interactions": None if validation is None else len(validation.interactions),
        "test_interactions": len(test.interactions),
        "queries": whole["queries"],
        "candidates": whole["candidates"],
        "density_of_training": whole["density"],
        "first_training_time": whole["first_time"],
        "last_training_time": whole["last_time"],
        "notes": notes,
    }
