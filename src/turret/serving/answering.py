"""The endpoints that answer: recommend, similar, embed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from turret.errors import DataError, QueryError, StoreError, nearest
from turret.serving.batching import Operation
from turret.serving.operations import (
    Asked,
    EmbedCandidates,
    EmbedQueries,
    Found,
    Recommend,
    Similar,
)
from turret.serving.refusals import Refusal
from turret.serving.request_types import features_of
from turret.serving.schema import (
    EmbedAnswer,
    EmbedRequest,
    RecommendAnswer,
    RecommendRequest,
    SimilarAnswer,
    SimilarRequest,
)
from turret.serving.service import Service
from turret.serving.version import Version

__all__ = ["Answering"]

R = TypeVar("R")


class Answering:
    """Decodes requests, has the engine do them, encodes the answers.

    Args:
        service: the server's state.
    """

    def __init__(self, service: Service) -> None:
        """Keep the state."""
        self._service = service
        self._encode = msgspec.json.Encoder().encode

    async def recommend(self, body: bytes) -> bytes:
        """Answer `POST /v1/recommend`.

        Args:
            body: a `RecommendRequest`.

        Returns:
            A `RecommendAnswer`.

        Raises:
            Refusal: if it cannot be answered.
        """
        version = self._service.version
        return self._encode(
            await self.recommended(version, version.decoded(body, version.requests.recommend))
        )

    async def recommended(self, version: Version, asked: RecommendRequest) -> RecommendAnswer:
        """Answer a decoded request.

        Args:
            version: what answers.
            asked: the request.

        Returns:
            The answer.

        Raises:
            Refusal: if it cannot be answered.
        """
        _check_fields(version, asked.fields)
        # All queries are answered from one state, whatever changes meanwhile.
        recommender = version.recommender
        n, id_column = len(asked.queries), recommender.query_id
        if asked.exclude is not None and len(asked.exclude) != n:
            message = f"There are {len(asked.exclude)} lists for {n} queries."
            raise Refusal(400, "invalid_request", message, path="exclude")
        fields = tuple(dict.fromkeys(asked.fields))
        how = (
            min(asked.k, version.size),
            asked.exclude_seen,
            None if asked.allow is None else tuple(map(str, asked.allow)),
            None if asked.deny is None else tuple(map(str, asked.deny)),
            asked.where,
            fields,
        )
        exclude = None if asked.exclude is None else [list(map(str, one)) for one in asked.exclude]

        def operation(names: tuple[str, ...]) -> Recommend:
            return Recommend(recommender, names, *how)

        found = await self._by_features(
            operation, asked.queries, id_column, exclude=exclude, path="queries"
        )
        return RecommendAnswer(
            ids=[one.ids for one in found],
            scores=[one.scores for one in found],
            counts=[len(one.ids) for one in found],
            fallback=[one.fallback for one in found],
            fields=_fields(found, fields),
            model_version=version.name,
        )

    async def similar(self, body: bytes) -> bytes:
        """Answer `POST /v1/similar`.

        Args:
            body: a `SimilarRequest`.

        Returns:
            A `SimilarAnswer`.

        Raises:
            Refusal: if it cannot be answered.
        """
        version = self._service.version
        asked: SimilarRequest = version.decoded(body, version.requests.similar)
        _check_fields(version, asked.fields)
        fields = tuple(dict.fromkeys(asked.fields))
        operation = Similar(version.recommender, min(asked.k, version.size), fields)
        ids = [str(name) for name in asked.candidate_ids]
        found = await self._done(operation, ids, places=range(len(ids)), path="candidate_ids")
        return self._encode(
            SimilarAnswer(
                ids=[one.ids for one in found],
                scores=[one.scores for one in found],
                counts=[len(one.ids) for one in found],
                fields=_fields(found, fields),
                model_version=version.name,
            )
        )

    async def embed(self, body: bytes) -> bytes:
        """Answer `POST /v1/embed`.

        Args:
            body: an `EmbedRequest`.

        Returns:
            An `EmbedAnswer`.

        Raises:
            Refusal: if it cannot be answered.
        """
        version = self._service.version
        asked: EmbedRequest = version.decoded(body, version.requests.embed)
        recommender = version.recommender
        queries = await self._by_features(
            lambda names: EmbedQueries(recommender, names),
            asked.queries,
            recommender.query_id,
            path="queries",
        )
        candidates = await self._by_features(
            lambda names: EmbedCandidates(recommender, names),
            asked.candidates,
            recommender.candidate_id,
            path="candidates",
        )
        return self._encode(
            EmbedAnswer(
                queries=queries,
                candidates=candidates,
                dim=recommender.bundle.trained.config.width,
                model_version=version.name,
            )
        )

    async def _by_features(
        self,
        operation: Callable[[tuple[str, ...]], Operation[Asked, R]],
        given: Sequence[object],
        id_column: str,
        *,
        path: str,
        exclude: Sequence[Sequence[str]] | None = None,
    ) -> list[R]:
        """Do an operation for each group of inputs that give the same features."""
        groups: dict[tuple[str, ...], tuple[list[int], list[Asked]]] = {}
        for place, value in enumerate(given):
            features = _features(value, id_column, f"{path}[{place}]")
            out = () if exclude is None else exclude[place]
            places, items = groups.setdefault(tuple(features), ([], []))
            places.append(place)
            items.append(Asked(tuple(features.values()), out))
        if len(groups) == 1:
            ((names, (places, items)),) = groups.items()
            return await self._done(operation(names), items, places=places, path=path)
        parts = await asyncio.gather(
            *(
                self._done(operation(names), items, places=places, path=path)
                for names, (places, items) in groups.items()
            )
        )
        ordered: dict[int, R] = {}
        for (places, _), results in zip(groups.values(), parts, strict=True):
            ordered.update(zip(places, results, strict=True))
        return [ordered[place] for place in range(len(given))]

    async def _done(
        self,
        operation: Operation[Any, R],
        items: Sequence[Any],
        *,
        places: Iterable[int],
        path: str,
    ) -> list[R]:
        """Do an operation, and find out which of the items it cannot be done with."""
        engine, timeout = self._service.engine, self._service.settings.limits.timeout
        try:
            return await engine.submit(operation, items, timeout=timeout)
        except StoreError as error:
            # Where the database is and what it says is nothing for whoever asks.
            self._service.log.write("error", "database_failed", reason=str(error))
            message = "The vector database does not answer."
            raise Refusal(503, "database_failed", message, retry_after=1) from error
        except (DataError, QueryError) as error:
            places, wrong = list(places), error
            for place, item in zip(places, items, strict=True):
                try:
                    await engine.submit(operation, [item], timeout=timeout)
                except (DataError, QueryError) as found:
                    path, wrong = f"{path}[{place}]", found
                    break
            raise _refused(wrong, path=path) from error


def _refused(error: DataError | QueryError, *, path: str) -> Refusal:
    if error.what.startswith("where"):
        path = "where"
    status, code = 400, "invalid_request"
    if error.what.startswith("there is no candidate"):
        status, code = 404, "unknown_candidate"
    return Refusal(status, code, str(error), path=path)


def _features(value: object, id_column: str, path: str) -> Mapping[str, object]:
    """The features of an input that is an id, or holds them."""
    if isinstance(value, str | int):
        return {id_column: value}
    features = features_of(value)
    if not features:
        raise Refusal(400, "invalid_request", f"Give {id_column}, or features.", path=path)
    return features


def _check_fields(version: Version, fields: Sequence[str]) -> None:
    for place, name in enumerate(fields):
        if name not in version.columns:
            raise Refusal(
                400,
                "invalid_request",
                f"The candidates have no such column. {nearest(name, version.columns)}",
                path=f"fields[{place}]",
            )


def _fields(
    found: Sequence[Found], fields: tuple[str, ...]
) -> dict[str, list[list[Any]]] | UnsetType:
    if not fields:
        return UNSET
    return {name: [one.fields[place] for one in found] for place, name in enumerate(fields)}
