"""The endpoints that change something. What they acknowledge is on the disk."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import polars as pl
from starlette.types import Scope

from turret.errors import CandidateIndexError, DataError, QueryError
from turret.recommender.live import LiveRecommender
from turret.recommender.resolving import as_series
from turret.serving.refusals import Refusal
from turret.serving.replies import Reply
from turret.serving.request_types import features_of
from turret.serving.schema import (
    EventsRequest,
    PutRequest,
    RemoveRequest,
)
from turret.serving.service import Service

__all__ = ["Writing"]

_AT_ONCE = 16


class Writing:
    """Decodes changes and has them made, one after the other.

    Args:
        service: the server's state.
        live: what is changed.
    """

    def __init__(self, service: Service, live: LiveRecommender) -> None:
        """Keep the parts."""
        self._service, self._live = service, live
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def put(self, scope: Scope, body: bytes) -> Reply:
        """Answer `POST /v1/candidates`: add candidates, and replace those of the same ids."""
        version = self._service.version
        asked: PutRequest = version.decoded(body, version.requests.put)
        await self._make(lambda: self._live.put(_table(asked)), path="candidates")
        return _done({"candidates": len(asked.candidates)})

    async def remove(self, scope: Scope, body: bytes) -> Reply:
        """Answer `DELETE /v1/candidates`: take candidates away."""
        version = self._service.version
        asked: RemoveRequest = version.decoded(body, version.requests.remove)
        ids = [str(name) for name in asked.candidate_ids]
        removed = await self._make(lambda: self._live.remove(ids), path="candidate_ids")
        return _done({"candidates": removed})

    async def events(self, scope: Scope, body: bytes) -> Reply:
        """Answer `POST /v1/events`: note what queries have just seen."""
        version = self._service.version
        asked: EventsRequest = version.decoded(body, version.requests.events)
        seen = [(str(one.query_id), [str(c) for c in one.candidate_ids]) for one in asked.events]
        await self._make(lambda: self._live.saw(seen), path="events")
        return _done({"events": len(seen)})

    async def forget(self, scope: Scope, body: bytes) -> Reply:
        """Answer `DELETE /v1/queries/ID`: forget what is known of a query."""
        query_id: str = scope["path_params"]["query_id"]
        if not query_id or "\ufffd" in query_id:
            raise Refusal(400, "invalid_request", "There is no id of a query.", path="query_id")
        _ = self._service.version
        await self._make(lambda: self._live.forget(query_id), path="query_id")
        return _done({"queries": 1})

    async def _make(self, change: Callable[[], Any], *, path: str) -> Any:
        """Make a change in its turn, outside the event loop."""
        if self._waiting >= _AT_ONCE:
            raise Refusal(503, "overloaded", "Too many changes are waiting.", retry_after=1)
        self._waiting += 1
        try:
            # One that has begun is made and keeps its turn, also when its client is gone.
            return await asyncio.shield(asyncio.ensure_future(self._in_turn(change)))
        except (CandidateIndexError, DataError, QueryError) as error:
            raise Refusal(400, "invalid_request", str(error), path=path) from error

    async def _in_turn(self, change: Callable[[], Any]) -> Any:
        try:
            async with self._turn:
                return await asyncio.to_thread(change)
        finally:
            self._waiting -= 1


def _table(asked: PutRequest) -> pl.DataFrame:
    rows = [features_of(one) for one in asked.candidates]
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([as_series([row.get(name) for row in rows], name=name) for name in names])


def _done(changed: dict[str, object]) -> Reply:
    return Reply(msgspec.json.encode(changed))
