"""Splits: which events are trained on and which are held back.

A split separates events. No event is on both sides; the same pair of query and candidate may be,
if it occurred twice, and then the notes say how often. All parts share the tables of the whole, so
rows mean the same in each. The validation part comes off the training part: the test part is the
same with and without it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from jaxtyping import Int64

from turret.data.dataset import Dataset
from turret.data.frames import timestamp_seconds
from turret.errors import DataError, SplitError
from turret.recipe import data as recipe

__all__ = [
    "Split",
    "leave_last_out_split",
    "random_split",
    "shared_pairs",
    "split",
    "temporal_split",
]


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of a data set.

    Attributes:
        train: what a model learns from.
        validation: what settings are chosen by, or None.
        test: what a model is judged by.
        notes: sentences on how the parts came about and what they share.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset
    notes: tuple[str, ...]


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
    return _parts(
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
    return _parts(
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
    return _parts(
        dataset,
        train=np.sort(event[~(is_test | is_validation)]),
        validation=np.sort(event[is_validation]) if validation else None,
        test=np.sort(event[is_test]),
        how="each query's last interaction",
    )


def shared_pairs(one: Dataset, other: Dataset) -> int:
    """Counts the distinct pairs of query and candidate that occur in both parts.

    Args:
        one: a part.
        other: another part over the same tables.

    Returns:
        Their number.
    """
    return len(_pairs(one).to_frame().join(_pairs(other).to_frame(), on="pair", how="semi"))


def _pairs(dataset: Dataset) -> pl.Series:
    keys = dataset.interactions.query_row.astype(np.int64) * max(dataset.num_candidates, 1)
    return pl.Series("pair", keys + dataset.interactions.candidate_row).unique()


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


def _parts(
    dataset: Dataset,
    *,
    train: Int64[np.ndarray, " train"],
    validation: Int64[np.ndarray, " validation"] | None,
    test: Int64[np.ndarray, " test"],
    how: str,
) -> Split:
    """Cuts the data set at these events, refuses empty parts and counts pairs on both sides."""
    sizes = {"training": train, "validation": validation, "test": test}
    for name, events in sizes.items():
        if events is not None and len(events) == 0:
            raise SplitError(
                f"The {name} part of the split is empty ({how}, "
                f"{len(dataset.interactions):,} interactions in all)",
                fix="Choose other fractions or another cut, or give more interactions.",
            )

    def part(events: np.ndarray) -> Dataset:
        return dataset.with_interactions(dataset.interactions.take(events))

    learnt, tested = part(train), part(test)
    validated = None if validation is None else part(validation)
    counts = ", ".join(f"{len(e):,} {name}" for name, e in sizes.items() if e is not None)
    notes = [f"Split {how}: {counts} interactions"]
    for name, other in (("validation", validated), ("test", tested)):
        shared = 0 if other is None else shared_pairs(learnt, other)
        if shared:
            notes.append(
                f"{shared:,} pairs of query and candidate occur in both the training and the "
                f"{name} part"
            )
    return Split(train=learnt, validation=validated, test=tested, notes=tuple(notes))
