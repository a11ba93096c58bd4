"""The process that listens."""

import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from turret.errors import ServingError
from turret.serving.app import application
from turret.serving.logs import Log
from turret.serving.service import Service
from turret.serving.settings import Settings

__all__ = ["serve"]

_BACKLOG = 2048


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
    service = Service(path, settings, log)
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    server = _Server(_config(service))
    server.log = log
    # uvicorn ends gracefully and then raises the signal again: that was all that was asked.
    signal.signal(signal.SIGTERM, _stopped)
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    log.write("info", "serving", url=address, version=service.first.name)
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
        date_header=False,
        ws="none",
        lifespan="on",
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(service.settings.drain)),
    )


def _listen(settings: Settings) -> socket.socket:
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        raise ServingError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}",
            fix="Name another with --host and --port.",
        ) from error
    listening.set_inheritable(True)
    return listening


def _stopped(number: int, frame: FrameType | None) -> None:
    """Do nothing more."""
