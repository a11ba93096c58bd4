"""What a reader of a report should be told in words."""

from collections.abc import Mapping, Sequence

import numpy as np

from turret.data.dataset import Dataset
from turret.evaluation.metrics.figures import TOP_K_ACCURACY, label, parse_label
from turret.evaluation.parts import BaselineFigures, Differences, EpochFigures, Figures

__all__ = ["about_data", "about_fallbacks", "about_figures", "about_learning", "about_size"]

_FEW_QUERIES = 100
_FEW_EARLIER = 0.01
"""Up to this share of the test pairs may be earlier, as by clocks that differ."""
_SATURATED = 0.95


def about_data(train: Dataset, test: Dataset, *, shared: int) -> list[str]:
    """Says what makes figures doubtful whatever the model.

    Args:
        train: the events that were trained on.
        test: the events that are evaluated, over the same tables.
        shared: how many of these are of a pair that also occurs in training.

    Returns:
        A sentence on each of these, where it holds: fewer than 100 queries are tested; test pairs
        occur in training too; test queries or test candidates do not occur in training; training
        has interactions of a query that are later than what is tested of it.
    """
    learnt, asked = train.interactions, test.interactions
    tested = np.bincount(asked.query_row, minlength=test.num_queries) > 0
    queries = int(tested.sum())
    found = about_size(queries)
    if shared:
        found.append(
            f"{shared:,} of {len(asked):,} test pairs also occur in training; "
            "they leave the truth where seen candidates are excluded."
        )
    known = np.bincount(learnt.query_row, minlength=test.num_queries) > 0
    new = int((tested & ~known).sum())
    if new:
        found.append(f"{new:,} of {queries:,} test queries have no training interaction.")
    known = np.bincount(learnt.candidate_row, minlength=test.num_candidates) > 0
    new = int((~known[asked.candidate_row]).sum())
    if new:
        found.append(
            f"{new:,} of {len(asked):,} test pairs have a candidate without training interaction."
        )
    return found + _about_time(train, test)


def about_size(queries: int) -> list[str]:
    """Says that a test is small.

    Args:
        queries: how many are tested.

    Returns:
        One sentence where they are fewer than 100, else none.
    """
    if queries >= _FEW_QUERIES:
        return []
    few = "Only 1 query is" if queries == 1 else f"Only {queries:,} queries are"
    return [f"{few} tested: below {_FEW_QUERIES} the figures depend much on which they are."]


def _about_time(train: Dataset, test: Dataset) -> list[str]:
    """Says how many test pairs are earlier than something the model learnt of their query."""
    learnt, asked = train.interactions, test.interactions
    if learnt.timestamp is None or asked.timestamp is None:
        return []
    last = np.full(test.num_queries, -np.inf)
    np.fmax.at(last, learnt.query_row, learnt.timestamp)
    earlier = int((asked.timestamp < last[asked.query_row]).sum())
    if earlier <= _FEW_EARLIER * len(asked):
        return []
    return [
        f"{earlier:,} of {len(asked):,} test pairs are earlier than a training interaction of "
        "their query: the model has seen its future, which flatters it."
    ]


def about_fallbacks(fallbacks: int, *, queries: int) -> list[str]:
    """Says how many queries the figures say nothing about the model's vectors for.

    Args:
        fallbacks: the queries of which the model knows nothing.
        queries: all queries that are tested.

    Returns:
        One sentence, or none where the model knows every query.
    """
    if fallbacks == 0:
        return []
    return [
        f"Of {fallbacks:,} of {queries:,} test queries the model knows nothing: their figures are "
        "those of the popular candidates, which they are served."
    ]


def about_learning(epochs: Sequence[EpochFigures], *, metric: str | None, asked: int) -> list[str]:
    """Says what makes the choice of the best epoch doubtful.

    Args:
        epochs: how the training went.
        metric: what the best epoch was chosen by; None where none was chosen.
        asked: how many epochs were asked for.

    Returns:
        A sentence where the metric came so near to 1 that it cannot tell models apart, and one
        where it was best in the last of all epochs.
    """
    measured = {
        one.epoch: one.validation[metric]
        for one in epochs
        if metric is not None and one.validation is not None and metric in one.validation
    }
    if not measured:
        return []
    best = max(measured, key=lambda epoch: measured[epoch])
    found: list[str] = []
    if measured[best] >= _SATURATED:
        found.append(
            f"The validation is saturated: {metric} reached {measured[best]:.3f}, too near to 1 to "
            "tell models apart. Measure by a shorter list."
        )
    if best == asked:
        found.append(
            f"The validation's {metric} was best in epoch {asked:,}, the last: more may be better."
        )
    return found


def about_figures(
    model: Figures,
    baselines: Mapping[str, BaselineFigures],
    differences: Mapping[str, Differences],
    *,
    k: int,
) -> list[str]:
    """Compares a model with its baselines.

    Args:
        model: its figures.
        baselines: the figures of each baseline by name.
        differences: by how much the model is above each, likewise; empty where not computed.
        k: the list length at which the NDCG is looked at.

    Returns:
        For each baseline and view one sentence on where the model's top-k accuracy is not above
        the baseline's, one where its NDCG is below it by more than chance, and one if the test has
        no truth at all.
    """
    found: list[str] = []
    views = (
        ("included", model.seen_included, "seen_included"),
        ("excluded", model.seen_excluded, "seen_excluded"),
    )
    for seen, figures, view in views:
        if figures and all(np.isnan(list(figures.values()))):
            found.append(f"With seen candidates {seen} no test pair is left: nothing is measured.")
            continue
        for name, baseline in baselines.items():
            theirs: dict[str, float] = getattr(baseline, view)
            lost = [
                parse_label(figure)
                for figure, value in figures.items()
                if parse_label(figure)[0] == TOP_K_ACCURACY and not value > theirs[figure]
            ]
            if lost:
                ks = ", ".join(str(k) for _, k in lost)
                found.append(
                    f"With seen candidates {seen} the model does not beat {name} "
                    f"in {TOP_K_ACCURACY} at k = {ks}."
                )
            test = differences.get(name)
            ndcg = None if test is None else getattr(test, view).get(label("ndcg", k))
            if ndcg is not None and ndcg.high < 0:
                found.append(
                    f"With seen candidates {seen} the model is below {name} in {label('ndcg', k)} "
                    f"by {-ndcg.difference:.4f} (95% interval {-ndcg.high:.4f} to "
                    f"{-ndcg.low:.4f}, p = {ndcg.p:.2g})."
                )
    return found
