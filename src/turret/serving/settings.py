"""What a server may be told: where it listens, how it gathers requests, and its limits."""

import msgspec

from turret.errors import ServingError
from turret.recipe.checks import require
from turret.serving.tokens import WRITE, Tokens

__all__ = ["Batching", "Limits", "Settings"]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request may ask for at most.

    Attributes:
        max_body: bytes of its body.
        max_k: answers for each query.
        max_queries: queries, or candidates, in it.
        max_history: values in one list of a query, such as its history.
        max_ids: ids in one list to exclude, allow or deny.
        timeout: seconds until its answer; after that it is refused.
    """

    max_body: int = 1024 * 1024
    max_k: int = 1000
    max_queries: int = 256
    max_history: int = 1000
    max_ids: int = 10_000
    timeout: float = 2.0

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for name in ("max_body", "max_k", "max_queries", "max_history", "max_ids"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require(0 < self.timeout < 3600, "timeout", self.timeout, "above 0 and below 3600")


class Batching(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests are gathered.

    Attributes:
        max_batch: queries answered together at most.
        max_waiting: queries that may wait; beyond that, requests are refused.
    """

    max_batch: int = 64
    max_waiting: int = 1024

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require(self.max_batch >= 1, "max_batch", self.max_batch, "at least 1")
        require(
            self.max_waiting >= self.max_batch,
            "max_waiting",
            self.max_waiting,
            f"at least max_batch, {self.max_batch}",
        )


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a server is told besides what it serves.

    Attributes:
        host: the address it listens on.
        port: the port; 0 takes a free one.
        reuse_port: listen when warm, at a port that other processes may listen at, too.
        client_timeout: seconds a client has to send a request whole, and to take an answer.
        max_connections: connections at a time; further ones are closed at once.
        tokens: who may ask and change.
        writable: take changes, too.
        limits: what one request may ask for.
        batching: how requests are gathered.
        allow_custom: import paths of the classes of one's own that a bundle may name.
        search_in: the kind and the address of a vector database that is searched; None: the index
            of the bundle is.
        collection: its name there; None: as the bundle, or the folder of versions, is called.
        poll: seconds between looks at a folder of versions.
        drain: seconds that requests under way have to end after a signal to stop.
        model_name: what clients of TensorFlow Serving's protocol call the model.
        model_k: answers that they get for each query.
        log_requests: write a line for each request, not only for failures.
        log_features: also write what was asked; it may be personal.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    reuse_port: bool = False
    client_timeout: float = 10.0
    max_connections: int = 4096
    tokens: Tokens = Tokens()
    writable: bool = False
    limits: Limits = Limits()
    batching: Batching = Batching()
    allow_custom: tuple[str, ...] = ()
    search_in: tuple[str, str] | None = None
    collection: str | None = None
    poll: float = 2.0
    drain: float = 30.0
    model_name: str = "turret"
    model_k: int = 10
    log_requests: bool = False
    log_features: bool = False

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        if self.writable and not self.tokens.write:
            raise ServingError(
                "A server that takes changes needs a token for them",
                fix=f"Make one with openssl rand -hex 32, and give it in {WRITE}.",
            )
        if self.writable and self.search_in is not None:
            raise ServingError(
                "A server that takes changes searches in its own index, which knows them at once",
                fix="Give --writable or --search-in, and not both.",
            )
        require(0 <= self.port <= 65535, "port", self.port, "0 to 65535")
        require(0 < self.poll < 3600, "poll", self.poll, "above 0 and below 3600")
        require(
            1 <= self.model_k <= self.limits.max_k,
            "model_k",
            self.model_k,
            f"1 to max_k, {self.limits.max_k}",
        )
        require(
            self.model_name.replace("-", "_").isidentifier(),
            "model_name",
            self.model_name,
            "letters, digits, _ and -",
        )
        require(
            0 < self.client_timeout < 3600,
            "client_timeout",
            self.client_timeout,
            "above 0 and below 3600",
        )
        require(self.max_connections >= 1, "max_connections", self.max_connections, "at least 1")
        require(self.drain >= 0, "drain", self.drain, "at least 0")
        if self.writable and self.reuse_port:
            raise ServingError(
                "One process at a time may change a bundle",
                fix="Give --writable, or several --workers, and not both.",
            )
