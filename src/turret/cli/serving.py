"""The command that serves: `serve`."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from turret.cli.arguments import AllowCustom, Collection, SearchIn, require_search

if TYPE_CHECKING:
    from turret.serving.settings import Settings

__all__ = ["add_commands", "serve"]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file.

    Args:
        app: what they are added to.
    """
    app.command("serve")(serve)


def _option(text: str, metavar: str | None = None, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=text)


Target = Annotated[
    Path,
    typer.Argument(
        metavar="BUNDLE|DIR", help="A bundle, or a folder of bundles 1, 2, ... that is watched."
    ),
]
Host = Annotated[str, _option("The address to listen on.")]
Port = Annotated[int, _option("The port; 0 takes a free one.")]
Workers = Annotated[int, _option("Processes that share the port and the vectors.", "N")]
ReusePort = Annotated[
    bool,
    _option("Listen when warm, at a port others may listen at, too.", None, "--reuse-port"),
]
MaxConnections = Annotated[int, _option("Connections at a time, for each worker.", "N")]
ClientTimeout = Annotated[
    float, _option("For a client to send a request, or to take an answer.", "SECONDS")
]
Writable = Annotated[
    bool,
    _option("Take changes, from those with a token of TURRET_WRITE_TOKENS.", None, "--writable"),
]
MaxBatch = Annotated[int, _option("Queries answered together, at most.", "N")]
MaxWaiting = Annotated[int, _option("Queries that may wait; beyond that, 503.", "N")]
MaxBody = Annotated[int, _option("Size of a request's body, at most.", "BYTES")]
MaxK = Annotated[int, _option("Answers for each query, at most.", "K")]
MaxQueries = Annotated[int, _option("Queries or candidates in a request, at most.", "N")]
MaxHistory = Annotated[int, _option("Values in one list of a query, at most.", "N")]
MaxIds = Annotated[int, _option("Ids in one list to exclude, allow or deny, at most.", "N")]
Timeout = Annotated[float, _option("Until an answer; after that, 504.", "SECONDS")]
Poll = Annotated[float, _option("Between looks at the folder DIR.", "SECONDS")]
Drain = Annotated[float, _option("For requests under way when it is stopped.", "SECONDS")]
ModelName = Annotated[str | None, _option("For TensorFlow Serving's protocol. [BUNDLE's name]")]
ModelK = Annotated[int, _option("Answers in TensorFlow Serving's protocol.", "K")]
LogRequests = Annotated[bool, _option("Write a line for each request.", None, "--log-requests")]
LogFeatures = Annotated[
    bool, _option("Write what was asked, too. It may be personal.", None, "--log-features")
]


def serve(
    target: Target,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    reuse_port: ReusePort = False,
    writable: Writable = False,
    max_connections: MaxConnections = 4096,
    client_timeout: ClientTimeout = 10.0,
    max_batch: MaxBatch = 64,
    max_waiting: MaxWaiting = 1024,
    max_body: MaxBody = 1024 * 1024,
    max_k: MaxK = 1000,
    max_queries: MaxQueries = 256,
    max_history: MaxHistory = 1000,
    max_ids: MaxIds = 10_000,
    timeout: Timeout = 2.0,
    poll: Poll = 2.0,
    drain: Drain = 30.0,
    allow_custom: AllowCustom = None,
    search_in: SearchIn = None,
    collection: Collection = None,
    model_name: ModelName = None,
    model_k: ModelK = 10,
    log_requests: LogRequests = False,
    log_features: LogFeatures = False,
) -> None:
    """Serve a bundle, or the newest of a folder, over HTTP."""
    given = locals()
    require_search(search_in, collection)
    del given["workers"]
    # One query is too small to divide; processors serve other requests. Before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from turret import compilation
    from turret.serving.server import serve as run

    compilation.keep_compiled_programs()
    if workers == 1:
        run(target, _settings(**given))
        return
    from turret.serving.workers import supervise

    settings = _settings(**given, workers=workers)
    raise typer.Exit(supervise(_arguments(**given), settings, workers=workers))


def _arguments(target: Path, **given: Any) -> list[str]:
    """Write the options as they are written in a shell."""
    arguments = [str(target)]
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(option)
        elif isinstance(value, tuple):
            arguments += [option, *map(str, cast("tuple[object, ...]", value))]
        elif value is not None and value is not False:
            several = cast("list[object]", value if isinstance(value, list) else [value])
            arguments += [word for one in several for word in (option, str(one))]
    return arguments


def _settings(target: Path, workers: int = 1, **given: Any) -> "Settings":
    """Put the options together."""
    from turret.recipe.checks import require
    from turret.serving.settings import Batching, Limits, Settings
    from turret.serving.tokens import Tokens

    require(workers >= 1, "workers", workers, "at least 1")
    given["reuse_port"] = given["reuse_port"] or workers > 1
    limits = {name: given.pop(name) for name in Limits.__struct_fields__}
    batching = {name: given.pop(name) for name in Batching.__struct_fields__}
    given["model_name"] = given["model_name"] or _name_of(target)
    given["allow_custom"] = tuple(given["allow_custom"] or ())
    given["log_requests"] = given["log_requests"] or given["log_features"]
    return Settings(
        tokens=Tokens.of(), limits=Limits(**limits), batching=Batching(**batching), **given
    )


def _name_of(target: Path) -> str:
    """The folder's name, as far as it may stand in an address."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", target.resolve().name)
    return name.lstrip("0123456789-") or "turret"
