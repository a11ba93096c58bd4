"""A server as if it were a recommender in this process."""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from types import TracebackType

import httpx
import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.errors import ServingError
from turret.index.hits import Hits
from turret.recommender.resolving import Columns
from turret.serving.schema import RecommendAnswer, SimilarAnswer
from turret.serving.wire import (
    Call,
    error_of,
    forgetting,
    hits_of,
    ids_of,
    of_one_version,
    recommending,
    require_k,
    rows_of,
    vectors_of,
)

__all__ = ["AsyncClient", "Client"]

_LONGEST_PAUSE = 5.0
_Outcome = httpx.Response | httpx.TransportError


class _Settings:
    """What both clients are told."""

    def __init__(
        self, url: str, *, token: str | None, timeout: float, retries: int, block: int
    ) -> None:
        self.url, self.retries, self.block = url, retries, block
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.options = {"base_url": url, "headers": headers, "timeout": timeout}

    def pause(self, call: Call, answer: _Outcome, attempt: int) -> float | None:
        """Seconds until the request is sent again; None when it is not."""
        if attempt >= self.retries or not _again(call, answer):
            return None
        said = answer.headers.get("retry-after", "") if isinstance(answer, httpx.Response) else ""
        # The server's whole seconds are for strangers; its own client asks sooner at first.
        longest = float(said) if said.isdigit() else _LONGEST_PAUSE
        return min(0.05 * 4**attempt, longest, _LONGEST_PAUSE)

    def content(self, call: Call, answer: _Outcome) -> bytes:
        """The body of an answer that is one."""
        if isinstance(answer, httpx.ConnectError):
            raise ServingError(
                f"No server at {self.url} can be reached", fix="Is turret serve running there?"
            ) from answer
        if isinstance(answer, httpx.TransportError):
            what = f"The server at {self.url} does not answer {call.method} {call.path}"
            raise ServingError(f"{what}: {type(answer).__name__}, {answer}") from answer
        if not answer.is_success:
            raise error_of(answer)
        return answer.content

    def mixed(self) -> ServingError:
        """What to say when each attempt met another version taking the place of one."""
        return ServingError(f"The versions at {self.url} change while they answer")

    def similar(self, candidate_ids: Sequence[str | int], k: int) -> Iterator[Call]:
        require_k(k)
        for part in self.parts(ids_of(candidate_ids)):
            yield Call("POST", "/v1/similar", {"candidate_ids": part, "k": k})

    def embed(self, of: str, items: Sequence[object]) -> Iterator[Call]:
        # Of none the answer still says how long a vector is.
        for part in self.parts(items) if items else [items]:
            yield Call("POST", "/v1/embed", {of: part})

    def parts(self, items: Sequence[object]) -> Iterator[Sequence[object]]:
        for start in range(0, len(items), self.block):
            yield items[start : start + self.block]


class Client:
    """Asks a server what `Recommender` would be asked: the same calls, the same answers.

    Connections are kept. A request that the server has no room for (503), or that did not reach
    it, is sent again; when the connection breaks afterwards, only one that changes nothing. The
    answers of one call are of one version of the model.

    Args:
        url: where the server is, such as `http://localhost:8000`.
        token: for servers that need one.
        timeout: seconds for each attempt.
        retries: further attempts.
        block: queries in one request; more are divided.

    Example:
        >>> client = Client("http://localhost:1", retries=0)
        >>> client.recommend({"user": [42]}, k=3)
        Traceback (most recent call last):
        turret.errors.ServingError: No server at http://localhost:1 can be reached. Is turret ...
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 10.0,
        retries: int = 5,
        block: int = 256,
    ) -> None:
        """Keep the settings; nothing is sent."""
        self._settings = _Settings(url, token=token, timeout=timeout, retries=retries, block=block)
        self._http = httpx.Client(**self._settings.options)  # pyright: ignore[reportArgumentType]  # several kinds

    def recommend(
        self,
        queries: Columns | pl.DataFrame,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        exclude: Sequence[Collection[str]] | None = None,
        allow: Collection[str] | None = None,
        deny: Collection[str] | None = None,
        where: str | None = None,
    ) -> Hits:
        """Find the best candidates of each query; see `Recommender.recommend`."""
        calls = recommending(
            queries,
            k,
            block=self._settings.block,
            exclude=exclude,
            allow=allow,
            deny=deny,
            where=where,
            exclude_seen=exclude_seen,
        )
        return hits_of(self._send_all(calls), RecommendAnswer, k=k)

    def similar(self, candidate_ids: Sequence[str | int], k: int = 10) -> Hits:
        """Find the candidates most like some; see `Recommender.similar`."""
        calls = self._settings.similar(candidate_ids, k)
        return hits_of(self._send_all(calls), SimilarAnswer, k=k)

    def query_vectors(self, queries: Columns | pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """The vectors of queries; see `Recommender.query_vectors`."""
        calls = self._settings.embed("queries", rows_of(queries))
        return vectors_of(self._send_all(calls), of="queries")

    def candidate_vectors(self, candidate_ids: Sequence[str | int]) -> Float32[np.ndarray, "n d"]:
        """The vectors of candidates; see `Recommender.candidate_vectors`."""
        calls = self._settings.embed("candidates", ids_of(candidate_ids))
        return vectors_of(self._send_all(calls), of="candidates")

    def put(self, candidates: Columns | pl.DataFrame) -> None:
        """Add candidates and replace those of the same ids; see `LiveRecommender.put`."""
        for part in self._settings.parts(rows_of(candidates)):
            self._send(Call("POST", "/v1/candidates", {"candidates": part}))

    def remove(self, ids: Iterable[str]) -> None:
        """Take candidates away; see `LiveRecommender.remove`."""
        for part in self._settings.parts(ids_of(ids)):
            self._send(Call("DELETE", "/v1/candidates", {"candidate_ids": part}))

    def saw(self, seen: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Note what queries have just seen; see `LiveRecommender.saw`."""
        for part in self._settings.parts(_events(seen)):
            self._send(Call("POST", "/v1/events", {"events": part}))

    def forget(self, query_id: str | int) -> None:
        """Forget what is known of a query; see `LiveRecommender.forget`."""
        self._send(forgetting(query_id))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        self.close()

    def _send_all(self, calls: Iterator[Call]) -> list[bytes]:
        asked = list(calls)
        for _ in range(self._settings.retries + 1):
            contents = [self._send(call) for call in asked]
            if of_one_version(contents):
                return contents
        raise self._settings.mixed()

    def _send(self, call: Call) -> bytes:
        attempt = 0
        while True:
            try:
                answer = self._http.request(call.method, call.path, content=call.content)
            except httpx.TransportError as error:
                answer = error
            pause = self._settings.pause(call, answer, attempt)
            if pause is None:
                return self._settings.content(call, answer)
            time.sleep(pause)
            attempt += 1


class AsyncClient:
    """The same for programs with an event loop; blocks of queries are asked at the same time.

    Args:
        url: where the server is.
        token: for servers that need one.
        timeout: seconds for each attempt.
        retries: further attempts.
        block: queries in one request.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 10.0,
        retries: int = 5,
        block: int = 256,
    ) -> None:
        """Keep the settings; nothing is sent."""
        self._settings = _Settings(url, token=token, timeout=timeout, retries=retries, block=block)
        self._http = httpx.AsyncClient(**self._settings.options)  # pyright: ignore[reportArgumentType]  # several kinds

    async def recommend(
        self,
        queries: Columns | pl.DataFrame,
        k: int = 10,
        *,
        exclude_seen: bool = False,
        exclude: Sequence[Collection[str]] | None = None,
        allow: Collection[str] | None = None,
        deny: Collection[str] | None = None,
        where: str | None = None,
    ) -> Hits:
        """Find the best candidates of each query; see `Recommender.recommend`."""
        calls = recommending(
            queries,
            k,
            block=self._settings.block,
            exclude=exclude,
            allow=allow,
            deny=deny,
            where=where,
            exclude_seen=exclude_seen,
        )
        return hits_of(await self._send_all(calls), RecommendAnswer, k=k)

    async def similar(self, candidate_ids: Sequence[str | int], k: int = 10) -> Hits:
        """Find the candidates most like some; see `Recommender.similar`."""
        calls = self._settings.similar(candidate_ids, k)
        return hits_of(await self._send_all(calls), SimilarAnswer, k=k)

    async def query_vectors(self, queries: Columns | pl.DataFrame) -> Float32[np.ndarray, "n d"]:
        """The vectors of queries; see `Recommender.query_vectors`."""
        calls = self._settings.embed("queries", rows_of(queries))
        return vectors_of(await self._send_all(calls), of="queries")

    async def candidate_vectors(
        self, candidate_ids: Sequence[str | int]
    ) -> Float32[np.ndarray, "n d"]:
        """The vectors of candidates; see `Recommender.candidate_vectors`."""
        calls = self._settings.embed("candidates", ids_of(candidate_ids))
        return vectors_of(await self._send_all(calls), of="candidates")

    async def put(self, candidates: Columns | pl.DataFrame) -> None:
        """Add candidates and replace those of the same ids; see `LiveRecommender.put`."""
        for part in self._settings.parts(rows_of(candidates)):
            await self._send(Call("POST", "/v1/candidates", {"candidates": part}))

    async def remove(self, ids: Iterable[str]) -> None:
        """Take candidates away; see `LiveRecommender.remove`."""
        for part in self._settings.parts(ids_of(ids)):
            await self._send(Call("DELETE", "/v1/candidates", {"candidate_ids": part}))

    async def saw(self, seen: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Note what queries have just seen; see `LiveRecommender.saw`."""
        for part in self._settings.parts(_events(seen)):
            await self._send(Call("POST", "/v1/events", {"events": part}))

    async def forget(self, query_id: str | int) -> None:
        """Forget what is known of a query; see `LiveRecommender.forget`."""
        await self._send(forgetting(query_id))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        """Return itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        place: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def _send_all(self, calls: Iterator[Call]) -> list[bytes]:
        asked = list(calls)
        for _ in range(self._settings.retries + 1):
            contents = await asyncio.gather(*map(self._send, asked))
            if of_one_version(contents):
                return contents
        raise self._settings.mixed()

    async def _send(self, call: Call) -> bytes:
        attempt = 0
        while True:
            try:
                answer = await self._http.request(call.method, call.path, content=call.content)
            except httpx.TransportError as error:
                answer = error
            pause = self._settings.pause(call, answer, attempt)
            if pause is None:
                return self._settings.content(call, answer)
            await asyncio.sleep(pause)
            attempt += 1


def _again(call: Call, answer: _Outcome) -> bool:
    """Whether a request was not done, or may be done twice."""
    if isinstance(answer, httpx.Response):
        return answer.status_code == 503
    if isinstance(answer, httpx.ConnectError):
        return True
    # Such as a kept connection that the server has closed.
    closed = isinstance(answer, httpx.NetworkError | httpx.RemoteProtocolError)
    return closed and call.changes_nothing


def _events(seen: Iterable[tuple[str, Iterable[str]]]) -> list[dict[str, object]]:
    return [{"query_id": query, "candidate_ids": ids_of(ids)} for query, ids in seen]
