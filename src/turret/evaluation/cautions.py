"""What a reader of a report should be told in words."""

from collections.abc import Mapping

import numpy as np

from turret.data.dataset import Dataset
from turret.evaluation.metrics.figures import TOP_K_ACCURACY, parse_label
from turret.evaluation.report import BaselineFigures, Figures

__all__ = ["about_data", "about_fallbacks", "about_figures"]

_FEW_QUERIES = 100


def about_data(train: Dataset, test: Dataset, *, shared: int) -> list[str]:
    """Says what makes figures doubtful whatever the model.

    Args:
        train: the events that were trained on.
        test: the events that are evaluated, over the same tables.
        shared: how many of these are of a pair that also occurs in training.

    Returns:
        A sentence on each of these, where it holds: fewer than 100 queries are tested; test pairs
        occur in training too; test queries or test candidates do not occur in training.
    """
    learnt, asked = train.interactions, test.interactions
    found: list[str] = []
    tested = np.bincount(asked.query_row, minlength=test.num_queries) > 0
    queries = int(tested.sum())
    if queries < _FEW_QUERIES:
        found.append(
            f"Only {queries:,} queries are tested: "
            f"below {_FEW_QUERIES} the figures depend much on which they are."
        )
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
    return found


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


def about_figures(model: Figures, baselines: Mapping[str, BaselineFigures]) -> list[str]:
    """Compares a model with its baselines.

    Args:
        model: its figures.
        baselines: the figures of each baseline by name.

    Returns:
        For each baseline and view one sentence on where the model's top-k accuracy is not above
        the baseline's, and one if the test has no truth at all.
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
    return found
