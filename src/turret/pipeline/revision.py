"""What is done to a bundle after its training: judging it again, building its index anew."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import polars as pl

from turret.bundle.bundle import Bundle
from turret.data import sources
from turret.data.dataset import Dataset, Interactions
from turret.data.splits import split
from turret.errors import BundleError, DataError
from turret.evaluation.report import Report, epochs_in
from turret.index import registry
from turret.index.base import Index, Parameter
from turret.index.tuning import Curve, tune
from turret.model.trained import TrainedModel
from turret.pipeline.judging import judge, write_report
from turret.recipe.recipe import Index as IndexConfig
from turret.recipe.recipe import Recipe
from turret.storage import sealed

__all__ = ["evaluate_bundle", "rebuild_index", "tune_index"]

_REBUILT = "These figures were taken before the index was built anew"


def evaluate_bundle(
    directory: str | os.PathLike[str],
    *,
    files: str | Sequence[str] | None = None,
    allow_custom: Collection[str] = (),
    output: str | os.PathLike[str] | None = None,
) -> Report:
    """Judge a bundle again, as it would answer: with its own index.

    Args:
        directory: the bundle.
        files: judge by the interactions in these, which have the columns that the recipe names;
            None loads the recipe's data and judges by their test part.
        allow_custom: see `Bundle.open`.
        output: a folder to write `report.json` and `report.html` to; None: neither.

    Returns:
        The report. It warns when the data are no longer those of the training, and of test pairs
        whose candidate the bundle does not have.

    Raises:
        BundleError: there is no whole bundle, it has no recipe, or `output` is a bundle or in one.
        DataError: the data cannot be read, or have no pair with a candidate of the bundle.
    """
    if output is not None:
        sealed.require_outside(Path(output) / "report.json", error=BundleError)
    bundle = Bundle.open(directory, allow_custom=allow_custom)
    recipe = bundle.recipe
    if recipe is None:
        raise BundleError(
            f"The bundle at {directory} has no recipe, so its data are not known",
            fix="Train with a recipe.",
        )
    trained = bundle.trained
    assert isinstance(trained, TrainedModel)
    if files is None:
        parts = split(sources.load(recipe.data), recipe.split)
        same = parts.train.fingerprint() == bundle.provenance.get("data_fingerprint")
        warning = None if same else "The data have changed since the training."
    else:
        train, test, warning = _given(bundle, recipe, files)
        parts = (train, test)
    asked = 10_000 if files is None else 0
    epochs = epochs_in(bundle.report or {})
    report = judge(trained, parts, recipe, index=bundle.index, train_queries=asked, epochs=epochs)
    if warning is not None:
        report = msgspec.structs.replace(report, warnings=(*report.warnings, warning))
    if output is not None:
        write_report(report, output, title=Path(directory).resolve().name, recipe=recipe)
    return report


def rebuild_index(
    directory: str | os.PathLike[str],
    *,
    kind: str,
    parameters: Mapping[str, Parameter] | None = None,
) -> Index:
    """Build the index of a bundle anew and put it in the place of the old one.

    The report in the bundle stays, with a warning that it was made before.

    Args:
        directory: the bundle; it changes at once or not at all.
        kind: `exact`, `scann` or `faiss`.
        parameters: settings of the kind, in place of those that suit the candidates.

    Returns:
        The index.

    Raises:
        BundleError: there is no whole bundle.
        CandidateIndexError: a setting does not exist or cannot be used.
        MissingPartError: the library for that kind is not installed.
    """
    bundle = Bundle.open(directory)
    given = dict(parameters or {})
    index = registry.of(kind, bundle.index.candidates, **given)
    _told(bundle.with_index(index), given).save(directory)
    return index


def tune_index(
    directory: str | os.PathLike[str], *, target_recall: float, kind: str, k: int = 100
) -> Curve:
    """Build the index of a bundle anew with the cheapest settings that reach a recall.

    The vectors of the bundle's known queries are divided into those that the settings are chosen
    on and those that the recall is reported on.

    Args:
        directory: the bundle; it changes at once or not at all.
        target_recall: the wanted share of the true `k` best, above 0, at most 1.
        kind: `exact`, `scann` or `faiss`.
        k: answers of a query.

    Returns:
        What was measured; the bundle has it too.

    Raises:
        BundleError: there is no whole bundle.
        CandidateIndexError: no settings reach the target.
        MissingPartError: the library for that kind is not installed.
    """
    bundle = Bundle.open(directory)
    index, curve = tune(
        bundle.index.candidates,
        bundle.query_vectors[bundle.known_queries],
        kind=kind,
        target_recall=target_recall,
        k=k,
    )
    _told(bundle.with_index(index, curve), {}).save(directory)
    return curve


def _told(bundle: Bundle, parameters: dict[str, Parameter]) -> Bundle:
    """Return the bundle with a recipe and a report that know of its new index."""
    recipe, report = bundle.recipe, bundle.report
    if recipe is not None:
        plain = {"kind": bundle.index.kind, "parameters": parameters}
        config = msgspec.convert(plain, IndexConfig)
        recipe = msgspec.structs.replace(recipe, index=config)
    if report is not None:
        before = [text for text in _sentences(report) if not text.startswith(_REBUILT)]
        now = f"{_REBUILT}, of the kind {bundle.index.kind!r}: `turret evaluate` judges it."
        report = {**report, "warnings": [*before, now]}
    return replace(bundle, recipe=recipe, report=report)


def _sentences(report: dict[str, object]) -> list[str]:
    return [str(text) for text in cast("list[object]", report.get("warnings") or [])]


def _given(
    bundle: Bundle, recipe: Recipe, files: str | Sequence[str]
) -> tuple[Dataset, Dataset, str | None]:
    """Return training and test part over the bundle's candidates, and a warning on what is lost."""
    paths = files if isinstance(files, str) else tuple(files)
    config = msgspec.structs.replace(recipe.data, source=None, files=paths)
    given = sources.load(config)
    ids = bundle.candidates[bundle.candidate_id]
    candidate_of = _places(given.candidate_ids, ids)
    queries = _all_queries(bundle, given)
    query_of = _places(given.query_ids, queries[bundle.query_id])
    events = given.interactions
    kept = np.flatnonzero(candidate_of[events.candidate_row] >= 0)
    lost = len(events) - len(kept)
    if not len(kept):
        raise DataError(
            f"No interaction in {files} has a candidate of the bundle",
            got=given.candidate_ids.gather(events.candidate_row[:3]).to_list(),
            expected=f"ids such as {ids.head(3).to_list()}",
        )
    chosen = events.take(kept)
    train = Dataset(
        interactions=_seen(bundle),
        queries=queries,
        candidates=bundle.candidates,
        query_id=bundle.query_id,
        candidate_id=bundle.candidate_id,
    )
    test = train.with_interactions(
        replace(
            chosen,
            query_row=query_of[chosen.query_row],
            candidate_row=candidate_of[chosen.candidate_row],
        )
    )
    warning = f"{lost:,} test pairs are of candidates that the bundle does not have; left out."
    return train, test, warning if lost else None


def _places(wanted: pl.Series, ids: pl.Series) -> np.ndarray:
    """Return the row of each wanted id among others, -1 where it is not there."""
    rows = pl.DataFrame({"id": ids, "row": np.arange(len(ids), dtype=np.int32)})
    found = wanted.rename("id").to_frame().join(rows, on="id", how="left", maintain_order="left")
    return found["row"].fill_null(-1).to_numpy()


def _all_queries(bundle: Bundle, given: Dataset) -> pl.DataFrame:
    """Return the bundle's queries, and below them those that only the given data have."""
    new = given.queries.join(bundle.queries, on=bundle.query_id, how="anti", maintain_order="left")
    history = bundle.config.history
    if history is not None and history.column not in new.columns:
        # What training did not meet has met nothing there.
        new = new.with_columns(pl.lit(None).alias(history.column))
    missing = [name for name in bundle.queries.columns if name not in new.columns]
    if new.height and missing:
        raise DataError(
            "The model reads columns of new queries that the data lack",
            got=new.columns,
            expected=", ".join(missing),
            fix="Add them, the same value in every interaction of a query.",
        )
    if not new.height:
        return bundle.queries
    columns = [pl.col(name).cast(kind) for name, kind in bundle.queries.schema.items()]
    return pl.concat([bundle.queries, new.select(columns)])


def _seen(bundle: Bundle) -> Interactions:
    """Return training events that have the bundle's seen pairs and its counts of candidates.

    The bundle keeps each pair once and how often each candidate occurred; the further occurrences
    of a candidate are given to the first query that has it.
    """
    counts = np.diff(bundle.seen_indptr)
    query = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    candidate = bundle.seen_rows
    known, first = np.unique(candidate, return_index=True)
    further = bundle.candidate_count[known] - np.bincount(candidate)[known]
    again = np.repeat(first, further)
    return Interactions(
        query_row=np.concatenate([query, query[again]]),
        candidate_row=np.concatenate([candidate, candidate[again]]),
    )
