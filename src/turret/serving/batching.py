"""Requests that come at the same time are answered together, outside the event loop.

One thread takes whatever waits, up to a bound, and answers it at once; what comes meanwhile is the
next batch. So a lone request does not wait for company, and a busy server works in large batches.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from turret.serving.refusals import Refusal
from turret.serving.settings import Batching

__all__ = ["Engine", "Operation"]

Item = TypeVar("Item", contravariant=True)
Result = TypeVar("Result", covariant=True)
T = TypeVar("T")
R = TypeVar("R")


@runtime_checkable
class Operation(Protocol[Item, Result]):
    """What is done with items. It can be hashed; equal operations are done together."""

    def __call__(self, items: Sequence[Item], /) -> Sequence[Result]:
        """Return one result for each item."""
        ...


class _Job:
    """Items of one request that are done together."""

    __slots__ = ("error", "future", "items", "operation", "results", "timer")

    def __init__(
        self,
        operation: Operation[Any, Any],
        items: Sequence[Any],
        future: "asyncio.Future[Sequence[Any]]",
    ) -> None:
        self.operation = operation
        self.items = items
        self.future = future
        self.timer: asyncio.TimerHandle | None = None
        self.results: Sequence[Any] = ()
        self.error: BaseException | None = None


class Engine:
    """Gathers items and does them in a thread.

    Args:
        settings: the bounds of a batch and of what may wait.
        observe: told the size of each batch and the seconds it took, from the thread.
    """

    def __init__(
        self, settings: Batching, *, observe: Callable[[int, float], None] | None = None
    ) -> None:
        """Make the thread, which `start` starts."""
        self._settings = settings
        self._observe = observe
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="turret-engine", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Items that are not done yet."""
        return self._waiting

    def start(self) -> None:
        """Start the thread; called from the event loop that will submit."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Do what was submitted, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    async def submit(
        self, operation: Operation[T, R], items: Sequence[T], *, timeout: float
    ) -> list[R]:
        """Do items together with those of other requests.

        Args:
            operation: what is done with them.
            items: what it is done with; more than one batch holds are divided.
            timeout: seconds until it has to be done.

        Returns:
            A result for each.

        Raises:
            Refusal: if too many wait already (503), or the time is over (504).
        """
        if self._waiting + len(items) > self._settings.max_waiting and self._waiting > 0:
            raise Refusal(503, "overloaded", "Too many requests are waiting.", retry_after=1)
        size = self._settings.max_batch
        if len(items) <= size:
            return list(await self._put(operation, items, timeout))
        parts = [
            self._put(operation, items[start : start + size], timeout)
            for start in range(0, len(items), size)
        ]
        # The others end too, so that none is left over with an error nobody asks for.
        done = await asyncio.gather(*parts, return_exceptions=True)
        results: list[R] = []
        for part in done:
            if isinstance(part, BaseException):
                raise part
            results.extend(part)
        return results

    def _put(
        self, operation: Operation[T, R], items: Sequence[T], timeout: float
    ) -> "asyncio.Future[Sequence[R]]":
        assert self._loop is not None
        job = _Job(operation, items, self._loop.create_future())
        job.timer = self._loop.call_later(timeout, _expire, job.future)
        self._waiting += len(items)
        self._jobs.put(job)
        return job.future

    def _run(self) -> None:
        most = self._settings.max_batch
        over: _Job | None = None
        while True:
            job = self._jobs.get() if over is None else over
            over = None
            if job is None:
                return
            batch, size = [job], len(job.items)
            while size < most:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None or size + len(job.items) > most:
                    over = job
                    if job is None:
                        self._jobs.put(None)
                    break
                batch.append(job)
                size += len(job.items)
            self._do(batch, size)

    def _do(self, batch: list[_Job], size: int) -> None:
        start = time.perf_counter()
        groups: dict[tuple[type, Operation[Any, Any]], list[_Job]] = {}
        for job in batch:
            # One whose time is over was refused already.
            if not job.future.done():
                groups.setdefault((type(job.operation), job.operation), []).append(job)
        for (_, operation), jobs in groups.items():
            _together(operation, jobs)
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver, batch)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return
        if self._observe is not None:
            self._observe(size, time.perf_counter() - start)

    def _deliver(self, batch: list[_Job]) -> None:
        for job in batch:
            self._waiting -= len(job.items)
            if job.timer is not None:
                job.timer.cancel()
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.results)


def _expire(future: "asyncio.Future[Sequence[Any]]") -> None:
    if not future.done():
        refusal = Refusal(504, "deadline_exceeded", "There was no time to answer.", retry_after=1)
        future.set_exception(refusal)


def _together(operation: Operation[Any, Any], jobs: list[_Job]) -> None:
    """Do the items of several jobs at once; when that fails, each job by itself."""
    try:
        results = operation([item for job in jobs for item in job.items])
    except BaseException as error:
        # A panic of a library's Rust is no Exception; the thread goes on all the same.
        if len(jobs) == 1:
            jobs[0].error = error if isinstance(error, Exception) else RuntimeError(repr(error))
        else:
            for job in jobs:
                _together(operation, [job])
        return
    start = 0
    for job in jobs:
        job.results = results[start : start + len(job.items)]
        start += len(job.items)
