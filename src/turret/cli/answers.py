"""The commands that answer: `recommend`, `similar`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from turret.cli.arguments import (
    AllowCustom,
    Bundle,
    Collection,
    Depth,
    Json,
    SearchIn,
    query_values,
    require_search,
)
from turret.cli.output import json_value, say, show, table
from turret.cli.progress import progress_of
from turret.errors import QueryError

if TYPE_CHECKING:
    from turret.index.hits import Hits
    from turret.recommender.recommender import Recommender

__all__ = ["DISPLAYED", "Output", "Where", "add_commands", "recommend", "similar"]

DISPLAYED = 3
"""So many further columns of the candidate table, at most, stand beside an id."""


Where = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="Answer only with candidates whose columns fulfil this SQL condition: "
        "\"genre = 'Drama' and year >= 1990\".",
    ),
]
"""A condition that answers fulfil."""

Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="For --all: a .parquet, .jsonl or .csv file."),
]
"""Where the answers for every known query go."""


_Query = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=VALUE",
        help="One query: user_id=42, several columns divided by commas, or a JSON object. "
        "Repeat it for further queries.",
    ),
]
_K = Annotated[
    int | None,
    typer.Option("-k", min=1, help="How many answers for each query. [default: 10; --all: 100]"),
]


class _Answer(NamedTuple):
    """The answers to one input, as long as there are any."""

    ids: list[str]
    scores: list[float]
    fallback: bool

    @classmethod
    def of(cls, hits: "Hits", *, fallback: bool = False) -> "_Answer":
        """Take the first row of some hits."""
        count = int(hits.counts[0])
        return cls(hits.ids[0, :count].tolist(), hits.scores[0, :count].tolist(), fallback)

    @property
    def plain(self) -> dict[str, object]:
        """What JSON shows of it."""
        return dict(self._asdict())


class _How(NamedTuple):
    """What may be an answer."""

    exclude_seen: bool
    where: str | None


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file.

    Args:
        app: what they are added to.
    """
    app.command("recommend")(recommend)
    app.command("similar")(similar)


def recommend(
    bundle: Bundle,
    query: _Query = None,
    k: _K = None,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen", help="Leave out what the query was trained on.")
    ] = False,
    where: Where = None,
    every: Annotated[
        bool, typer.Option("--all", help="Answer every known query, into the file of --output.")
    ] = False,
    output: Output = None,
    search_in: SearchIn = None,
    collection: Collection = None,
    allow_custom: AllowCustom = None,
    as_json: Json = False,
) -> None:
    """Print the best candidates of each query."""
    from turret.recommender.recommender import Recommender

    require_search(search_in, collection)
    _check(every=every, output=output, query=query)
    queries = [query_values(text) for text in query or ()]
    recommender = Recommender.load(bundle, allow_custom=allow_custom or ())
    if search_in is not None:
        from turret.recommender.stores import searching

        recommender = searching(recommender, bundle, search_in, collection=collection)
    # More than there are candidates only costs memory.
    k = min(k or (10 if output is None else 100), max(1, recommender.candidates.height))
    how = _How(exclude_seen=exclude_seen, where=where)
    if output is not None:
        _everyone(recommender, output, k=k, how=how, as_json=as_json)
        return
    answers = [_answer(recommender, one, k=k, how=how) for one in queries]
    if as_json:
        json_value(
            [{"query": one, **answer.plain} for one, answer in zip(queries, answers, strict=True)]
        )
        return
    for one, answer in zip(queries, answers, strict=True):
        named = ", ".join(f"{column}={value}" for column, value in one.items())
        _show(recommender, answer, title=f"For {named}:")
        if answer.fallback:
            say(f"Nothing is known of {named}: these are the most popular candidates.")


def similar(
    bundle: Bundle,
    candidate: Annotated[
        list[str], typer.Option(metavar="ID", help="A candidate. Repeat it for further ones.")
    ],
    k: Depth = 10,
    allow_custom: AllowCustom = None,
    as_json: Json = False,
) -> None:
    """Print the candidates most like a candidate."""
    from turret.recommender.recommender import Recommender

    recommender = Recommender.load(bundle, allow_custom=allow_custom or ())
    k = min(k, max(1, recommender.candidates.height))
    answers = [_Answer.of(recommender.similar([one], k)) for one in candidate]
    if as_json:
        json_value(
            [{"candidate": one, **a.plain} for one, a in zip(candidate, answers, strict=True)]
        )
        return
    for one, answer in zip(candidate, answers, strict=True):
        _show(recommender, answer, title=f"Like {one}:")


def _check(*, every: bool, output: Path | None, query: list[str] | None) -> None:
    if every != (output is not None):
        raise QueryError("--all and --output go together", fix="Give both, or neither.")
    if every == bool(query):
        raise QueryError(
            "Say what to answer", fix="Give --query user_id=42, or --all with --output FILE."
        )


def _everyone(
    recommender: "Recommender", output: Path, *, k: int, how: _How, as_json: bool
) -> None:
    from turret.recommender.bulk import recommend_all

    move, stop = progress_of(recommender.queries.height, "queries")
    try:
        done = recommend_all(recommender, output, k=k, progress=move, say=say, **how._asdict())
    finally:
        stop()
    if as_json:
        json_value({"output": str(output), "queries": done})
    else:
        say(f"Wrote the answers of {done:,} queries to {output}.")


def _answer(
    recommender: "Recommender", query: dict[str, str | list[str]], *, k: int, how: _How
) -> _Answer:
    columns = {column: [value] for column, value in query.items()}
    found = recommender.answer(columns, k, **how._asdict())
    return _Answer.of(found.hits, fallback=bool(found.fallback[0]))


def _show(recommender: "Recommender", answer: _Answer, *, title: str) -> None:
    """Print the answers with the first columns that describe a candidate."""
    found, id_column = recommender.described(answer.ids), recommender.candidate_id
    others = [name for name in found.columns if name != id_column][:DISPLAYED]
    described = {str(row[0]): row[1:] for row in found.select(id_column, *others).iter_rows()}
    scores = [int(score) if answer.fallback else score for score in answer.scores]
    rows = [
        (place, name, *described[name], score)
        for place, (name, score) in enumerate(zip(answer.ids, scores, strict=True), start=1)
    ]
    show(table(("", id_column, *others, "score"), rows, title=title))
