"""The evaluation ranks exactly what the recommender serves, at every place."""

from unittest.mock import ANY

import numpy as np
import pytest
from bundles import bundle_of, dataset, model

from turret.data.dataset import Dataset
from turret.evaluation.measure import Views, measure, views
from turret.evaluation.metrics.figures import WHOLE
from turret.evaluation.ranking import Ranks
from turret.evaluation.retrieved import measure_index
from turret.evaluation.truth import Truth
from turret.recommender.recommender import Recommender

KS = (1, 2, 5, 10, 20, 50, 120)


def parts() -> tuple[Dataset, Dataset]:
    """Training without the users of rows 0 to 4 and the films of rows 0 to 9, and a test of all."""
    whole = dataset()
    events = whole.interactions
    held = np.random.default_rng(2).random(len(events)) < 0.3
    held |= (events.query_row < 5) | (events.candidate_row < 10)
    train, test = (np.flatnonzero(rows) for rows in (~held, held))
    return (
        whole.with_interactions(events.take(train)),
        whole.with_interactions(events.take(test)),
    )


def served(recommender: Recommender, train: Dataset, test: Dataset) -> Views:
    """The figures by the places at which the recommender answers with each test candidate."""
    truth = Truth.of(test.interactions, num_candidates=test.num_candidates)
    columns = recommender.bundle.query_encoder.columns
    asked = test.queries[truth.query_row].select(recommender.query_id, *columns[1:])
    films = test.candidate_ids.gather(truth.candidate_row).to_list()
    owner = np.repeat(np.arange(len(truth)), np.diff(truth.indptr))
    places, counts = [], np.zeros(len(truth), np.int64)
    for exclude_seen in (False, True):
        hits = recommender.recommend(asked, test.num_candidates, exclude_seen=exclude_seen)
        found = [
            {name: place for place, name in enumerate(ids[:count], start=1)}
            for ids, count in zip(hits.ids.tolist(), hits.counts.tolist(), strict=True)
        ]
        pairs = zip(owner.tolist(), films, strict=True)
        counts = hits.counts.astype(np.int64)
        places.append(np.array([found[query].get(film, 0) for query, film in pairs], np.int32))
    ranks = Ranks(*places, num_candidates=test.num_candidates, num_unseen=counts)
    fallbacks = int(recommender.fallbacks(asked).sum())
    return views(truth, ranks, ks=KS, fallbacks=fallbacks)


def figures(found: Views) -> tuple[int, dict[str, float], dict[str, float]]:
    assert found.seen_excluded is not None
    return found.fallbacks, found.seen_included.figures, found.seen_excluded.figures


@pytest.mark.parametrize("query", [("user",), ("user", "country")])
def test_the_figures_are_those_of_what_is_served(query: tuple[str, ...]) -> None:
    train, test = parts()
    trained = model(train, query=query)
    bundle = bundle_of(train, trained)
    expected = figures(served(Recommender(bundle), train, test))
    # Users of whom nothing is known get the popular films. Where the country is known too, only
    # those without one are left.
    tested = np.unique(test.interactions.query_row)
    unknown = int((~trained.known_queries(test.queries[tested])).sum())
    assert expected[0] == unknown > 0
    assert figures(measure(trained, test, train=train, ks=KS)) == expected
    found = measure_index(trained, bundle.index, test=test, train=train, ks=KS)
    # Its answers are no whole ranking.
    listed = [{n: v for n, v in view.items() if n not in WHOLE} for view in expected[1:]]
    assert figures(found) == (unknown, *({**v, **dict.fromkeys(WHOLE, ANY)} for v in listed))


def test_a_film_that_training_did_not_meet_stands_where_a_score_of_zero_does() -> None:
    train, test = parts()
    trained = model(train)
    recommender = Recommender(bundle_of(train, trained))
    met = np.bincount(train.interactions.candidate_row, minlength=train.num_candidates) > 0
    strangers = train.candidate_ids.filter(~met).to_list()
    user = test.queries["user"].gather(np.unique(train.interactions.query_row)[:1]).to_list()
    hits = recommender.recommend({"user": user}, train.num_candidates)
    ids, scores = hits.ids[0].tolist(), hits.scores[0]
    assert len(strangers) >= 10
    assert [name for name, score in zip(ids, scores, strict=True) if score == 0] == strangers
    assert (np.diff(scores) <= 0).all()
    assert scores[0] > 0 > scores[-1]
