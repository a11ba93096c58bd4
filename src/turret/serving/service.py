"""What a server consists of, whatever is asked: the version served, the engine, the settings."""

import asyncio
import gc
import threading

from turret.serving.batching import Engine
from turret.serving.logs import Log
from turret.serving.metrics import Metrics
from turret.serving.refusals import Refusal
from turret.serving.settings import Settings
from turret.serving.version import Version

__all__ = ["Service"]


class Service:
    """The state of a server.

    Args:
        version: what is served at first.
        settings: how.
        log: where it says what happens.
    """

    def __init__(self, version: Version, settings: Settings, log: Log) -> None:
        """Keep the parts; nothing runs before `start`."""
        self.settings = settings
        self.log = log
        self.metrics = Metrics()
        self.engine = Engine(settings.batching, observe=self.metrics.batch)
        self._version = version
        self._ready = threading.Event()
        self._warming: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        return self._ready.is_set()

    @property
    def version(self) -> Version:
        """The version that answers what comes now.

        Raises:
            Refusal: if it is not warm yet (503).
        """
        if not self._ready.is_set():
            raise Refusal(503, "not_ready", "The model is not warm yet.", retry_after=1)
        return self._version

    def counted(self) -> bytes:
        """What Prometheus reads."""
        return self.metrics.text(waiting=self.engine.waiting, candidates=self._version.size)

    async def start(self) -> None:
        """Start the engine, and begin to warm the version up."""
        self.engine.start()
        self._warming = asyncio.create_task(self._warm())

    async def stop(self) -> None:
        """Do what was submitted, and end."""
        self._ready.clear()
        if self._warming is not None:
            await asyncio.wait([self._warming])
        await asyncio.to_thread(self.engine.stop)

    async def _warm(self) -> None:
        await asyncio.to_thread(self._version.warm, self.settings.batching.max_batch)
        # What a model consists of never becomes garbage while it is served: not looked at again.
        gc.collect()
        gc.freeze()
        self._ready.set()
        version = self._version
        self.metrics.serves(version.name, number=version.number, candidates=version.size)
        self.log.write("info", "ready", version=version.name)
