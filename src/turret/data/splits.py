"""Splits: which events are trained on and which are held back.

A split separates events. No event is on both sides; the same pair of query and candidate may be,
if it occurred twice, and then the notes say how often. All parts share the tables of the whole, so
rows mean the same in each. The validation part comes off the training part: the test part is the
same with and without it.
"""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from turret.data.dataset import Dataset
from turret.data.frames import timestamp_seconds
from turret.data.parts import Split, cut_parts
from turret.errors import DataError, SplitError
from turret.recipe import data as recipe

__all__ = [
    "fold_in_split",
    "given_split",
    "leave_last_out_split",
    "random_split",
    "split",
    "temporal_split",
]


def split(dataset: Dataset, config: recipe.Split) -> Split:
    """Splits a data set as a recipe says.

    `leave_last_out` holds back events by their order and not by a share of them: of
    `validation_fraction` it only asks whether it is above 0.

    Args:
        dataset: the whole.
        config: the section `[split]`.

    Returns:
        The parts.

    Raises:
        SplitError: if the split is impossible, or leaves a part empty.

    Example:
        >>> events = {"user_id": [1, 1, 2, 2, 2], "item": ["a", "b", "a", "c", "d"]}
        >>> dataset = Dataset.from_frames(events, query_id="user_id", candidate_id="item")
        >>> parts = split(dataset, recipe.Split(test_fraction=0.4))
        >>> len(parts.train.interactions), len(parts.test.interactions)
        (3, 2)
    """
    if config.kind == "random":
        return random_split(
            dataset,
            test_fraction=config.test_fraction,
            validation_fraction=config.validation_fraction,
            seed=config.seed,
        )
    if config.kind == "temporal":
        return temporal_split(
            dataset,
            test_fraction=config.test_fraction,
            validation_fraction=config.validation_fraction,
            cut=config.cut,
            validation_cut=config.validation_cut,
        )
    if config.kind == "given":
        return given_split(dataset, test=config.test, validation=config.validation)
    if config.kind == "fold_in":
        return fold_in_split(
            dataset,
            test_fraction=config.test_fraction,
            validation_fraction=config.validation_fraction,
            shown=config.fold_in,
            seed=config.seed,
        )
    return leave_last_out_split(dataset, validation=config.validation_fraction > 0)


def random_split(
    dataset: Dataset, *, test_fraction: float, validation_fraction: float = 0.0, seed: int
) -> Split:
    """Splits events by chance.

    One permutation of the `n` events is drawn from `seed`. Its last `round(n * test_fraction)`
    events are the test part, the `round(n * validation_fraction)` before them the validation part,
    the others the training part. Events stay in the order of the permutation.

    Args:
        dataset: the whole.
        test_fraction: the share of all events that is tested on, between 0 and 1.
        validation_fraction: the share of all events that is validated on, 0 for none.
        seed: decides the permutation.

    Returns:
        The parts.

    Raises:
        SplitError: if a part would be empty.
    """
    n = len(dataset.interactions)
    num_test, num_validation = round(n * test_fraction), round(n * validation_fraction)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n)
    num_train = max(n - num_test - num_validation, 0)
    return cut_parts(
        dataset,
        train=order[:num_train],
        validation=order[num_train : n - num_test] if validation_fraction > 0 else None,
        test=order[n - num_test :],
        how=f"random, seed {seed}",
    )


def temporal_split(
    dataset: Dataset,
    *,
    test_fraction: float | None = None,
    validation_fraction: float = 0.0,
    cut: str | float | None = None,
    validation_cut: str | float | None = None,
) -> Split:
    """Splits events by time: the test part begins at a moment, and all before it is trained on.

    Args:
        dataset: the whole, with a time for each event.
        test_fraction: without a `cut`, the moment is the latest one with at least this share of all
            events at or after it. Events of one moment stay together.
        validation_fraction: likewise for the validation part, which ends where the test part
            begins; 0 for none, unless `validation_cut` is given.
        cut: the moment the test part begins: an ISO 8601 date or time (without a zone: UTC), or
            seconds since 1970 UTC.
        validation_cut: the moment the validation part begins, before `cut`.

    Returns:
        The parts, events in their former order.

    Raises:
        SplitError: if times are missing, a cut is no time, or a part would be empty.
    """
    times = _times(dataset)
    ordered = np.sort(times)
    if cut is None and test_fraction is None:
        raise SplitError("A temporal split needs a test_fraction or a cut")
    test_from = _moment(cut, ordered, share=test_fraction or 0.0)
    is_test = times >= test_from
    train, validation = ~is_test, None
    if validation_cut is not None or validation_fraction > 0:
        before = ordered[: np.searchsorted(ordered, test_from)]
        share = validation_fraction * len(ordered) / max(len(before), 1)
        validation_from = _moment(validation_cut, before, share=share)
        validation = np.flatnonzero(train & (times >= validation_from))
        train = train & (times < validation_from)
    return cut_parts(
        dataset,
        train=np.flatnonzero(train),
        validation=validation,
        test=np.flatnonzero(is_test),
        how=f"by time, the test part from {_iso(test_from)}",
    )


def leave_last_out_split(dataset: Dataset, *, validation: bool = False) -> Split:
    """Holds back the last event of each query that has more than one.

    Args:
        dataset: the whole, with a time for each event. Of events of one moment the later one in
            the data set is the last.
        validation: whether the last event but one is held back too, as validation part, from each
            query that has more than two.

    Returns:
        The parts, events in their former order.

    Raises:
        SplitError: if times are missing, or a part would be empty.
    """
    events = pl.DataFrame(
        {
            "query": dataset.interactions.query_row,
            "time": _times(dataset),
            "event": np.arange(len(dataset.interactions), dtype=np.int64),
        }
    ).sort("query", "time", "event")
    query = events["query"].to_numpy()
    event = events["event"].to_numpy()
    first, last = np.ones(len(query), dtype=bool), np.ones(len(query), dtype=bool)
    first[1:] = query[1:] != query[:-1]
    last[:-1] = first[1:]
    is_test = last & ~first
    is_validation = np.zeros_like(is_test)
    if validation:
        is_validation[:-1] = is_test[1:] & ~first[:-1]
    return cut_parts(
        dataset,
        train=np.sort(event[~(is_test | is_validation)]),
        validation=np.sort(event[is_validation]) if validation else None,
        test=np.sort(event[is_test]),
        how="each query's last interaction",
    )


def given_split(dataset: Dataset, *, test: str, validation: str | None = None) -> Split:
    """Splits events as their data say: by the names of parts that they come with.

    Args:
        dataset: the whole, of which each event names its part.
        test: the name of the events that are tested on.
        validation: the name of those that are validated on; None for no validation part. All other
            events are trained on, whatever their parts are called.

    Returns:
        The parts, events in their former order.

    Raises:
        SplitError: if the events name no parts, or a part would be empty.
    """
    part = dataset.interactions.part
    if part is None:
        raise SplitError(
            "This split is given with the data, but they name no parts",
            fix="Name the column that says which part an interaction belongs to as data.part.",
        )
    for name in (test, validation):
        if name is not None and not (part == name).any():
            raise SplitError(
                "There is no such part in the data",
                got=name,
                expected=", ".join(repr(str(one)) for one in np.unique(part)[:10]),
                fix="Name the parts in split.test and split.validation.",
            )
    is_test = part == test
    is_validation = np.zeros_like(is_test) if validation is None else part == validation
    return cut_parts(
        dataset,
        train=np.flatnonzero(~(is_test | is_validation)),
        validation=None if validation is None else np.flatnonzero(is_validation),
        test=np.flatnonzero(is_test),
        how="as given",
    )


def fold_in_split(
    dataset: Dataset,
    *,
    test_fraction: float,
    validation_fraction: float = 0.0,
    shown: float = 0.8,
    seed: int,
) -> Split:
    """Holds out queries as a whole: of each a share of the events is shown, the others are asked.

    A model is trained on other queries alone, so it must know a query by what it has met: strong
    generalisation.

    Args:
        dataset: the whole.
        test_fraction: the share of the queries that are tested on, between 0 and 1; of those with
            at least two events.
        validation_fraction: likewise the share that is validated on; 0 for none.
        shown: the share of a held-out query's events that is shown, at least one and not all:
            `floor(shown * events)` of them, drawn at random.
        seed: decides what chance decides.

    Returns:
        The parts, events in their former order; `Split.fold_in` has what is shown.

    Raises:
        SplitError: if a part would be empty.

    Reference:
        Liang et al. (2018), Variational autoencoders for collaborative filtering, section 4.1.
        https://arxiv.org/abs/1802.05814; the name is of Marlin (2004), Collaborative filtering: a
        machine learning perspective.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    query = dataset.interactions.query_row
    counts = np.bincount(query, minlength=dataset.num_queries)
    drawn = rng.permutation(np.flatnonzero(counts >= 2))
    tested = round(len(drawn) * test_fraction)
    validated = round(len(drawn) * validation_fraction)
    kind = np.zeros(dataset.num_queries, dtype=np.int8)
    kind[drawn[:tested]] = 1
    kind[drawn[tested : tested + validated]] = 2
    # The place of each event among those of its query, in an order of chance.
    order = np.lexsort((rng.random(len(query)), query))
    begins = np.cumsum(counts) - counts
    place = np.empty(len(query), dtype=np.int64)
    place[order] = np.arange(len(query)) - begins[query[order]]
    known = np.clip(np.floor(shown * counts), 1, np.maximum(counts - 1, 1))
    is_shown = place < known[query]
    of = kind[query]
    return cut_parts(
        dataset,
        train=np.flatnonzero(of == 0),
        validation=np.flatnonzero((of == 2) & ~is_shown) if validation_fraction > 0 else None,
        test=np.flatnonzero((of == 1) & ~is_shown),
        how=f"by held-out queries, seed {seed}",
        fold_in=np.flatnonzero((of > 0) & is_shown),
    )


def _times(dataset: Dataset) -> np.ndarray:
    """The times of all events; refuses gaps."""
    times = dataset.interactions.timestamp
    if times is None:
        raise SplitError(
            "This split goes by time, but the data set has no times",
            fix="Name the column of times as data.timestamp, or split at random.",
        )
    missing = int(np.isnan(times).sum())
    if missing:
        raise SplitError(
            f"This split goes by time, but {missing:,} of {len(times):,} interactions have none",
            fix="Fill the times in, drop these interactions, or split at random.",
        )
    return times


def _moment(cut: str | float | None, ordered: np.ndarray, *, share: float) -> float:
    """The moment a cut names, or that leaves at least a share of ascending times behind it."""
    if cut is None:
        held = min(round(len(ordered) * share), len(ordered))
        return float(ordered[len(ordered) - held]) if held else float("inf")
    if not isinstance(cut, str):
        return float(cut)
    try:
        return float(timestamp_seconds(pl.Series([cut]), unit="s")[0])
    except DataError as error:
        raise SplitError(
            "The cut of a temporal split is no time",
            got=cut,
            expected="ISO 8601 such as 2024-05-31, or seconds since 1970 UTC",
        ) from error


def _iso(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"
