"""The engine: what is done together, and what is refused."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

import pytest

from turret.serving.batching import Engine
from turret.serving.refusals import Refusal
from turret.serving.settings import Batching

T = TypeVar("T")


class Doubled(NamedTuple):
    """Doubles numbers once a gate is open, and writes down what it was given."""

    gate: threading.Event
    calls: "Calls"
    begun: threading.Event
    name: str = ""

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.begun.set()
        self.gate.wait(10)
        self.calls.append(list(items))
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]


class Calls(list[list[int]]):
    """A list that can be a key."""

    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]  # a list's is None


def run(test: Callable[[Engine, Doubled], Awaitable[T]], **settings: int) -> tuple[T, Calls]:
    operation = Doubled(threading.Event(), Calls(), threading.Event())

    async def running() -> T:
        engine = Engine(Batching(**settings))
        engine.start()
        try:
            return await test(engine, operation)
        finally:
            operation.gate.set()
            engine.stop()
            # What the thread handed back last waits for one turn of the loop.
            await asyncio.sleep(0)
            assert engine.waiting == 0

    return asyncio.run(running()), operation.calls


async def begun(operation: Doubled) -> None:
    """Wait until the thread does something with it."""
    await asyncio.to_thread(operation.begun.wait, 10)


def submit(engine: Engine, operation: Doubled, *items: int) -> "asyncio.Task[list[int]]":
    return asyncio.create_task(engine.submit(operation, items, timeout=10.0))


def test_what_waits_is_done_together() -> None:
    async def test(engine: Engine, operation: Doubled) -> list[list[int]]:
        first = submit(engine, operation, 1)
        await begun(operation)
        others = [submit(engine, operation, n, n + 100) for n in (2, 3, 4, 5)]
        other = submit(engine, operation._replace(name="other"), 6)
        await asyncio.sleep(0)
        operation.gate.set()
        return await asyncio.gather(first, *others, other)

    results, calls = run(test, max_batch=6)
    assert results == [[2], [4, 204], [6, 206], [8, 208], [10, 210], [12]]
    # A batch holds at most six; an operation that differs is done by itself.
    assert calls == [[1], [2, 102, 3, 103, 4, 104], [5, 105], [6]]


def test_a_request_larger_than_a_batch_is_divided() -> None:
    async def test(engine: Engine, operation: Doubled) -> list[int]:
        operation.gate.set()
        return await submit(engine, operation, *range(10))

    results, calls = run(test, max_batch=4)
    assert results == [2 * n for n in range(10)]
    assert sum(calls, []) == list(range(10)) and max(map(len, calls)) <= 4


def test_one_that_fails_does_not_harm_the_others() -> None:
    async def test(engine: Engine, operation: Doubled) -> list[list[int] | BaseException]:
        tasks = [submit(engine, operation, n) for n in (1, 2, 13, 4)]
        await begun(operation)
        operation.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results, _ = run(test)
    assert [results[0], results[1], results[3]] == [[2], [4], [8]]
    assert isinstance(results[2], ValueError)


def test_too_many_are_refused_at_once() -> None:
    async def test(engine: Engine, operation: Doubled) -> list[int]:
        tasks = [submit(engine, operation, n) for n in range(4)]
        await asyncio.sleep(0)
        assert engine.waiting == 4
        with pytest.raises(Refusal) as refused:
            await engine.submit(operation, [5], timeout=10.0)
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        operation.gate.set()
        await asyncio.gather(*tasks)
        return await submit(engine, operation, 5)

    assert run(test, max_batch=2, max_waiting=4)[0] == [10]


def test_what_takes_too_long_is_refused_and_not_done() -> None:
    async def test(engine: Engine, operation: Doubled) -> list[int]:
        first = submit(engine, operation, 1)
        await begun(operation)
        with pytest.raises(Refusal) as refused:
            await engine.submit(operation, [2], timeout=0.05)
        assert (refused.value.status, refused.value.code) == (504, "deadline_exceeded")
        operation.gate.set()
        return await first

    results, calls = run(test)
    assert (results, calls) == ([2], [[1]])


class Panic(BaseException):
    """What a library's Rust raises when it fails."""


def test_what_is_no_exception_does_not_end_the_engine() -> None:
    def panics(items: Sequence[int]) -> list[int]:
        raise Panic("failed")

    async def test(engine: Engine, operation: Doubled) -> list[int]:
        operation.gate.set()
        with pytest.raises(RuntimeError, match="Panic"):
            await engine.submit(panics, [1], timeout=10.0)
        return await submit(engine, operation, 2)

    assert run(test)[0] == [4]


class Tripled(NamedTuple):
    """As a tuple it is equal to `Doubled`; what it does is not."""

    gate: threading.Event
    calls: "Calls"
    begun: threading.Event
    name: str = ""

    def __call__(self, items: Sequence[int]) -> list[int]:
        return [3 * item for item in items]


def test_operations_of_different_kinds_are_not_done_together() -> None:
    async def test(engine: Engine, operation: Doubled) -> list[list[int]]:
        first = submit(engine, operation, 1)
        await begun(operation)
        tripled = Tripled(*operation)
        assert tripled == operation
        others = [
            submit(engine, operation, 2),
            asyncio.create_task(engine.submit(tripled, [2], timeout=10.0)),
        ]
        await asyncio.sleep(0)
        operation.gate.set()
        return await asyncio.gather(first, *others)

    assert run(test)[0] == [[2], [4], [6]]


def test_sizes_are_observed() -> None:
    seen: list[int] = []

    async def running() -> None:
        engine = Engine(Batching(), observe=lambda size, _: seen.append(size))
        engine.start()
        operation = Doubled(threading.Event(), Calls(), threading.Event())
        operation.gate.set()
        await engine.submit(operation, [1, 2, 3], timeout=10.0)
        engine.stop()

    asyncio.run(running())
    assert seen == [3]
