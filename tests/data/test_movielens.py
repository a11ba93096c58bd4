import hashlib
from pathlib import Path

import numpy as np
import pytest
from movielens_files import write_folder, write_zip

from turret.data import movielens_archive
from turret.data.movielens import MovieLens, movielens
from turret.data.splits import random_split
from turret.errors import DataError


@pytest.fixture
def small(tmp_path: Path) -> MovieLens:
    return movielens("100k", path=write_folder(tmp_path / "given", "100k"), say=lambda _: None)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> MovieLens:
    """The 100k release through the last place of the search: the package on the index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(movielens_archive, "GROUPLENS", "http://127.0.0.1:9/")
        return movielens("100k", say=lambda _: None)


def md5(lines: list[str]) -> str:
    return hashlib.md5("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def test_real_release_is_the_published_one(real: MovieLens) -> None:
    assert real.origin == "the package recbole==1.2.1"
    assert real.notes == ()
    events = [f"{u}\t{m}\t{r:.0f}\t{t}" for u, m, r, t in real.events.iter_rows()]
    assert md5(sorted(events)) == "227f601a230bf2d57966fb8f27ae26c5"
    titles = real.movies.select("movie_id", "movie_title").iter_rows()
    assert md5([f"{number}\t{title}" for number, title in titles]) == (
        "7f4df415670b06e65dd742834f799a77"
    )


def test_example_of_the_reference(real: MovieLens) -> None:
    ratings = real.ratings
    assert ratings.height == 100_000
    row = ratings.filter(ratings["user_id"] == "138", ratings["movie_id"] == "357")
    assert row.to_dicts() == [
        {
            "user_id": "138",
            "movie_id": "357",
            "user_rating": 4.0,
            "timestamp": 879024327,
            "movie_title": "One Flew Over the Cuckoo's Nest (1975)",
            "movie_genres": ["Drama"],
            "movie_genre_labels": [7],
            "raw_user_age": 46,
            "bucketized_user_age": 45,
            "user_gender": True,
            "user_occupation_label": 4,
            "user_occupation_text": "doctor",
            "user_zip_code": "53211",
        }
    ]
    assert ratings["movie_title"].null_count() == ratings["user_zip_code"].null_count() == 0


def test_double_titles_are_said(real: MovieLens) -> None:
    titles = real.dataset()
    assert (titles.num_queries, titles.num_candidates, len(titles.interactions)) == (
        943,
        1664,
        100_000,
    )
    assert titles.notes == (
        "18 of 1,682 rows in the table of candidates repeat an id (movie_title) and were removed, "
        "the first of each kept: 1,664 remain",
    )
    parts = random_split(titles, test_fraction=0.2, seed=42)
    assert parts.notes == (
        "Split random, seed 42: 80,000 training, 20,000 test interactions",
        "93 pairs of query and candidate occur in both the training and the test part",
    )
    ids = real.dataset(candidate_id="movie_id")
    assert (ids.num_candidates, ids.notes) == (1682, ())
    assert len(random_split(ids, test_fraction=0.2, seed=42).notes) == 1


def test_rows_of_the_data_set_are_those_of_the_ratings(real: MovieLens) -> None:
    dataset, ratings = real.dataset(weight="user_rating"), real.ratings
    events = dataset.interactions
    assert dataset.query_ids.gather(events.query_row).equals(ratings["user_id"])
    assert dataset.candidate_ids.gather(events.candidate_row).equals(ratings["movie_title"])
    assert events.timestamp is not None and events.weight is not None
    assert np.array_equal(events.timestamp, ratings["timestamp"].to_numpy())
    assert np.array_equal(events.weight, ratings["user_rating"].to_numpy())
    ages = dataset.queries["raw_user_age"].gather(events.query_row)
    assert ages.equals(ratings["raw_user_age"])


def test_positive_may_name_any_column(real: MovieLens) -> None:
    ratings = real.ratings
    high = real.dataset(positive="user_rating >= 4")
    assert len(high.interactions) == ratings.filter(ratings["user_rating"] >= 4).height == 55_375
    assert (high.num_queries, high.num_candidates) == (943, 1664)
    young = real.dataset(positive="raw_user_age < 18 AND movie_title LIKE 'Star%'")
    expected = ratings.filter(
        ratings["raw_user_age"] < 18, ratings["movie_title"].str.starts_with("Star")
    )
    assert len(young.interactions) == expected.height > 0


def test_given_copy_may_differ_and_that_is_said(small: MovieLens, tmp_path: Path) -> None:
    assert small.notes == (
        f"MovieLens 100k from {tmp_path / 'given'} differs from the published release: 3 ratings "
        "instead of 100,000, 2 users instead of 943, 2 movies instead of 1,682",
    )
    assert small.dataset().notes[0] == small.notes[0]
    said: list[str] = []
    movielens("100k", path=tmp_path / "given", say=said.append)
    assert said[1:] == list(small.notes)


def test_fetched_copy_may_not_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_zip(tmp_path / "turret" / "movielens" / "ml-1m.zip", "1m", inside="ml-1m")
    with pytest.raises(DataError, match="3 ratings instead of 1,000,209.*Remove it"):
        movielens("1m", say=print)


def test_release_without_users(tmp_path: Path) -> None:
    release = movielens("10m", path=write_folder(tmp_path / "m", "10m"), say=lambda _: None)
    assert release.ratings.columns == [
        "user_id",
        "movie_id",
        "user_rating",
        "timestamp",
        "movie_title",
        "movie_genres",
        "movie_genre_labels",
    ]
    dataset = release.dataset(candidate_id="movie_id")
    assert dataset.queries.columns == ["user_id"]
    assert dataset.candidates.rows() == [
        ("1", "Amélie (2001)", ["Comedy", "Drama"], [4, 7]),
        ("2", "Up (1990)", ["IMAX"], [11]),
    ]
    with pytest.raises(DataError, match="MovieLens 10m has no column 'user_gender'"):
        release.dataset(positive="user_gender")


def test_other_query_ids(small: MovieLens) -> None:
    dataset = small.dataset(query_id="user_gender", candidate_id="user_zip_code")
    assert dataset.query_ids.to_list() == ["false", "true"]
    assert dataset.candidate_ids.to_list() == ["53211", "T8H1N"]


def test_unknown_release() -> None:
    with pytest.raises(DataError, match=r"unknown: got '100'\. Did you mean '100k'\?"):
        movielens("100")
