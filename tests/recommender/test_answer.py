"""What a recommender says besides its hits: fallbacks, vectors, what is known of candidates."""

import numpy as np
import pytest
from bundles import by_country, by_id

from turret.errors import QueryError
from turret.recommender.recommender import Recommender


def test_an_answer_is_what_recommend_and_fallbacks_say() -> None:
    recommender = Recommender(by_id())
    queries = {"user": ["3", "nobody", 17]}
    answer = recommender.answer(queries, 5, exclude_seen=True, deny=["f7"])
    hits = recommender.recommend(queries, 5, exclude_seen=True, deny=["f7"])
    assert answer.hits.ids.tolist() == hits.ids.tolist()
    assert answer.hits.scores.tobytes() == hits.scores.tobytes()
    assert answer.fallback.tolist() == recommender.fallbacks(queries).tolist()
    assert answer.fallback.tolist() == [False, True, False]


def test_vectors_give_the_scores() -> None:
    recommender = Recommender(by_country())
    queries = {"user": ["3", "nobody", "nobody"], "country": [None, "no", "nowhere"]}
    vectors = recommender.query_vectors(queries)
    hits = recommender.recommend(queries, 4)
    for query in (0, 1):
        answers = recommender.candidate_vectors(hits.ids[query].tolist())
        np.testing.assert_allclose(answers @ vectors[query], hits.scores[query], rtol=1e-5)
    assert np.isnan(vectors[2]).all()


def test_candidates_are_described_once_each() -> None:
    recommender = Recommender(by_id())
    table = recommender.described(["f4", "no such film", "f2", "f4"])
    assert dict(zip(table["film"], table["title"], strict=True)) == {
        "f2": "Film № 2",
        "f4": "Film № 4",
    }


def test_an_unknown_candidate_has_no_vector() -> None:
    with pytest.raises(QueryError, match="there is no candidate with this film"):
        Recommender(by_id()).candidate_vectors(["f4", "no such film"])
