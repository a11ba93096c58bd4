"""Calls of a recommender as requests to a server, and its answers as what the calls return."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, cast

import httpx
import msgspec
import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.errors import QueryError, ServingError, TurretError
from turret.index.hits import Hits
from turret.recommender.resolving import Columns
from turret.serving.schema import EmbedAnswer, RecommendAnswer, SimilarAnswer

__all__ = ["Call", "error_of", "hits_of", "recommending", "rows_of", "vectors_of"]


class Call(NamedTuple):
    """One request.

    Attributes:
        method: of HTTP.
        path: of the address.
        body: what is sent as JSON; None: nothing.
    """

    method: str
    path: str
    body: object = None

    @property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        return None if self.body is None else msgspec.json.encode(self.body, enc_hook=_plain)


def rows_of(table: Columns | pl.DataFrame) -> list[dict[str, object]]:
    """The rows of columns.

    Args:
        table: columns by name, of one length.

    Returns:
        An object for each row.

    Raises:
        QueryError: if the columns differ in length, or one is a single value.

    Example:
        >>> rows_of({"user": [1, 2], "country": ["no", None]})
        [{'user': 1, 'country': 'no'}, {'user': 2, 'country': None}]
    """
    names = table.columns if isinstance(table, pl.DataFrame) else list(table)
    columns: list[list[object]] = []
    for name in names:
        if isinstance(table[name], str):
            what = f"the column {name} of the queries is one value"
            raise QueryError(what, got=table[name], fix=f"Write [{table[name]!r}].")
        column = table[name]
        listed = column.tolist() if isinstance(column, np.ndarray) else list(column)
        columns.append(listed)
    if len({len(column) for column in columns}) > 1:
        lengths = {name: len(column) for name, column in zip(names, columns, strict=True)}
        raise QueryError("the columns of the queries differ in length", got=lengths)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def recommending(
    queries: Columns | pl.DataFrame,
    k: int,
    *,
    block: int,
    exclude: Sequence[Collection[str]] | None,
    allow: Collection[str] | None,
    deny: Collection[str] | None,
    **options: object,
) -> Iterator[Call]:
    """Ask for recommendations, so many queries in one request.

    Args:
        queries: as for `Recommender.recommend`, like what follows.
        k: answers for each.
        block: queries in a request.
        exclude: ids to leave out, for each query.
        allow: ids of which all answers are taken.
        deny: ids to leave out for all.
        **options: sent as they are, None left out.

    Yields:
        The requests.
    """
    rows = rows_of(queries)
    if exclude is not None and len(exclude) != len(rows):
        what = "exclude has not one entry for each query"
        raise QueryError(what, got=len(exclude), expected=str(len(rows)))
    lists = {"allow": allow, "deny": deny}
    body = {name: list(ids) for name, ids in lists.items() if ids is not None}
    given = {name: value for name, value in options.items() if value is not None}
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        one: dict[str, object] = {"queries": rows[part], "k": k, **body, **given}
        if exclude is not None:
            one["exclude"] = [list(ids) for ids in exclude[part]]
        yield Call("POST", "/v1/recommend", one)


def hits_of(
    contents: Sequence[bytes], kind: type[RecommendAnswer] | type[SimilarAnswer], *, k: int
) -> Hits:
    """Put answers together.

    Args:
        contents: the bodies of the answers.
        kind: what they are.
        k: places for each query.

    Returns:
        The answers, with None and NaN behind `counts`.
    """
    answers = [msgspec.json.decode(content, type=kind) for content in contents]
    counts = np.array([count for one in answers for count in one.counts], dtype=np.int64)
    ids = np.full((len(counts), k), None, dtype=object)
    scores = np.full((len(counts), k), np.nan, dtype=np.float32)
    there = np.less(np.arange(k), counts[:, None])
    ids[there] = [name for one in answers for names in one.ids for name in names]
    scores[there] = [score for one in answers for theirs in one.scores for score in theirs]
    return Hits(ids, scores, counts)


def vectors_of(contents: Sequence[bytes], *, of: str) -> Float32[np.ndarray, "n d"]:
    """Put vectors together.

    Args:
        contents: the bodies of the answers.
        of: `queries` or `candidates`.

    Returns:
        `[n, d]`; NaN for a query of which nothing is known.
    """
    answers = [msgspec.json.decode(content, type=EmbedAnswer) for content in contents]
    rows: list[list[float] | None] = [row for one in answers for row in getattr(one, of)]
    dim = max((len(row) for row in rows if row is not None), default=0)
    vectors = np.full((len(rows), dim), np.nan, dtype=np.float32)
    for place, row in enumerate(rows):
        if row is not None:
            vectors[place] = row
    return vectors


def error_of(answer: httpx.Response) -> TurretError:
    """What a refusal means.

    Args:
        answer: with a status of 400 or more.

    Returns:
        A `QueryError` for what the request holds, else a `ServingError`.
    """
    try:
        told = msgspec.json.decode(answer.content, type=dict[str, dict[str, str]])["error"]
        code, message, path = told["code"], told["message"], told.get("path")
    except (msgspec.MsgspecError, KeyError):
        code, message, path = "", "", None
    if code in ("invalid_request", "unknown_candidate", "malformed_json"):
        return QueryError(f"{path}: {message}" if path else message)
    reason = message or answer.reason_phrase
    what = f"The server at {answer.url.copy_with(path='/', query=None)} does not answer"
    return ServingError(f"{what}: {answer.status_code}, {reason}")


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return cast("object", value.tolist())
    if isinstance(value, pl.Series):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")
