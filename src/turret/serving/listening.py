"""The address that a server listens on."""

import socket

from turret.errors import ServingError

__all__ = ["BACKLOG", "address_of", "bound"]

BACKLOG = 2048
"""Connections that may wait to be accepted."""


def bound(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """Take an address; listening begins later.

    Args:
        host: the address.
        port: the port; 0 takes a free one.
        reuse_port: other processes may take it, too.

    Returns:
        The socket, which a process started from this one may inherit.

    Raises:
        ServingError: if it cannot be taken.
    """
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ServingError(
            "Processes cannot share a port on this system", fix="Serve with one worker."
        )
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        if not reuse_port:
            listening.listen(BACKLOG)
    except OSError as error:
        raise ServingError(
            f"{host}:{port} cannot be listened on: {error.strerror}",
            fix="Name another with --host and --port.",
        ) from error
    listening.set_inheritable(True)
    return listening


def address_of(listening: socket.socket) -> str:
    """Name the address.

    Args:
        listening: the socket.

    Returns:
        Its URL.
    """
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
