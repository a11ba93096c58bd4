import pytest
from movielens_files import EVENTS, FILES

from turret.data.movielens_formats import AGE_GROUPS, GENRES, OCCUPATIONS, members, parse
from turret.errors import DataError

FORMATS = [("100k", "100k"), ("100k", "recbole"), ("1m", "1m"), ("10m", "10m")]
FORMATS += [(name, "latest-small") for name in ("20m", "25m", "32m", "latest-small")]


@pytest.mark.parametrize(("name", "files"), FORMATS)
def test_events(name: str, files: str) -> None:
    events = parse(name, FILES[files], origin="a test").events
    half = 0.5 if files in ("10m", "latest-small") else 0.0
    assert events.rows() == [(u, m, r + half, t) for u, m, r, t in EVENTS]
    assert events.columns == ["user_id", "movie_id", "user_rating", "timestamp"]


@pytest.mark.parametrize("files", ["100k", "recbole"])
def test_100k(files: str) -> None:
    tables = parse("100k", FILES[files], origin="a test")
    assert tables.movies.rows() == [
        ("1", "Amélie (2001)", ["Comedy", "Drama"], [4, 7]),
        ("2", "unknown", ["Unknown"], [17]),
    ]
    assert tables.users is not None
    assert tables.users.to_dicts() == [
        {
            "user_id": "1",
            "raw_user_age": 46,
            "bucketized_user_age": 45,
            "user_gender": True,
            "user_occupation_label": 4,
            "user_occupation_text": "doctor",
            "user_zip_code": "53211",
        },
        {
            "user_id": "2",
            "raw_user_age": 17,
            "bucketized_user_age": 1,
            "user_gender": False,
            "user_occupation_label": 17,
            "user_occupation_text": "student",
            "user_zip_code": "T8H1N",
        },
    ]


def test_1m() -> None:
    tables = parse("1m", FILES["1m"], origin="a test")
    assert tables.movies.rows() == [
        ("1", "Amélie (2001)", ["Comedy", "Drama"], [4, 7]),
        ("2", "Up: High (1990)", ["Children"], [3]),
    ]
    assert tables.users is not None
    assert tables.users.to_dicts() == [
        {
            "user_id": "1",
            "bucketized_user_age": 45,
            "user_gender": True,
            "user_occupation_label": 4,
            "user_occupation_text": "doctor/health care",
            "user_zip_code": "53211",
        },
        {
            "user_id": "2",
            "bucketized_user_age": 1,
            "user_gender": False,
            "user_occupation_label": 17,
            "user_occupation_text": "K-12 student",
            "user_zip_code": "01002",
        },
    ]


def test_10m_and_later_describe_no_users() -> None:
    ten = parse("10m", FILES["10m"], origin="a test")
    assert ten.users is None
    assert ten.movies.rows()[1] == ("2", "Up (1990)", ["IMAX"], [11])
    small = parse("latest-small", FILES["latest-small"], origin="a test")
    assert small.users is None
    assert small.movies.rows() == [
        ("1", "Amélie (2001)", ["Comedy", "Drama"], [4, 7]),
        ("2", "Up, High (1990)", ["(no genres listed)"], [20]),
    ]


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (1, 1),
        (17, 1),
        (18, 18),
        (24, 18),
        (25, 25),
        (44, 35),
        (49, 45),
        (50, 50),
        (56, 56),
        (99, 56),
    ],
)
def test_age_groups(age: int, group: int) -> None:
    files = FILES["100k"] | {"u.user": f"1|{age}|M|doctor|53211\n".encode()}
    users = parse("100k", files, origin="a test").users
    assert users is not None
    assert users["bucketized_user_age"].to_list() == [group]
    assert group in AGE_GROUPS


def test_labels_are_those_of_tensorflow_datasets() -> None:
    assert [GENRES[i] for i in (0, 4, 7, 11, 19, 20)] == [
        "Action",
        "Comedy",
        "Drama",
        "IMAX",
        "Western",
        "(no genres listed)",
    ]
    assert (OCCUPATIONS[4], OCCUPATIONS[17], len(OCCUPATIONS)) == (
        "doctor/health care",
        "student",
        22,
    )


@pytest.mark.parametrize(
    ("occupation", "label"),
    [("administrator", 2), ("none", 11), ("other", 11), ("salesman", 14), ("technician", 18)],
)
def test_occupations_of_100k(occupation: str, label: int) -> None:
    files = FILES["100k"] | {"u.user": f"1|46|M|{occupation}|53211\n".encode()}
    users = parse("100k", files, origin="a test").users
    assert users is not None
    assert users["user_occupation_label"].to_list() == [label]


def test_missing_file_is_named() -> None:
    with pytest.raises(DataError, match=r"not complete.*u\.data, u\.item, u\.user"):
        parse("100k", {"u.data": b""}, origin="a test")


def test_damaged_file() -> None:
    with pytest.raises(DataError, match=r"MovieLens 100k from a test cannot be read"):
        parse("100k", FILES["100k"] | {"u.data": b"1\t2\tgood\t3\n"}, origin="a test")


def test_members() -> None:
    assert members("1m") == (("ratings.dat", "movies.dat", "users.dat"),)
    assert len(members("100k")) == 2
