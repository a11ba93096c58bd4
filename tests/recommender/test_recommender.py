from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from bundles import CANDIDATES, bundle_of, by_country, by_id, dataset, model

from turret.bundle.bundle import Bundle
from turret.data.dataset import Dataset
from turret.errors import QueryError
from turret.index import registry
from turret.recommender.recommender import Recommender

IDS = dataset().candidate_ids.to_list()
UNKNOWN = ["99", "no such user"]


@pytest.fixture
def recommender() -> Recommender:
    return Recommender(by_id())


def expected(bundle: Bundle, vector: np.ndarray, k: int, out: Collection[str] = ()) -> list[str]:
    """The answer by sorting all candidates."""
    scores = bundle.index.vectors @ vector
    order = sorted(range(CANDIDATES), key=lambda row: (-scores[row], row))
    return [IDS[row] for row in order if IDS[row] not in out][:k]


def popular(k: int, out: Collection[str] = ()) -> tuple[list[str], list[float]]:
    """The candidates with the most interactions, ties by id, counted in plain Python."""
    data = dataset()
    taken = [IDS[row] for row in data.interactions.candidate_row]
    order = sorted(IDS, key=lambda name: (-taken.count(name), IDS.index(name)))
    left = [name for name in order if name not in out][:k]
    return left, [float(taken.count(name)) for name in left]


def seen(user: str) -> set[str]:
    data = dataset()
    row = data.query_ids.to_list().index(user)
    rows = data.interactions.candidate_row[data.interactions.query_row == row]
    return {IDS[candidate] for candidate in rows}


def vector(bundle: Bundle, user: str) -> np.ndarray:
    return bundle.query_vectors[bundle.queries["user"].to_list().index(user)]


def test_a_known_id_gets_the_best(recommender: Recommender) -> None:
    hits = recommender.recommend({"user": ["3", 17]}, 12)
    for user, ids in zip(("3", "17"), hits.ids, strict=True):
        assert ids.tolist() == expected(by_id(), vector(by_id(), user), 12)
    assert hits.counts.tolist() == [12, 12]
    assert recommender.fallbacks({"user": ["3", 17]}).tolist() == [False, False]


@pytest.mark.parametrize(
    "queries",
    [
        {"user": [3, 17]},
        {"user": ("3", "17")},
        {"user": ["3", 17]},
        {"user": np.array([3, 17])},
        {"user": np.array(["3", "17"])},
        {"user": [3.0, 17.0]},
        {"user": pl.Series(["3", "17"])},
        {"user": pl.Series([3, 17], dtype=pl.UInt8)},
        pl.DataFrame({"user": [3, 17]}),
    ],
)
def test_an_id_is_an_id_in_any_type(recommender: Recommender, queries) -> None:
    want = recommender.recommend({"user": ["3", "17"]}, 5)
    got = recommender.recommend(queries, 5)
    assert got.ids.tolist() == want.ids.tolist()
    assert got.scores.tobytes() == want.scores.tobytes()


def test_seen_candidates_are_left_out_when_asked(recommender: Recommender) -> None:
    hits = recommender.recommend({"user": ["3"]}, CANDIDATES, exclude_seen=True)
    left = expected(by_id(), vector(by_id(), "3"), CANDIDATES, seen("3"))
    assert len(seen("3")) > 3
    assert hits.ids[0, : len(left)].tolist() == left
    assert hits.counts.tolist() == [CANDIDATES - len(seen("3"))]


def test_named_candidates_are_left_out(recommender: Recommender) -> None:
    best = expected(by_id(), vector(by_id(), "3"), 4)
    out = [{best[0], best[2], "no such film"}, []]
    hits = recommender.recommend({"user": ["3", "4"]}, 5, exclude=out)
    assert hits.ids[0].tolist() == expected(by_id(), vector(by_id(), "3"), 5, out[0])
    assert hits.ids[1].tolist() == expected(by_id(), vector(by_id(), "4"), 5)
    both = recommender.recommend({"user": ["3"]}, 5, exclude=out[:1], exclude_seen=True)
    assert both.ids[0].tolist() == expected(
        by_id(), vector(by_id(), "3"), 5, seen("3") | {best[0], best[2]}
    )


def test_who_is_unknown_gets_the_popular(recommender: Recommender) -> None:
    hits = recommender.recommend({"user": [UNKNOWN[0], "3", UNKNOWN[1], None]}, 6)
    ids, scores = popular(6)
    for query in (0, 2, 3):
        assert hits.ids[query].tolist() == ids
        assert hits.scores[query].tolist() == scores
    assert hits.ids[1].tolist() == expected(by_id(), vector(by_id(), "3"), 6)
    fallbacks = recommender.fallbacks({"user": [UNKNOWN[0], "3", UNKNOWN[1], None]})
    assert fallbacks.tolist() == [True, False, True, True]


def test_who_has_no_interaction_is_unknown(recommender: Recommender) -> None:
    assert recommender.fallbacks({"user": ["39"]}).tolist() == [True]
    assert recommender.recommend({"user": ["39"]}, 3).ids[0].tolist() == popular(3)[0]


def test_the_popular_obey_exclusions_and_are_still_k(recommender: Recommender) -> None:
    best, _ = popular(CANDIDATES)
    for out in (set(best[:5]), {best[0], best[7]}, set(best[:-3]), set(best)):
        ids, scores = popular(4, out)
        hits = recommender.recommend({"user": UNKNOWN[:1]}, 4, exclude=[out], exclude_seen=True)
        missing = [None] * (4 - len(ids))
        assert hits.ids[0].tolist() == ids + missing
        assert hits.scores[0, : len(scores)].tolist() == scores
        assert hits.counts.tolist() == [len(ids)]


def test_k_beyond_the_candidates(recommender: Recommender) -> None:
    hits = recommender.recommend({"user": ["3", UNKNOWN[0]]}, CANDIDATES + 2)
    assert hits.counts.tolist() == [CANDIDATES, CANDIDATES]
    for ids, scores in zip(hits.ids, hits.scores, strict=True):
        assert sorted(ids[:-2]) == sorted(IDS)
        assert ids[-2:].tolist() == [None, None]
        assert np.isnan(scores).tolist() == [False] * CANDIDATES + [True, True]


@pytest.mark.parametrize("kind", ["exact", "scann", "faiss"])
def test_k_are_left_whatever_is_excluded(kind: str) -> None:
    data = dataset()
    recommender = Recommender(bundle_of(data, model(data), kind=kind))
    users = {"user": [*range(40), *UNKNOWN]}
    rng = np.random.default_rng(0)
    exclude = [rng.choice(IDS, rng.integers(0, CANDIDATES), replace=False) for _ in range(42)]
    hits = recommender.recommend(users, 30, exclude=[set(out.tolist()) for out in exclude])
    for count, out in zip(hits.counts, exclude, strict=True):
        assert count == min(30, CANDIDATES - len(out))
    assert not any(np.isin(i[:n], out).any() for i, n, out in zip(*hits[::2], exclude, strict=True))


def test_no_queries(recommender: Recommender) -> None:
    hits = recommender.recommend({"user": []}, 3)
    assert (hits.ids.shape, hits.scores.shape, hits.counts.shape) == ((0, 3), (0, 3), (0,))


def test_features_are_filled_in_from_the_table() -> None:
    recommender = Recommender(by_country())
    by_user = recommender.recommend({"user": ["3", "4"]}, 7)
    whole = recommender.recommend({"user": ["3", "4"], "country": ["no", "se"]}, 7)
    assert by_user.ids.tolist() == whole.ids.tolist()
    for user, ids in zip(("3", "4"), by_user.ids, strict=True):
        assert ids.tolist() == expected(by_country(), vector(by_country(), user), 7)


def test_a_given_feature_counts_more_than_the_table() -> None:
    bundle = by_country()
    hits = Recommender(bundle).recommend({"user": ["3", "3"], "country": ["se", None]}, 7)
    users, countries = bundle.arrays["tables/query/user"], bundle.arrays["tables/query/country"]
    row = 1 + bundle.query_encoder.vocabularies["query/user"].ids.to_list().index("3")
    assert hits.ids[0].tolist() == expected(bundle, users[row] + countries[2], 7)
    assert hits.ids[1].tolist() == expected(bundle, users[row], 7)


def test_an_unknown_user_with_a_known_feature_is_no_fallback() -> None:
    bundle = by_country()
    recommender = Recommender(bundle)
    queries = {"user": ["99", "99", "99"], "country": ["no", "dk", None]}
    assert recommender.fallbacks(queries).tolist() == [False, True, True]
    hits = recommender.recommend(queries, 5)
    assert hits.ids[0].tolist() == expected(bundle, bundle.arrays["tables/query/country"][1], 5)
    assert hits.ids[1].tolist() == hits.ids[2].tolist() == popular(5)[0]


def test_seen_needs_the_id_and_not_the_features() -> None:
    recommender = Recommender(by_country())
    hits = recommender.recommend(
        {"user": ["3", "99"], "country": ["se", "se"]}, CANDIDATES, exclude_seen=True
    )
    assert hits.counts.tolist() == [CANDIDATES - len(seen("3")), CANDIDATES]


def test_a_table_with_every_column() -> None:
    recommender = Recommender(by_country())
    whole = recommender.recommend(recommender.queries, 4, exclude_seen=True)
    by_user = recommender.recommend(recommender.queries.select("user"), 4, exclude_seen=True)
    assert whole.ids.tolist() == by_user.ids.tolist()


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ({}, "the query has no columns: expected some of user, country"),
        ({"usr": ["1"]}, "no such query column: got 'usr'. Did you mean 'user'?"),
        ({"user": "42"}, "user of the queries is one value: got '42', .*Write \\['42'\\]"),
        ({"user": ["1"], "country": "no"}, "country of the queries is one value"),
        (
            {"user": ["1", "2"], "country": ["no"]},
            "differ in length: got {'user': 2, 'country': 1}",
        ),
        ({"user": [1.5]}, "numbers that are not whole: got 1.5"),
        ({"user": [[1]]}, "user of the queries cannot serve as an id"),
        ({"user": ["a", 1.5]}, "mixes types"),
        (
            {"user": ["1"], "country": [[1]]},
            r"column 'country' cannot serve .* got 'List\(Int64\)'",
        ),
    ],
)
def test_requests_that_are_refused(queries: dict[str, list[object]], message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        Recommender(by_country()).recommend(queries, 1)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("users", [["3"], [UNKNOWN[0]]])
def test_impossible_arguments_are_refused(recommender: Recommender, users: list[str]) -> None:
    with pytest.raises(QueryError, match="k: got 0, expected a whole number of at least 1"):
        recommender.recommend({"user": users}, 0)
    with pytest.raises(QueryError, match="exclude has not one entry for each query: got 2, exp"):
        recommender.recommend({"user": users}, 1, exclude=[[], []])
    with pytest.raises(QueryError, match="exclude: the ids of a query are one string: got 'f1'"):
        recommender.recommend({"user": users}, 1, exclude=["f1"])


def like(name: str) -> dict[str, float]:
    """The cosine with every other candidate that was met in training, the nearest first."""
    bundle = by_id()
    vectors = bundle.index.vectors.astype(np.float64)
    mine = vectors[IDS.index(name)]
    scores = {
        other: float(vectors[row] @ mine / np.linalg.norm(vectors[row]) / np.linalg.norm(mine))
        for row, other in enumerate(IDS)
        if other != name and bundle.candidate_count[row] > 0
    }
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def test_similar_candidates(recommender: Recommender) -> None:
    hits = recommender.similar(["f3", "f7"], 6)
    for name, ids, scores in zip(("f3", "f7"), hits.ids, hits.scores, strict=True):
        want = like(name)
        assert ids.tolist() == list(want)[:6]
        np.testing.assert_allclose(scores, list(want.values())[:6], rtol=1e-6)
    assert hits.counts.tolist() == [6, 6]


def test_a_vector_of_length_zero_is_like_nothing(recommender: Recommender) -> None:
    # Without an interaction a film has the vector of row 0, which is zero in this model.
    hits = recommender.similar(["f119", "f3"], CANDIDATES)
    assert hits.counts.tolist() == [0, len(like("f3"))]
    assert hits.ids[0].tolist() == [None] * CANDIDATES
    assert set(hits.ids[1, : hits.counts[1]]) == set(like("f3"))
    assert not np.any(hits.scores > 1)


def test_twins_are_similar_to_the_full() -> None:
    bundle = by_id()
    vectors = np.zeros((CANDIDATES, 8), dtype=np.float32)
    vectors[:5] = [3 * np.eye(8)[0], np.eye(8)[1], 7 * np.eye(8)[0], -np.eye(8)[0], np.eye(8)[0]]
    index = registry.build("exact", ids=IDS, vectors=vectors)
    hits = Recommender(bundle.with_index(index)).similar([IDS[0]], 4)
    assert hits.ids[0].tolist() == [IDS[2], IDS[4], IDS[1], IDS[3]]
    assert hits.scores[0].tolist() == [1.0, 1.0, 0.0, -1.0]


def test_similar_refuses_what_does_not_exist(recommender: Recommender) -> None:
    with pytest.raises(QueryError, match=r"no candidate with this film: got 'f500', expected one"):
        recommender.similar(["f3", "f500"])
    with pytest.raises(QueryError, match=r"one string: got 'f3', expected a list.*\['f3'\]"):
        recommender.similar("f3")
    with pytest.raises(QueryError, match="k: got 0"):
        recommender.similar(["f3"], 0)


def test_similar_to_nothing(recommender: Recommender) -> None:
    assert recommender.similar([], 3).ids.shape == (0, 3)


def test_numbers_are_candidate_ids_too() -> None:
    data = Dataset.from_frames(
        {"user": [1, 1, 2], "item": [10, 20, 30]}, query_id="user", candidate_id="item"
    )
    recommender = Recommender(bundle_of(data, model(data)))
    assert set(recommender.similar([10], 2).ids[0]) == {"20", "30"}
    out = recommender.recommend({"user": [1]}, 3, exclude=[["10"]])
    assert set(out.ids[0]) == {"20", "30", None}


def test_what_it_shows_of_the_bundle(recommender: Recommender) -> None:
    assert (recommender.query_id, recommender.candidate_id) == ("user", "film")
    assert recommender.bundle is by_id()
    assert recommender.queries.columns == ["user"]
    assert recommender.candidates.columns == ["film", "title", "genres"]


def test_one_of_a_model_just_trained_answers_as_its_bundle() -> None:
    built = Recommender.build(model(dataset()), dataset())
    want = Recommender(by_id()).recommend({"user": ["3", "99"]}, 5, exclude_seen=True)
    got = built.recommend({"user": ["3", "99"]}, 5, exclude_seen=True)
    assert got.ids.tolist() == want.ids.tolist()
    assert got.scores.tolist() == want.scores.tolist()
    assert (
        Recommender.build(model(dataset()), dataset(), index="faiss").bundle.index.kind == "faiss"
    )


def test_threads_get_the_same_answers() -> None:
    want = Recommender(by_country()).recommend({"user": list(range(40))}, 9, exclude_seen=True)
    recommender = Recommender(by_country())

    def one(user: int) -> list[str]:
        return recommender.recommend({"user": [user]}, 9, exclude_seen=True).ids[0].tolist()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == want.ids.tolist()


def test_conditions_and_lists_hold_for_known_queries_and_fallbacks(
    recommender: Recommender,
) -> None:
    kept = set(IDS[3:20:5])
    queries = {"user": ["3", UNKNOWN[0]]}
    out = set(IDS) - kept
    hits = recommender.recommend(queries, 5, where=f"film in ({', '.join(map(repr, kept))})")
    assert hits.counts.tolist() == [len(kept)] * 2
    known = expected(by_id(), vector(by_id(), "3"), 5, out)
    assert hits.ids[0, : len(kept)].tolist() == known
    assert len(known) == 4
    assert hits.ids[1, : len(kept)].tolist() == popular(5, out)[0]
    allowed = recommender.recommend(queries, 5, allow=[*kept, "no such film"])
    denied = recommender.recommend(queries, 5, deny=[*out, "no such film"])
    assert allowed.ids.tolist() == denied.ids.tolist() == hits.ids.tolist()


def test_a_condition_that_does_not_fit_is_refused(recommender: Recommender) -> None:
    with pytest.raises(QueryError, match="where names a column that is not there.*'filme'"):
        recommender.recommend({"user": ["3"]}, where="filme = 'a'")
