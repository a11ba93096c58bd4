"""The file formats of the MovieLens releases, read into tables of one shape.

Each release has a format of its own: 100k separates by tab and bar and has one column for each
genre, 1m and 10m separate by `::`, later ones are CSV; the copy that the RecBole package carries
has typed headers and splits the year off the title. Whatever the format, `parse` gives

- events: `user_id`, `movie_id` (Int32), `user_rating` (Float32), `timestamp` (Int64, seconds);
- movies: `movie_id`, `movie_title` (String), `movie_genres` (list of names), `movie_genre_labels`
  (list of Int64);
- users, only in 100k and 1m: `user_id`, `user_gender` (true = male), `bucketized_user_age`,
  `user_occupation_label` (Int64), `user_occupation_text`, `user_zip_code` (String), and in 100k
  `raw_user_age` (Int64).

The labels are those of TensorFlow Datasets, in whose order the names stand here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from turret.errors import DataError

__all__ = ["AGE_GROUPS", "GENRES", "OCCUPATIONS", "Tables", "members", "parse"]

GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "IMAX",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "Unknown",
    "War",
    "Western",
    "(no genres listed)",
)
"""Genres by label: Drama is 7."""

OCCUPATIONS = (
    "academic/educator",
    "artist",
    "clerical/admin",
    "customer service",
    "doctor/health care",
    "entertainment",
    "executive/managerial",
    "farmer",
    "homemaker",
    "lawyer",
    "librarian",
    "other/not specified",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "student",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
"""Occupations by label, the same for all releases: doctors are 4."""

AGE_GROUPS = {
    1: "under 18",
    18: "18-24",
    25: "25-34",
    35: "35-44",
    45: "45-49",
    50: "50-55",
    56: "56 and over",
}
"""Age groups by label, which is the lowest age of the group, save for the youngest: 1."""

_OCCUPATIONS_100K = {
    "administrator": "clerical/admin",
    "doctor": "doctor/health care",
    "educator": "academic/educator",
    "engineer": "technician/engineer",
    "executive": "executive/managerial",
    "healthcare": "doctor/health care",
    "marketing": "sales/marketing",
    "none": "other/not specified",
    "other": "other/not specified",
    "salesman": "sales/marketing",
    "technician": "technician/engineer",
}
"""Where the 100k release has a name of its own; its other names are those of `OCCUPATIONS`."""

_OCCUPATIONS_1M = (
    "other/not specified",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
"""The 1m release writes a number: its place in this list."""

_STUDENTS = {"college/grad student": "student", "K-12 student": "student"}
_GENRE_SPELLINGS = {"Children's": "Children", "unknown": "Unknown"}
_FLAGS_100K = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
_NUMBERS = {
    "user_id": pl.Int32,
    "movie_id": pl.Int32,
    "user_rating": pl.Float32,
    "timestamp": pl.Int64,
}
_EVENTS = tuple(_NUMBERS)
_USERS = ("user_id", "raw_user_age", "user_gender", "user_occupation_text", "user_zip_code")


class Tables(NamedTuple):
    """The tables of one release, as the module's text describes them."""

    events: pl.DataFrame
    movies: pl.DataFrame
    users: pl.DataFrame | None


def members(name: str) -> tuple[tuple[str, ...], ...]:
    """Lists the files a release consists of.

    Args:
        name: the name of the release, such as `"100k"`.

    Returns:
        One tuple of file names for each format the release is known in.

    Example:
        >>> members("10m")
        (('ratings.dat', 'movies.dat'),)
    """
    return tuple(_FORMATS[name])


def parse(name: str, files: Mapping[str, bytes], *, origin: str) -> Tables:
    """Reads the files of a release.

    Args:
        name: the name of the release.
        files: the content of each file, for one of the tuples of `members(name)`.
        origin: where the files come from, for errors.

    Returns:
        Its tables.

    Raises:
        DataError: if a file is not of the format it should be.
    """
    for names, reader in _FORMATS[name].items():
        if set(names) <= set(files):
            try:
                return reader(files)
            except (pl.exceptions.PolarsError, UnicodeError) as error:
                raise DataError(
                    f"MovieLens {name} from {origin} cannot be read ({error})",
                    fix="Get the release anew, or check that nothing rewrote its files.",
                ) from error
    raise DataError(
        f"MovieLens {name} from {origin} is not complete",
        got=sorted(files),
        expected=" or ".join(", ".join(names) for names in _FORMATS[name]),
    )


def _separated(content: bytes, separator: str, columns: Sequence[str]) -> pl.DataFrame:
    """A table without header and quotes, separated by one character."""
    types = {name: _NUMBERS.get(name, pl.String) for name in columns}
    return pl.read_csv(
        content, has_header=False, separator=separator, quote_char=None, schema=types
    )


def _utf8(content: bytes) -> bytes:
    """The same text in UTF-8: the older releases are in Latin-1."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1").encode("utf-8")
    return content


def _movies(table: pl.DataFrame, genres: pl.Expr) -> pl.DataFrame:
    """Brings ids, titles and genres (an expression that gives a list of names) into shape."""
    labels = {name: label for label, name in enumerate(GENRES)}
    named = pl.element().replace(_GENRE_SPELLINGS)
    labelled = pl.element().replace_strict(labels, default=None, return_dtype=pl.Int64)
    return table.select(
        pl.col("movie_id").cast(pl.String),
        pl.col("movie_title").str.strip_chars(),
        movie_genres=genres.list.eval(named),
    ).with_columns(movie_genre_labels=pl.col("movie_genres").list.eval(labelled))


def _users(table: pl.DataFrame, *, known: Mapping[str, str], age: str) -> pl.DataFrame:
    """Adds the labels; `known` leads from a release's names of occupations to the common ones."""
    labels = {name: label for label, name in enumerate(OCCUPATIONS)}
    youngest, *lowest = AGE_GROUPS
    years = pl.col(age).cast(pl.Int64)
    older = [pl.when(years >= bound).then(pl.lit(bound, pl.Int64)) for bound in lowest]
    return table.select(
        pl.col("user_id").cast(pl.String),
        *([years] if age == "raw_user_age" else []),
        pl.max_horizontal(*older).fill_null(youngest).alias("bucketized_user_age"),
        pl.col("user_gender") == "M",
        pl.col("user_occupation_text")
        .replace(known)
        .replace_strict(labels, default=None, return_dtype=pl.Int64)
        .alias("user_occupation_label"),
        "user_occupation_text",
        "user_zip_code",
    )


def _read_100k(files: Mapping[str, bytes]) -> Tables:
    items = ("movie_id", "movie_title", "released", "video_released", "address", *_FLAGS_100K)
    movies = _separated(_utf8(files["u.item"]), "|", items)
    flags = [
        pl.when(pl.col(name) == "1").then(pl.lit(name)).otherwise(None) for name in _FLAGS_100K
    ]
    users = _separated(_utf8(files["u.user"]), "|", _USERS)
    return Tables(
        events=_separated(files["u.data"], "\t", _EVENTS),
        movies=_movies(movies, pl.concat_list(flags).list.drop_nulls()),
        users=_users(users, known=_OCCUPATIONS_100K, age="raw_user_age"),
    )


def _read_recbole(files: Mapping[str, bytes]) -> Tables:
    """The atomic files of RecBole: a header of `name:type`, the year apart from the title."""
    tables = {
        kind: pl.read_csv(
            files[f"ml-100k.{kind}"], separator="\t", quote_char=None, infer_schema=False
        )
        for kind in ("inter", "item", "user")
    }
    for kind, table in tables.items():
        tables[kind] = table.rename(lambda header: header.partition(":")[0])
    title, year = pl.col("movie_title"), pl.col("release_year")
    # Film 267 is called "unknown" and has no year; the copy misspells it in both columns.
    titles = (
        pl.when(title == "unkonwn").then(pl.lit("unknown")).otherwise(title + " (" + year + ")")
    )
    movies = tables["item"].rename({"item_id": "movie_id"}).with_columns(movie_title=titles)
    users = tables["user"].rename(
        {
            "age": "raw_user_age",
            "gender": "user_gender",
            "occupation": "user_occupation_text",
            "zip_code": "user_zip_code",
        }
    )
    events = tables["inter"].rename({"item_id": "movie_id", "rating": "user_rating"})
    genres = pl.col("class").str.strip_chars().str.split(" ")
    return Tables(
        events=events.select(pl.col(name).cast(dtype) for name, dtype in _NUMBERS.items()),
        movies=_movies(movies, genres),
        users=_users(users, known=_OCCUPATIONS_100K, age="raw_user_age"),
    )


def _read_dat(files: Mapping[str, bytes]) -> Tables:
    """1m and 10m. The separator of two characters becomes a tab, which occurs in neither."""

    def table(name: str, columns: Sequence[str]) -> pl.DataFrame:
        return _separated(_utf8(files[name]).replace(b"::", b"\t"), "\t", columns)

    movies = table("movies.dat", ("movie_id", "movie_title", "genres"))
    users = None
    if "users.dat" in files:
        columns = ("user_id", "user_gender", "age", "occupation", "user_zip_code")
        names = {str(number): name for number, name in enumerate(_OCCUPATIONS_1M)}
        occupation = pl.col("occupation").replace_strict(names, default=None)
        users = table("users.dat", columns)
        users = users.with_columns(user_occupation_text=occupation)
        users = _users(users, known=_STUDENTS, age="age")
    return Tables(
        events=table("ratings.dat", _EVENTS),
        movies=_movies(movies, pl.col("genres").str.split("|")),
        users=users,
    )


def _read_csv(files: Mapping[str, bytes]) -> Tables:
    headers = ["userId", "movieId", "rating", "timestamp"]
    types = dict(zip(headers, _NUMBERS.values(), strict=True))
    events = pl.read_csv(files["ratings.csv"], schema=types)
    movies = pl.read_csv(files["movies.csv"], infer_schema=False)
    movies = movies.rename({"movieId": "movie_id", "title": "movie_title"})
    return Tables(
        events=events.rename(dict(zip(headers, _EVENTS, strict=True))),
        movies=_movies(movies, pl.col("genres").str.split("|")),
        users=None,
    )


_CSV = {("ratings.csv", "movies.csv"): _read_csv}
_FORMATS: dict[str, dict[tuple[str, ...], Callable[[Mapping[str, bytes]], Tables]]] = {
    "100k": {
        ("u.data", "u.item", "u.user"): _read_100k,
        ("ml-100k.inter", "ml-100k.item", "ml-100k.user"): _read_recbole,
    },
    "1m": {("ratings.dat", "movies.dat", "users.dat"): _read_dat},
    "10m": {("ratings.dat", "movies.dat"): _read_dat},
    "20m": _CSV,
    "25m": _CSV,
    "32m": _CSV,
    "latest-small": _CSV,
}
