"""MovieLens: every release, both tables, all columns.

Reference:
    Harper and Konstan (2015), The MovieLens Datasets: History and Context,
    https://doi.org/10.1145/2827872.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from turret.data.conditions import condition_columns
from turret.data.dataset import Dataset
from turret.data.downloads import Say, say_on_stderr
from turret.data.frames import POSITIVES, require_columns
from turret.data.movielens_archive import RELEASES, find
from turret.data.movielens_formats import Tables, parse
from turret.errors import DataError, nearest

__all__ = ["MovieLens", "movielens"]


@dataclass(frozen=True, eq=False)
class MovieLens:
    """One release of MovieLens.

    Attributes:
        name: the name of the release, such as `"100k"`.
        events: one row a rating, without what describes its movie and user: `user_id`, `movie_id`
            (Int32), `user_rating` (Float32, half stars in some releases), `timestamp` (Int64,
            seconds since 1970 UTC).
        movies: one row a movie: `movie_id`, `movie_title` (String, with the year),
            `movie_genres` (list of names), `movie_genre_labels` (list of Int64).
        users: one row a user, or None where the release does not describe users (10m and later):
            `user_id`, `raw_user_age` (Int64; not in 1m, which publishes age groups alone),
            `bucketized_user_age` (Int64, the lowest age of the group, 1 under 18), `user_gender`
            (true = male), `user_occupation_label` (Int64), `user_occupation_text`,
            `user_zip_code` (String).
        origin: where the files were found, in words.
        notes: what is different from the published release, as sentences.

    The labels are those of TensorFlow Datasets; `turret.data.movielens_formats` names them.
    """

    name: str
    events: pl.DataFrame
    movies: pl.DataFrame
    users: pl.DataFrame | None
    origin: str
    notes: tuple[str, ...] = ()

    @cached_property
    def ratings(self) -> pl.DataFrame:
        """One row a rating, joined with its movie and user, ids as text, in the release's order.

        The columns are those of `events`, `movies` and `users`; a column that the release lacks is
        absent. For the large releases this table is large: `dataset` does without it.
        """
        joined = self._events_with({*self.movies.columns, *self._user_columns})
        return joined.with_columns(pl.col("user_id", "movie_id").cast(pl.String))

    def dataset(
        self,
        *,
        query_id: str = "user_id",
        candidate_id: str = "movie_title",
        timestamp: str | None = "timestamp",
        timestamp_unit: str = "s",
        weight: str | None = None,
        positive: str | None = None,
    ) -> Dataset:
        """Turns the release into interactions, by default every rating a positive one.

        Args:
            query_id: the column of query ids.
            candidate_id: the column of candidate ids, `"movie_title"` or `"movie_id"`. Some titles
                occur twice under two ids; as titles they are one candidate, and the notes of the
                data set say how many.
            timestamp: the column of times; None leaves them out.
            timestamp_unit: the unit of that column.
            weight: the column of weights, such as `"user_rating"`.
            positive: a condition for positives, such as `"user_rating >= 4"`.

        Returns:
            The data set. All movies are candidates, those without a rating too.

        Raises:
            DataError: if the release has no such column, or nothing fulfils the condition.
        """
        named = [name for name in (query_id, candidate_id, timestamp, weight) if name is not None]
        needed = {
            *named,
            *(() if positive is None else condition_columns(positive, what=POSITIVES)),
        }
        interactions = self._events_with(needed)
        require_columns(interactions, sorted(needed), what=f"MovieLens {self.name}")
        dataset = Dataset.from_frames(
            interactions.select(sorted(needed)),
            query_id=query_id,
            candidate_id=candidate_id,
            timestamp=timestamp,
            timestamp_unit=timestamp_unit,
            weight=weight,
            positive=positive,
            queries=self.users if query_id == "user_id" else None,
            candidates=self.movies if candidate_id in ("movie_id", "movie_title") else None,
        )
        return dataset.with_notes(self.notes)

    @property
    def _user_columns(self) -> list[str]:
        return [] if self.users is None else self.users.columns

    def _events_with(self, columns: Iterable[str]) -> pl.DataFrame:
        """The events, joined with those tables that bring one of the columns."""
        wanted = set(columns) - set(self.events.columns)
        joined = self.events
        for table, key in ((self.movies, "movie_id"), (self.users, "user_id")):
            brought = [] if table is None else [c for c in table.columns if c in wanted]
            if table is not None and brought:
                described = table.select(pl.col(key).cast(pl.Int32), *brought)
                joined = joined.join(described, on=key, how="left", maintain_order="left")
        return joined


def movielens(
    name: str = "100k", *, path: str | os.PathLike[str] | None = None, say: Say = say_on_stderr
) -> MovieLens:
    """Loads a release of MovieLens, fetching it at its first use.

    It looks at these places in order: `path`, if one is given, and then nowhere else; the user's
    cache folder; GroupLens; and, for 100k, the copy inside the RecBole package.

    Args:
        name: `"100k"`, `"1m"`, `"10m"`, `"20m"`, `"25m"`, `"32m"` or `"latest-small"`.
        path: a folder or zip archive with the release, or None.
        say: is told where the release comes from and, once, the terms of use. By default that is
            printed to the standard error stream.

    Returns:
        The release.

    Raises:
        DataError: if the name is unknown, no copy can be had, or what was found is not the release.
    """
    if name not in RELEASES:
        raise DataError(
            "This release of MovieLens is unknown", got=name, fix=nearest(name, RELEASES)
        )
    found = find(name, path=path, say=say)
    tables = parse(name, found.files, origin=found.origin)
    differences = _differences(name, tables)
    notes: tuple[str, ...] = ()
    if differences:
        told = f"MovieLens {name} from {found.origin} differs from the published release"
        if found.exact:
            raise DataError(f"{told}: {differences}", fix="Remove it there, to fetch it anew.")
        notes = (f"{told}: {differences}",)
        say(notes[0])
    return MovieLens(
        name=name,
        events=tables.events,
        movies=tables.movies,
        users=tables.users,
        origin=found.origin,
        notes=notes,
    )


def _differences(name: str, tables: Tables) -> str:
    """In what the tables differ from the counts of the published release; empty if in nothing."""
    release = RELEASES[name]
    counts = {
        "ratings": (tables.events.height, release.ratings),
        "users": (tables.events["user_id"].n_unique(), release.users),
        "movies": (tables.movies.height, release.movies),
    }
    return ", ".join(
        f"{got:,} {what} instead of {expected:,}"
        for what, (got, expected) in counts.items()
        if expected is not None and got != expected
    )
