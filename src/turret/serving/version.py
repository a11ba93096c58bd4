"""One version of a model, as it is served."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import polars as pl

from turret.bundle.bundle import Bundle
from turret.padding import padded_size
from turret.recommender.changes import identity_of
from turret.recommender.live import LiveRecommender
from turret.recommender.recommender import Recommender
from turret.recommender.stores import searching
from turret.serving.operations import Asked, EmbedCandidates, EmbedQueries, Recommend, Similar
from turret.serving.refusals import refusal_of
from turret.serving.request_types import RequestTypes
from turret.serving.settings import Limits, Settings

__all__ = ["Version"]

S = TypeVar("S", bound=msgspec.Struct)


class Version:
    """A model that answers, and the requests that it understands.

    Args:
        recommender: answers; one that changes is asked as it is at the time.
        limits: of a request.
        number: tells it from the other versions in its folder.
        name: what answers call it; None takes the beginning of the bundle's identity.
    """

    def __init__(
        self,
        recommender: Recommender | LiveRecommender,
        limits: Limits,
        *,
        number: int = 1,
        name: str | None = None,
    ) -> None:
        """Make the types of its requests."""
        self._recommender = recommender
        self.number = number
        self.name = identity_of(self.bundle)[:12] if name is None else name
        self.requests = RequestTypes.of(self.bundle, limits)
        self.columns = frozenset(self.bundle.candidates.columns)
        self._decoders: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}

    @classmethod
    def load(cls, path: Path, settings: Settings, *, number: int | None = None) -> "Version":
        """Open a bundle and verify it.

        Args:
            path: the directory of the bundle.
            settings: of the server.
            number: of the version in its folder; None where it stands alone.

        Returns:
            The version, not yet warm.

        Raises:
            BundleError: if it is damaged, or needs a class that is not allowed.
            CandidateIndexError: if it is to be written, and another process does.
            StoreError: if it is to be searched in a database that does not hold its candidates.
        """
        if settings.writable:
            live = LiveRecommender(path, allow_custom=settings.allow_custom)
            return cls(live, settings.limits)
        recommender = Recommender.load(path, allow_custom=settings.allow_custom)
        if settings.search_in is not None:
            recommender = searching(
                recommender, path, settings.search_in, collection=settings.collection
            )
        if number is None:
            return cls(recommender, settings.limits)
        return cls(recommender, settings.limits, number=number, name=str(number))

    @property
    def recommender(self) -> Recommender:
        """What answers now."""
        given = self._recommender
        return given.now if isinstance(given, LiveRecommender) else given

    @property
    def live(self) -> LiveRecommender | None:
        """What can be changed, if it can."""
        return self._recommender if isinstance(self._recommender, LiveRecommender) else None

    @property
    def bundle(self) -> Bundle:
        """What it answers from."""
        return self.recommender.bundle

    @property
    def columns_read(self) -> tuple[str, ...]:
        """What a query may give: its id, and the columns that the query tower reads."""
        names = (self.recommender.query_id, *self.bundle.query_encoder.columns)
        return tuple(dict.fromkeys(names))

    @property
    def size(self) -> int:
        """How many candidates there are, at least 1."""
        return max(1, self.recommender.num_candidates)

    def decoded(self, body: bytes, kind: type[S]) -> S:
        """Decode a request.

        Args:
            body: the request.
            kind: one of `requests`.

        Returns:
            The request.

        Raises:
            Refusal: if the body is of another shape.
        """
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise refusal_of(error) from error

    def warm(self, max_batch: int) -> None:
        """Answer something of every size, so that no request waits for a compilation.

        Args:
            max_batch: the largest batch.
        """
        sizes = sorted({padded_size(size) for size in range(1, max_batch + 1)})
        sizes = [min(size, max_batch) for size in sizes]
        queries = _examples(self.bundle.queries, self.bundle.query_encoder.columns)
        candidates = _examples(self.bundle.candidates, self.bundle.candidate_encoder.columns)
        embed = EmbedQueries(self.recommender, tuple(queries.columns))
        embed_candidates = EmbedCandidates(self.recommender, tuple(candidates.columns))
        by_id = (self.recommender.query_id,)
        recommend = Recommend(self.recommender, by_id, 10, True, None, None, None, ())
        query = Asked(queries.row(0))
        for size in sizes:
            embed([query] * size)
            embed_candidates([Asked(candidates.row(0))] * size)
        ids = self.bundle.queries[self.recommender.query_id].head(1).to_list()
        recommend([Asked((name,)) for name in [*ids, "", None]])
        some = self.recommender.candidates[self.recommender.candidate_id].head(1).to_list()
        Similar(self.recommender, 10, ())(some)


def _examples(table: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """One row with every column."""
    if table.height == 0:
        return table.select(columns).clear(1)
    return table.select(columns).head(1)
