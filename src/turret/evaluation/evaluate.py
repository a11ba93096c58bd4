"""Evaluates a trained model: its figures, baselines, intervals and what to be careful about."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from turret.data.dataset import Dataset
from turret.data.histories import with_histories
from turret.data.parts import Split
from turret.errors import DataError, EvaluationError, MissingPartError
from turret.evaluation.baselines import base
from turret.evaluation.baselines.fallback import with_fallback
from turret.evaluation.baselines.fitting import fit_baseline
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.bootstrap import intervals
from turret.evaluation.cautions import about_data, about_fallbacks, about_figures
from turret.evaluation.grouping import slices_by
from turret.evaluation.loss import test_loss
from turret.evaluation.measure import Model, View, Views, measure, measure_baseline
from turret.evaluation.metrics.rank_table import check_ks, headline
from turret.evaluation.paired import Difference, differences
from turret.evaluation.parts import (
    BaselineFigures,
    Differences,
    Figures,
    Intervals,
    ListFigures,
    SampledFigures,
    SliceFigures,
    TrainFigures,
)
from turret.evaluation.ranking import Ties
from turret.evaluation.report import Report
from turret.evaluation.retrieved import Searchable, measure_index
from turret.evaluation.sampled import sampled_report
from turret.evaluation.shown import list_report
from turret.evaluation.slices import Slice, popularity_deciles, slices_of
from turret.evaluation.truth import Truth
from turret.model.trained import TrainedModel
from turret.recipe.baselines import Baseline, resolve_baselines
from turret.recipe.loss import Loss
from turret.recipe.sampled import Sampled

__all__ = ["evaluate"]


class _Parts(NamedTuple):
    """The parts of the data.

    Attributes:
        train: what was trained on.
        seen: what is known when the test is asked for.
        test: the test.
        popularity: of the training. Of held-out queries nothing is trained on, so what is shown of
            them makes nothing popular.
    """

    train: Dataset
    seen: Dataset
    test: Dataset
    popularity: Popularity


class _Rival(NamedTuple):
    """A baseline that was measured."""

    fitted: base.Baseline
    views: Views
    seconds: float

    @property
    def figures(self) -> BaselineFigures:
        both = _figures(self.views)
        return BaselineFigures(
            seen_included=both.seen_included,
            seen_excluded=both.seen_excluded,
            seconds=self.seconds,
        )


def evaluate(
    model: Model,
    split: Split | tuple[Dataset, Dataset],
    *,
    ks: Sequence[int] = (1, 5, 10, 20, 50, 100),
    loss: Loss | None = None,
    batch_size: int = 4096,
    bootstrap: int = 1000,
    baselines: Sequence[str | Baseline] = ("popularity",),
    train_queries: int = 10_000,
    index: Searchable | None = None,
    slices: bool = True,
    slice_by: Sequence[str] = (),
    lists: bool = True,
    sampled: Sampled | None = None,
    score_based: bool = False,
    seed: int = 42,
) -> Report:
    """Evaluates a model on test pairs, over the whole catalogue.

    The top-k accuracy is per test pair: the share of which the candidate is among the first k,
    every other candidate competing. The other metrics are per query, averaged over the queries
    with a truth. Both are taken with the query's training candidates in the ranking and without.
    Ranks are those that are served: a query of which the model knows nothing gets the candidates
    with the most training events.

    Args:
        model: what is evaluated.
        split: the parts of the data, or training and test data over the same tables. Of held-out
            queries `split.fold_in` is shown to the model and to the baselines, and counts as seen;
            nothing is trained on it.
        ks: the list lengths.
        loss: the loss to compute on the test pairs too; None leaves it out. Needs a
            `TrainedModel`.
        batch_size: pairs in a batch of that loss.
        bootstrap: resamples for the intervals of the model's figures, and for those of what it is
            above the baselines; 0 leaves them out. Above
            10,000 queries a formula replaces the resamples.
        baselines: kinds, such as "ease", or baselines of `turret.recipe.baselines` with their
            settings; fitted on the training data. One that cannot be fitted is left out, with a
            warning that says why.
        train_queries: how many queries, drawn at random where there are more, to take the figures
            on training pairs of; 0 leaves them out.
        index: judge the ids this index answers instead of the model's full ranking.
        slices: take figures by how often training met the candidate and the query, too.
        slice_by: likewise by the values of columns, such as `"candidates.genre"`. One that is not
            there is left out, with a warning that says so.
        lists: take the figures of the lists that queries are shown, at one list length, too: of
            10,000 queries, drawn at random, where there are more.
        sampled: also rank each test candidate among a few sampled ones, by the model's own scores,
            to reproduce papers that did; None does not.
        score_based: let a test candidate come before others of the same score, as the reference
            does, instead of ranking as an index serves. Ties then look better than they are.
        seed: seed of the bootstrap and of the draw of training queries.

    Returns:
        The report.

    Raises:
        EvaluationError: if a score is not finite, the parts are over different tables, or a
            score-based evaluation is asked of an index that is not exact.
        RecipeError: if a baseline does not exist.
    """
    parts = _parts(model, split)
    _check(parts, index=index, score_based=score_based)
    lengths, ties = check_ks(ks), "truth" if score_based else "row"
    index = None if score_based else index
    own, seconds = _own(model, index, parts, ks=lengths, ties=ties)
    rivals, left_out = _rivals(resolve_baselines(baselines), parts, ks=lengths, ties=ties)
    fitted = {name: rival.fitted for name, rival in rivals.items()}
    by_column, not_there = slices_by(own.truth, parts.test, slice_by)
    bands = (*(slices_of(own.truth, parts.seen) if slices else ()), *by_column)
    tenths = popularity_deciles(own.truth, parts.seen) if slices else ()
    k, found = headline(lengths), _differences(own, rivals, resamples=bootstrap, seed=seed)
    return Report(
        model=_figures(own),
        intervals=_intervals(own, resamples=bootstrap, seed=seed),
        baselines={name: rival.figures for name, rival in rivals.items()},
        differences=found,
        slices=_sliced(own, rivals, bands, k=k),
        deciles=_sliced(own, rivals, tenths, k=k),
        lists=_lists(model, fitted, parts, k=k, index=index, seed=seed) if lists else None,
        sampled=_sampled(model, fitted, parts, split, sampled),
        train=_train(model, parts, ks=lengths, queries=train_queries, ties=ties, seed=seed),
        loss=None if loss is None else _loss(model, parts.test, loss=loss, batch_size=batch_size),
        queries=own.seen_included.queries,
        pairs=own.seen_included.pairs,
        candidates=parts.test.num_candidates,
        warnings=(*_warnings(own, rivals, found, parts, k=k), *left_out, *not_there),
        seconds=seconds,
    )


def _parts(model: Model, split: Split | tuple[Dataset, Dataset]) -> _Parts:
    """The parts of a split, with the histories that the model reads."""
    if isinstance(split, Split):
        train, seen, test = split.train, split.seen, split.test
    else:
        (train, test), seen = split, split[0]
    popularity = Popularity.fit(train)
    if not isinstance(model, TrainedModel):
        return _Parts(train, seen, test, popularity)
    shown = with_histories(seen, model.config, train=seen)
    learnt = shown if train is seen else with_histories(train, model.config, train=seen)
    return _Parts(learnt, shown, with_histories(test, model.config, train=seen), popularity)


def _else_held_back(split: Split | tuple[Dataset, Dataset]) -> tuple[Dataset, ...]:
    """What neither trained nor tests."""
    validation = split.validation if isinstance(split, Split) else None
    return () if validation is None else (validation,)


def _check(parts: _Parts, *, index: Searchable | None, score_based: bool) -> None:
    if score_based and index is not None and not index.is_exact:
        raise EvaluationError(
            "a score-based evaluation needs an exact index",
            got=type(index).__name__,
            fix="Evaluate by id, or give no index.",
        )
    for what in ("query_ids", "candidate_ids"):
        ours, theirs = getattr(parts.train, what), getattr(parts.test, what)
        if ours is not theirs and not ours.equals(theirs):
            raise EvaluationError(
                f"training and test data differ in their {what.replace('_', ' ')}",
                got=f"{len(ours)} and {len(theirs)} ids",
                expected="the same ids in the same rows",
                fix="Split one data set, so that both parts share its tables.",
            )


def _figures(found: Views) -> Figures:
    return Figures(
        seen_included=found.seen_included.figures,
        seen_excluded={} if found.seen_excluded is None else found.seen_excluded.figures,
    )


def _own(
    model: Model, index: Searchable | None, parts: _Parts, *, ks: Sequence[int], ties: Ties
) -> tuple[Views, float]:
    """What was measured of the model, and the seconds that took."""
    start = time.perf_counter()
    _, seen, test, popularity = parts
    if index is None:
        own = measure(model, test, train=seen, ks=ks, ties=ties, popularity=popularity)
    else:
        own = measure_index(model, index, test=test, train=seen, ks=ks, popularity=popularity)
    return own, time.perf_counter() - start


def _rivals(
    baselines: Sequence[Baseline], parts: _Parts, *, ks: Sequence[int], ties: Ties
) -> tuple[dict[str, _Rival], list[str]]:
    """What was measured of each baseline, and a sentence on each that could not be fitted."""
    rivals, left_out = dict[str, _Rival](), list[str]()
    for one in baselines:
        try:
            rivals[one.label] = _baseline(one, parts, ks=ks, ties=ties)
        except (DataError, EvaluationError, MissingPartError) as error:
            left_out.append(f"The baseline {one.label} was left out: {error}")
        except MemoryError as error:
            # What was trained must not be lost by it.
            left_out.append(f"The baseline {one.label} was left out: not enough memory ({error}).")
    return rivals, left_out


def _baseline(config: Baseline, parts: _Parts, *, ks: Sequence[int], ties: Ties) -> _Rival:
    train, seen, test, popularity = parts
    fitted, seconds = fit_baseline(config, train, seen=seen)
    fitted = with_fallback(fitted, seen=seen, popularity=popularity)
    views = measure_baseline(fitted, test, train=seen, ks=ks, ties=ties)
    return _Rival(fitted, views, seconds)


def _warnings(
    own: Views,
    rivals: Mapping[str, _Rival],
    found: Mapping[str, Differences],
    parts: _Parts,
    *,
    k: int,
) -> list[str]:
    """What a reader should be told in words, but for baselines that were left out."""
    theirs = {name: rival.figures for name, rival in rivals.items()}
    shared = own.seen_included.pairs - (own.seen_excluded or own.seen_included).pairs
    return [
        *about_data(parts.seen, parts.test, shared=shared),
        *about_fallbacks(own.fallbacks, queries=own.seen_included.queries),
        *about_figures(_figures(own), theirs, found, k=k),
    ]


def _sliced(
    own: Views, rivals: Mapping[str, _Rival], slices: Sequence[Slice], *, k: int
) -> tuple[SliceFigures, ...]:
    """The figures of the model and of the baselines in each slice, at one list length."""
    found: list[SliceFigures] = []
    for one in slices:
        inside = own.among(one.pairs, ks=(k,))
        theirs = {name: rival.views.among(one.pairs, ks=(k,)) for name, rival in rivals.items()}
        figures = SliceFigures(
            of=one.of,
            least=one.least,
            most=one.most,
            column=one.column,
            value=one.value,
            queries=inside.seen_included.queries,
            pairs=inside.seen_included.pairs,
            model=_figures(inside),
            baselines={name: _figures(views) for name, views in theirs.items()},
        )
        found.append(figures)
    return tuple(found)


def _lists(
    model: Model,
    fitted: Mapping[str, base.Baseline],
    parts: _Parts,
    *,
    k: int,
    index: Searchable | None,
    seed: int,
) -> ListFigures:
    """The figures of the lists that are shown."""
    known = (parts.seen, parts.test)
    return list_report(
        model, fitted, known, k=k, index=index, popularity=parts.popularity, seed=seed
    )


def _sampled(
    model: Model,
    fitted: Mapping[str, base.Baseline],
    parts: _Parts,
    split: Split | tuple[Dataset, Dataset],
    config: Sampled | None,
) -> SampledFigures | None:
    """The figures among a few, where they are asked for."""
    if config is None:
        return None
    held = (parts.seen, parts.test, *_else_held_back(split))
    return sampled_report(model, fitted, held, config, popularity=parts.popularity)


def _intervals(found: Views, *, resamples: int, seed: int) -> Intervals | None:
    if resamples == 0:
        return None

    def of(view: View | None) -> dict[str, tuple[float, float]]:
        return {} if view is None else intervals(view.sums, resamples=resamples, seed=seed)

    return Intervals(seen_included=of(found.seen_included), seen_excluded=of(found.seen_excluded))


def _differences(
    own: Views, rivals: Mapping[str, _Rival], *, resamples: int, seed: int
) -> dict[str, Differences]:
    """By how much the model is above each baseline."""
    if resamples == 0:
        return {}

    def of(
        view: View | None, theirs: Mapping[str, View | None]
    ) -> dict[str, dict[str, Difference]]:
        if view is None:
            return {name: {} for name in theirs}
        others = {name: other.sums for name, other in theirs.items() if other is not None}
        return differences(view.sums, others, resamples=resamples, seed=seed)

    included = of(own.seen_included, {n: each.views.seen_included for n, each in rivals.items()})
    excluded = of(own.seen_excluded, {n: each.views.seen_excluded for n, each in rivals.items()})
    return {
        name: Differences(seen_included=included[name], seen_excluded=excluded[name])
        for name in rivals
    }


def _train(
    model: Model, parts: _Parts, *, ks: Sequence[int], queries: int, ties: Ties, seed: int
) -> TrainFigures | None:
    """The figures on the pairs of some training queries."""
    if queries == 0:
        return None
    train = parts.train
    truth = Truth.of(train.interactions, num_candidates=train.num_candidates)
    if queries < len(truth):
        drawn = np.random.default_rng(seed).choice(len(truth), size=queries, replace=False)
        truth = truth.take(np.sort(drawn))
    views = measure(model, train, ks=ks, ties=ties, truth=truth, popularity=parts.popularity)
    found = views.seen_included
    return TrainFigures(seen_included=found.figures, queries=found.queries, pairs=found.pairs)


def _loss(model: Model, test: Dataset, *, loss: Loss, batch_size: int) -> dict[str, float]:
    if not isinstance(model, TrainedModel):
        raise EvaluationError(
            "only a TrainedModel has a loss", got=type(model).__name__, fix="Leave loss out."
        )
    found = test_loss(model, test, loss=loss, batch_size=batch_size)
    return {"test": found["test"], "last_batch": found["last_batch"]}
