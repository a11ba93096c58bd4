"""What a server consists of, whatever is asked: the version served, the engine, the settings."""

import asyncio
import gc
from pathlib import Path

from turret.errors import ServingError
from turret.serving.batching import Engine
from turret.serving.logs import Log
from turret.serving.metrics import Metrics
from turret.serving.refusals import Refusal
from turret.serving.settings import Settings
from turret.serving.version import Version
from turret.serving.versions import Versions, is_bundle

__all__ = ["Service"]


class Service:
    """The state of a server.

    Args:
        path: the directory of a bundle, or a folder of numbered ones.
        settings: how it is served.
        log: where it says what happens.

    Raises:
        BundleError: if there is no bundle, or it is damaged.
        ServingError: if there is no bundle in the folder that can be served.
    """

    def __init__(self, path: Path, settings: Settings, log: Log) -> None:
        """Load what is served at first; nothing runs before `start`."""
        self.settings, self.log = settings, log
        self.metrics = Metrics()
        self.engine = Engine(settings.batching, observe=self._observe)
        self._versions: Versions | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = False
        if is_bundle(path) or settings.writable:
            self._version = Version.load(path, settings)
        else:
            self._versions = Versions(path, self._load, log=log, failed=self.metrics.reload_failed)
            self._version = self._versions.first()

    @property
    def first(self) -> Version:
        """What is served, warm or not."""
        return self._version

    @property
    def version(self) -> Version:
        """The version that answers what comes now.

        Raises:
            Refusal: if it is not warm yet (503).
        """
        if not self._ready:
            raise Refusal(503, "not_ready", "The model is not warm yet.", retry_after=1)
        return self._version

    def counted(self) -> bytes:
        """What Prometheus reads."""
        return self.metrics.text(waiting=self.engine.waiting, candidates=self._version.size)

    async def start(self) -> None:
        """Start the engine, begin to warm up, and watch for other versions.

        Raises:
            ServingError: if it listens only when warm, and cannot be.
        """
        self.engine.start()
        if self.settings.reuse_port:
            # Others answer meanwhile.
            await self._warm()
            if not self._ready:
                raise ServingError("The model cannot be warmed up")
        self._tasks.append(asyncio.create_task(self._run()))

    async def stop(self) -> None:
        """Do what was submitted, and end."""
        self._ready = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.engine.stop)
        if self._version.live is not None:
            await asyncio.to_thread(self._version.live.close)

    async def _warm(self) -> None:
        try:
            await asyncio.to_thread(self._version.warm, self.settings.batching.max_batch)
        except Exception as error:
            # It stays up and not ready, which is what whoever watches it acts on.
            self.log.write("error", "not_warm", version=self._version.name, reason=str(error))
            return
        self._serve(self._version)
        self._ready = True
        self.log.write("info", "ready", version=self._version.name)

    async def _run(self) -> None:
        if not self._ready:
            await self._warm()
        while self._versions is not None:
            await asyncio.sleep(self.settings.poll)
            try:
                version = await asyncio.to_thread(self._versions.newer)
            except Exception as error:
                self.log.write("error", "folder_unreadable", reason=str(error))
                continue
            if version is not None:
                self._serve(version)
                self.log.write("info", "version_served", version=version.name)

    def _observe(self, size: int, seconds: float) -> None:
        self.metrics.batch(size, seconds, waiting=max(0, self.engine.waiting - size))

    def _load(self, path: Path, number: int) -> Version:
        version = Version.load(path, self.settings, number=number)
        if self._ready:
            version.warm(self.settings.batching.max_batch)
        return version

    def _serve(self, version: Version) -> None:
        """Let a version answer all that comes from now on; what is under way keeps its own."""
        self._version = version
        self.metrics.serves(version.name, number=version.number, candidates=version.size)
        # A model never becomes garbage while it is served, so it is not looked at again; one that
        # was served before may have.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
