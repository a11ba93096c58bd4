"""The parts of a data set, and how it is cut into them."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Int64

from turret.data.dataset import Dataset, Interactions
from turret.errors import SplitError

__all__ = ["Split", "cut_parts", "shared_pairs"]


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of a data set.

    Attributes:
        train: what a model learns from.
        validation: what settings are chosen by, or None.
        test: what a model is judged by.
        notes: sentences on how the parts came about and what they share.
        fold_in: what is known of queries that are held out as a whole: shown to a model, which is
            not trained on it; None where no query is.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset
    notes: tuple[str, ...]
    fold_in: Dataset | None = None

    @property
    def seen(self) -> Dataset:
        """What is known when the held-back parts are asked for: the training and the fold-in."""
        if self.fold_in is None:
            return self.train
        return self.train.with_interactions(_joined(self.train, self.fold_in))


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


def cut_parts(
    dataset: Dataset,
    *,
    train: Int64[np.ndarray, " train"],
    validation: Int64[np.ndarray, " validation"] | None,
    test: Int64[np.ndarray, " test"],
    how: str,
    fold_in: Int64[np.ndarray, " fold_in"] | None = None,
) -> Split:
    """Cuts a data set into parts, and counts the pairs that are on both sides.

    Args:
        dataset: the whole.
        train: which of its events are trained on.
        validation: which are validated on, if any.
        test: which are tested on.
        how: how they were chosen, to be told.
        fold_in: which are known of held-out queries, if any.

    Returns:
        The parts, over the tables of the whole.

    Raises:
        SplitError: if a part is empty.
    """
    sizes = {"training": train, "validation": validation, "test": test, "fold-in": fold_in}
    for name, events in sizes.items():
        if events is not None and len(events) == 0:
            raise SplitError(
                f"The {name} part of the split is empty ({how}, "
                f"{len(dataset.interactions):,} interactions in all)",
                fix="Choose other fractions or another cut, or give more interactions.",
            )

    def part(events: np.ndarray) -> Dataset:
        # What the parts were called has served its purpose.
        return dataset.with_interactions(replace(dataset.interactions.take(events), part=None))

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
    return Split(
        train=learnt,
        validation=validated,
        test=tested,
        notes=tuple(notes),
        fold_in=None if fold_in is None else part(fold_in),
    )


def _joined(one: Dataset, other: Dataset) -> Interactions:
    """The events of both."""
    a, b = one.interactions, other.interactions

    def both(name: str) -> np.ndarray | None:
        first, second = getattr(a, name), getattr(b, name)
        return None if first is None or second is None else np.concatenate([first, second])

    return Interactions(
        query_row=np.concatenate([a.query_row, b.query_row]),
        candidate_row=np.concatenate([a.candidate_row, b.candidate_row]),
        timestamp=both("timestamp"),
        weight=both("weight"),
    )
