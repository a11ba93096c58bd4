"""The process that listens."""

import logging
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from turret.serving.app import application
from turret.serving.connection import connections_of
from turret.serving.listening import BACKLOG, address_of, bound
from turret.serving.logs import Log
from turret.serving.service import Service
from turret.serving.settings import Settings
from turret.serving.workers import end_with_supervisor

__all__ = ["serve"]


def serve(path: Path, settings: Settings) -> None:
    """Serve until a signal asks to stop; then what is under way ends first.

    Args:
        path: the directory of the bundle, or a folder of numbered ones.
        settings: how.

    Raises:
        BundleError: if there is no bundle, or it is damaged.
        ServingError: if the address cannot be listened on.
    """
    log = Log()
    for library in ("uvicorn.error", "turret"):
        log.take(logging.getLogger(library))
    _open_files()
    end_with_supervisor()
    service = Service(path, settings, log)
    listening = bound(settings.host, settings.port, reuse_port=settings.reuse_port)
    server = _Server(_config(service))
    server.log = log
    # uvicorn ends gracefully and then raises the signal again: that was all that was asked.
    signal.signal(signal.SIGTERM, _stopped)
    log.write("info", "serving", url=address_of(listening), version=service.first.name)
    with listening:
        server.run(sockets=[listening])
    log.write("info", "stopped")


class _Server(uvicorn.Server):
    """Says when it begins to stop."""

    log: Log

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.log.write("info", "stopping")
        await super().shutdown(sockets)


def _config(service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        application(service),
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        date_header=False,
        ws="none",
        lifespan="on",
        http=connections_of(
            seconds=service.settings.client_timeout, most=service.settings.max_connections
        ),
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(service.settings.drain)),
    )


def _open_files() -> None:
    """Let the process have as many files and connections open as it may."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _stopped(number: int, frame: FrameType | None) -> None:
    """Do nothing more."""
