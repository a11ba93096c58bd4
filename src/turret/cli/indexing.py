"""The command `index`: building, tuning and pushing the index of a bundle."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from turret.cli.arguments import Bundle, Collection, Json, changes
from turret.cli.output import json_value, say, show, table
from turret.cli.progress import progress_of
from turret.errors import QueryError

if TYPE_CHECKING:
    from turret.index.tuning import Curve, Point

__all__ = ["add_commands", "index", "picture"]

_WIDTH, _HEIGHT = 60, 12


_TargetRecall = Annotated[
    float | None,
    typer.Option(
        "--target-recall",
        metavar="SHARE",
        help="Find the cheapest settings that find this share of the true best, such as 0.99.",
    ),
]
_Push = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="qdrant|pgvector URL",
        help="Write the candidates to this vector database; the bundle stays as it is.",
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Add the command of this file.

    Args:
        app: what it is added to.
    """
    app.command("index")(index)


def index(
    bundle: Bundle,
    kind: Annotated[
        Literal["exact", "scann", "faiss"] | None,
        typer.Option(help="The kind of search. [default: exact; with --target-recall: scann]"),
    ] = None,
    target_recall: _TargetRecall = None,
    k: Annotated[
        int, typer.Option("--k", "-k", min=1, help="For --target-recall: answers of a query.")
    ] = 100,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a parameter: --set leaves=2000."),
    ] = None,
    push: _Push = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Build the index of a bundle anew, in place; or push it to a vector database."""
    if push is not None:
        if kind is not None or target_recall is not None or settings:
            raise QueryError(
                "--push leaves the index of the bundle as it is",
                fix="Leave out --kind, --target-recall and --set, or --push.",
            )
        _push(bundle, push, collection=collection, as_json=as_json)
        return
    if collection is not None:
        raise QueryError("--collection names a collection of --push", fix="Give --push, too.")
    if target_recall is not None:
        if settings:
            raise typer.BadParameter("--target-recall finds the settings itself: leave --set out.")
        _tune(bundle, kind=kind or "scann", target_recall=target_recall, k=k, as_json=as_json)
        return
    from turret import toml
    from turret.pipeline.revision import rebuild_index
    from turret.recipe.recipe import Index
    from turret.strict import convert

    kind = kind or "exact"
    given = {name: toml.value_of(text) for name, text in changes(settings or ()).items()}
    config = convert({"kind": kind, "parameters": given}, Index, where="--set")
    built = rebuild_index(bundle, kind=kind, parameters=config.parameters)
    if as_json:
        json_value({"bundle": str(bundle), "kind": kind, "candidates": len(built)})
    else:
        say(f"{bundle} now answers with the index {kind!r} over {len(built):,} candidates.")


def _push(bundle: Path, target: tuple[str, str], *, collection: str | None, as_json: bool) -> None:
    from turret.recommender.stores import push_bundle

    with ExitStack() as stack:
        moves: list[Callable[[int], None]] = []

        def progress(done: int, total: int) -> None:
            if not moves:
                move, stop = progress_of(total, "candidates")
                stack.callback(stop)
                moves.append(move)
            moves[0](done)

        pushed = push_bundle(bundle, target, collection=collection, progress=progress)
    if as_json:
        import msgspec

        json_value({"bundle": str(bundle), **msgspec.to_builtins(pushed)})
        return
    written = f"wrote {pushed.written:,}" if pushed.written else "nothing was new"
    left_out = f" Without {', '.join(pushed.left_out)}." if pushed.left_out else ""
    say(
        f"{pushed.store} holds the {pushed.candidates:,} candidates of {bundle} as "
        f"{pushed.collection!r}, version {pushed.version}: {written}.{left_out}"
    )


def picture(points: Sequence["Point"]) -> list[str]:
    """Draw recall against latency in text.

    Args:
        points: the measured choices, at least one.

    Returns:
        The lines: recall upwards, the logarithm of milliseconds to the right.
    """
    import math

    across = [math.log(point.p50_ms) for point in points]
    upward = [point.recall for point in points]
    left, right, low, high = min(across), max(across), min(upward), max(upward)
    rows = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    for x, y in zip(across, upward, strict=True):
        column = round((x - left) / ((right - left) or 1) * (_WIDTH - 1))
        row = round((high - y) / ((high - low) or 1) * (_HEIGHT - 1))
        rows[row][column] = "*"
    heads = [f"{high:.4f}", *[""] * (_HEIGHT - 2), f"{low:.4f}"]
    lines = [f"{head:>6} |{''.join(row)}" for head, row in zip(heads, rows, strict=True)]
    first, last = f"{math.exp(left):.3f}", f"{math.exp(right):.3f} ms"
    return [*lines, f"{'':>6} +{'-' * _WIDTH}", f"{'':>8}{first}{last:>{_WIDTH - len(first)}}"]


def _tune(bundle: Path, *, kind: str, target_recall: float, k: int, as_json: bool) -> None:
    from turret.pipeline.revision import tune_index

    curve = tune_index(bundle, target_recall=target_recall, kind=kind, k=k)
    if as_json:
        import msgspec

        json_value({"bundle": str(bundle), **msgspec.to_builtins(curve)})
        return
    _draw(curve)
    say(
        f"{bundle} now answers with the index {kind!r}: recall@{k} {curve.chosen.recall:.4f} at "
        f"{curve.chosen.p50_ms:.3f} ms a query on {curve.queries[1]:,} other queries; exact search "
        f"takes {curve.exact_p50_ms:.3f} ms."
    )


def _draw(curve: "Curve") -> None:
    from turret.index.tuning import frontier

    best = frontier(curve.points)
    names = [
        name
        for name in curve.chosen.parameters
        if len({point.parameters[name] for point in curve.points}) > 1
    ]
    rows = [
        (*(point.parameters[name] for name in names), point.recall, point.p50_ms) for point in best
    ]
    columns = (*names, f"recall@{curve.k}", "p50 ms")
    show(table(columns, rows, title=f"{curve.kind}: what no other choice surpasses"))
    for line in picture(curve.points):
        typer.echo(line.rstrip())
