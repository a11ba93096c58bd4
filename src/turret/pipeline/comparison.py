"""Comparing bundles that were tested on the same pairs: figures side by side, paired tests."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from turret.bundle.bundle import Bundle
from turret.data import sources
from turret.data.dataset import Dataset
from turret.data.histories import with_histories
from turret.data.parts import Split
from turret.data.splits import split
from turret.errors import BundleError, EvaluationError
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.cautions import about_size
from turret.evaluation.comparison import Comparison
from turret.evaluation.measure import View, Views, measure
from turret.evaluation.metrics.figures import GRADED, Sums, parse_label
from turret.evaluation.paired import Difference, differences
from turret.evaluation.parts import Differences, Figures
from turret.evaluation.retrieved import measure_index
from turret.model.trained import TrainedModel
from turret.recipe.recipe import Recipe

__all__ = ["RESAMPLES", "compare_bundles"]

RESAMPLES = 10_000
"""Behind each interval and each p-value."""


@dataclass(frozen=True, eq=False)
class _Tested:
    """A bundle that was measured.

    Attributes:
        name: what it is called.
        found: its figures.
        pairs: its test pairs, by id: how many events each has, what it is worth to graded figures
            (null: all the same), and whether training had it too.
        ids: the ids of the queries, in the order of the figures.
        candidates: the ids of what was ranked, ascending.
        changed: whether the data are no longer those of the training.
    """

    name: str
    found: Views
    pairs: pl.DataFrame
    ids: pl.Series
    candidates: pl.Series
    changed: bool

    def sums(self, view: View, *, graded: bool) -> Sums:
        """The figures of a view, with or without the graded ones, ordered by query id."""
        order, sums = self.ids.arg_sort().to_numpy(), view.sums
        kept = np.array([graded or parse_label(one)[0] not in GRADED for one in sums.labels])
        labels = [one for one, keep in zip(sums.labels, kept.tolist(), strict=True) if keep]
        return Sums(labels, sums.numerators[order][:, kept], sums.denominators[order][:, kept])


def compare_bundles(
    directories: Sequence[str | os.PathLike[str]], *, allow_custom: Collection[str] = ()
) -> Comparison:
    """Judge bundles again on the test part of their recipes, and test each against the first.

    Each is judged as it would answer: with its own index. Data that several name are read once.

    Args:
        directories: two bundles or more.
        allow_custom: see `Bundle.open`.

    Returns:
        Their figures, and by how much each is above the first.

    Raises:
        EvaluationError: there are fewer than two, or they were not tested on the same pairs among
            the same candidates.
        BundleError: one is no whole bundle, or has no recipe.
        DataError: data cannot be read.
    """
    if len(directories) < 2:
        raise EvaluationError(
            "bundles to compare", got=[str(one) for one in directories], expected="two or more"
        )
    names = _names([Path(one) for one in directories])
    opened = [_open(one, allow_custom=allow_custom) for one in directories]
    ks = opened[0][1].evaluation.ks
    loaded: dict[bytes, Split] = {}
    tested: list[_Tested] = []
    for name, (bundle, recipe) in zip(names, opened, strict=True):
        key = msgspec.json.encode((recipe.data, recipe.split))
        if key not in loaded:
            loaded[key] = split(sources.load(recipe.data), recipe.split)
        tested.append(_test(name, bundle, loaded[key], ks=ks))
    for other in tested[1:]:
        _require_same(tested[0], other)
    return _compared(tested)


def _names(paths: Sequence[Path]) -> list[str]:
    """What bundles are called: their folder's name where these differ, else their path."""
    short = [path.resolve().name for path in paths]
    names = short if len(set(short)) == len(short) else [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise EvaluationError("a bundle is given twice", got=names, fix="Name each once.")
    return names


def _open(
    directory: str | os.PathLike[str], *, allow_custom: Collection[str]
) -> tuple[Bundle, Recipe]:
    bundle = Bundle.open(directory, allow_custom=allow_custom)
    if bundle.recipe is None:
        raise BundleError(
            f"The bundle at {directory} has no recipe, so its data are not known",
            fix="Train with a recipe.",
        )
    return bundle, bundle.recipe


def _test(name: str, bundle: Bundle, parts: Split, *, ks: Sequence[int]) -> _Tested:
    """Measure a bundle."""
    trained = bundle.trained
    assert isinstance(trained, TrainedModel)
    train = with_histories(parts.seen, trained.config, train=parts.seen)
    test = with_histories(parts.test, trained.config, train=parts.seen)
    popularity = Popularity.fit(parts.train)
    if bundle.index.is_exact:
        found = measure(trained, test, train=train, ks=ks, popularity=popularity)
    else:
        found = measure_index(
            trained, bundle.index, test=test, train=train, ks=ks, popularity=popularity
        )
    return _Tested(
        name=name,
        found=found,
        pairs=_pairs(found, test),
        ids=test.query_ids.gather(found.truth.query_row),
        candidates=test.candidate_ids.sort(),
        changed=parts.train.fingerprint() != bundle.provenance.get("data_fingerprint"),
    )


def _pairs(found: Views, test: Dataset) -> pl.DataFrame:
    """The test pairs by id, each with its events, its gain and whether training had it."""
    truth = found.truth
    owner = np.repeat(truth.query_row, np.diff(truth.indptr))
    assert found.unseen is not None
    columns = {
        "query": test.query_ids.gather(owner),
        "candidate": test.candidate_ids.gather(truth.candidate_row),
        "events": truth.events,
        "unseen": found.unseen,
        "gain": [None] * len(owner) if truth.gain is None else truth.gain,
    }
    return pl.DataFrame(columns, schema_overrides={"gain": pl.Float64}).sort("query", "candidate")


def _require_same(first: _Tested, other: _Tested) -> None:
    """Refuse bundles that were not tested alike."""
    keys = ["query", "candidate"]
    if not first.pairs.select(*keys, "events").equals(other.pairs.select(*keys, "events")):
        common = first.pairs.join(other.pairs, on=keys, how="semi").height
        raise EvaluationError(
            f"{first.name} and {other.name} were not tested on the same pairs",
            got=f"{first.pairs.height:,} and {other.pairs.height:,} pairs, {common:,} in common",
            fix="Train them with the same [data] and [split].",
        )
    if not first.candidates.equals(other.candidates):
        common = first.candidates.is_in(other.candidates.implode()).sum()
        raise EvaluationError(
            f"{first.name} and {other.name} were not tested among the same candidates",
            got=f"{len(first.candidates):,} and {len(other.candidates):,}, {common:,} in common",
            fix="Train them with the same [data].",
        )


def _compared(tested: Sequence[_Tested]) -> Comparison:
    first, others = tested[0], tested[1:]
    same_seen = all(first.pairs["unseen"].equals(other.pairs["unseen"]) for other in others)
    graded = all(first.pairs["gain"].equals(other.pairs["gain"]) for other in others)
    warnings = about_size(first.found.seen_included.queries)
    warnings += [
        f"The data of {each.name} have changed since its training."
        for each in tested
        if each.changed
    ]
    if not graded:
        warnings.append("They weigh the test pairs differently: graded figures are left out.")
    if not same_seen:
        warnings.append(
            "They were trained on different interactions, so without the seen candidates they are "
            "not tested on the same pairs: that view is left out."
        )
    found = {each.name: each.sums(each.found.seen_included, graded=graded) for each in tested}
    views = {each.name: each.found.seen_excluded for each in tested} if same_seen else {}
    unseen = {
        each.name: each.sums(view, graded=graded)
        for each in tested
        if (view := views.get(each.name))
    }
    included = _against_first(found)
    excluded = _against_first(unseen) if unseen else {}
    return Comparison(
        models={
            each.name: Figures(
                seen_included=found[each.name].figures(),
                seen_excluded=unseen[each.name].figures() if unseen else {},
            )
            for each in tested
        },
        differences={
            each.name: Differences(
                seen_included=included[each.name], seen_excluded=excluded.get(each.name, {})
            )
            for each in others
        },
        queries=first.found.seen_included.queries,
        pairs=first.found.seen_included.pairs,
        candidates=len(first.candidates),
        warnings=tuple(warnings),
    )


def _against_first(sums: Mapping[str, Sums]) -> dict[str, dict[str, Difference]]:
    """By how much the figures of each are above those of the first."""
    (_, first), *others = sums.items()
    return {
        name: differences(each, {"first": first}, resamples=RESAMPLES, seed=0)["first"]
        for name, each in others
    }
