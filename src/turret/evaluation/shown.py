"""What queries are shown by a model and by its baselines, and the figures of that."""

from collections.abc import Mapping

import numpy as np

from turret.data.dataset import Dataset
from turret.evaluation.baselines.base import Baseline, BaselineScores
from turret.evaluation.baselines.popularity import Popularity
from turret.evaluation.lists import Lists, list_figures, top_lists
from turret.evaluation.measure import Model, model_scores
from turret.evaluation.parts import Figures, ListFigures
from turret.evaluation.retrieved import Searchable, index_lists
from turret.evaluation.truth import Truth

__all__ = ["list_report"]

_QUERIES = 10_000
"""Up to so many queries are taken."""


def list_report(
    model: Model,
    baselines: Mapping[str, Baseline],
    parts: tuple[Dataset, Dataset],
    *,
    k: int,
    index: Searchable | None = None,
    popularity: Popularity,
    seed: int,
) -> ListFigures:
    """Takes the figures of the lists of test queries.

    Args:
        model: what is evaluated; its candidate vectors say how different candidates are.
        baselines: by name, fitted on the training part.
        parts: the training part, which says what was seen and how many queries met each
            candidate, and the test part, which has the queries.
        k: the length of the lists.
        index: take the answers of this index as the model's lists.
        popularity: ranks for queries of which the model knows nothing.
        seed: of the draw of queries, where there are more than 10,000.

    Returns:
        The figures, with seen candidates and without.
    """
    train, test = parts
    truth = Truth.of(test.interactions, num_candidates=test.num_candidates)
    if len(truth) > _QUERIES:
        drawn = np.random.default_rng(seed).choice(len(truth), size=_QUERIES, replace=False)
        truth = truth.take(np.sort(drawn))
    vectors = model.candidate_vectors(test.candidates)

    def figures(lists: Lists) -> Figures:
        return Figures(
            seen_included=list_figures(lists.included, train=train, vectors=vectors),
            seen_excluded=list_figures(lists.excluded, train=train, vectors=vectors),
        )

    if index is None:
        scores, _ = model_scores(model, test, train=train, truth=truth, popularity=popularity)
        own = top_lists(scores, truth, seen=train.interactions, k=k)
    else:
        own, _ = index_lists(
            model, index, test=test, train=train, truth=truth, k=k, popularity=popularity
        )
    theirs: dict[str, Figures] = {}
    for name, fitted in baselines.items():
        scored = BaselineScores(fitted, truth.query_row)
        theirs[name] = figures(top_lists(scored, truth, seen=train.interactions, k=k))
    return ListFigures(k=k, queries=len(truth), model=figures(own), baselines=theirs)
