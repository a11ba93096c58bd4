"""The commands that answer: `recommend`, `similar`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turret.cli.arguments import Bundle, Depth, Json, query_values
from turret.cli.output import json_value, say, show, table
from turret.cli.progress import progress_of
from turret.errors import QueryError

if TYPE_CHECKING:
    from turret.index.base import Hits
    from turret.recommender import Recommender

__all__ = ["add_commands"]

DISPLAYED = 3
"""So many further columns of the candidate table, at most, stand beside an id."""


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file.

    Args:
        app: what they are added to.
    """
    app.command("recommend")(recommend)
    app.command("similar")(similar)


def recommend(
    bundle: Bundle,
    query: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="One query: user_id=42, several columns divided by commas, or a JSON object. "
            "Repeat it for further queries.",
        ),
    ] = None,
    k: Depth = 10,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen", help="Leave out what the query was trained on.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Answer every known query, into the file of --output.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For --all: a .parquet, .jsonl or .csv file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the best candidates of each query."""
    from turret.recommender import Recommender

    if every != (output is not None):
        raise QueryError("--all and --output go together", fix="Give both, or neither.")
    if every == bool(query):
        raise QueryError(
            "Say what to answer", fix="Give --query user_id=42, or --all with --output FILE."
        )
    queries = [query_values(text) for text in query or ()]
    recommender = Recommender.load(bundle)
    if output is not None:
        _everyone(recommender, output, k=k, exclude_seen=exclude_seen, as_json=as_json)
        return
    answers: list[dict[str, object]] = []
    for one in queries:
        columns = {column: [value] for column, value in one.items()}
        hits = recommender.recommend(columns, k, exclude_seen=exclude_seen)
        fallback = bool(recommender.fallbacks(columns)[0])
        answers.append({"query": one, **_listed(hits), "fallback": fallback})
    if as_json:
        json_value(answers)
        return
    for answer, one in zip(answers, queries, strict=True):
        named = ", ".join(f"{column}={value}" for column, value in one.items())
        _show(recommender, answer, title=f"For {named}:")
        if answer["fallback"]:
            say(f"Nothing is known of {named}: these are the most popular candidates.")


def similar(
    bundle: Bundle,
    candidate: Annotated[
        list[str], typer.Option(metavar="ID", help="A candidate. Repeat it for further ones.")
    ],
    k: Depth = 10,
    as_json: Json = False,
) -> None:
    """Print the candidates most like a candidate."""
    from turret.recommender import Recommender

    recommender = Recommender.load(bundle)
    answers: list[dict[str, object]] = []
    for one in candidate:
        hits = recommender.similar([one], k)
        answers.append({"candidate": one, **_listed(hits)})
    if as_json:
        json_value([{**answer, "fallback": False} for answer in answers])
        return
    for answer in answers:
        _show(recommender, answer, title=f"Like {answer['candidate']}:")


def _everyone(
    recommender: "Recommender", output: Path, *, k: int, exclude_seen: bool, as_json: bool
) -> None:
    from turret.bulk import recommend_all

    move, stop = progress_of(recommender.queries.height, "queries")
    try:
        done = recommend_all(recommender, output, k=k, exclude_seen=exclude_seen, progress=move)
    finally:
        stop()
    if as_json:
        json_value({"output": str(output), "queries": done})
    else:
        say(f"Wrote the answers of {done:,} queries to {output}.")


def _listed(hits: "Hits") -> dict[str, list[object]]:
    """Return the ids and scores of the first row, as long as there are answers."""
    count = int(hits.counts[0])
    return {"ids": hits.ids[0, :count].tolist(), "scores": hits.scores[0, :count].tolist()}


def _show(recommender: "Recommender", answer: dict[str, object], *, title: str) -> None:
    ids, scores = answer["ids"], answer["scores"]
    assert isinstance(ids, list) and isinstance(scores, list)
    others = [name for name in recommender.candidates.columns if name != recommender.candidate_id][
        :DISPLAYED
    ]
    described = {
        row[recommender.candidate_id]: [_text(row[name]) for name in others]
        for row in recommender.candidates.filter(
            recommender.candidates[recommender.candidate_id].is_in(ids)
        ).iter_rows(named=True)
    }
    rows = [
        [place, name, *described[name], score]
        for place, (name, score) in enumerate(zip(ids, scores, strict=True), start=1)
    ]
    show(table(("", recommender.candidate_id, *others, "score"), rows, title=title))


def _text(value: object) -> object:
    return ", ".join(str(inner) for inner in value) if isinstance(value, list) else value
