"""Calls of a recommender as requests to a server, and its answers as what the calls return."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, cast
from urllib.parse import quote

import httpx
import msgspec
import numpy as np
import polars as pl
from jaxtyping import Float32

from turret.errors import QueryError, ServingError, TurretError
from turret.index.base import check_search
from turret.index.candidates import Candidates
from turret.index.filters import filter_of
from turret.index.hits import Hits
from turret.index.ids import require_several
from turret.recommender import exclusions
from turret.recommender.resolving import Columns, as_series
from turret.serving.schema import EmbedAnswer, RecommendAnswer, SimilarAnswer

__all__ = [
    "Call",
    "error_of",
    "forgetting",
    "hits_of",
    "ids_of",
    "of_one_version",
    "recommending",
    "require_k",
    "rows_of",
    "vectors_of",
]

_NOTHING = np.empty((0, 1), dtype=np.float32)


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
        if self.body is None:
            return None
        try:
            return msgspec.json.encode(self.body, enc_hook=_plain)
        except UnicodeEncodeError as error:
            raise QueryError("a text is no Unicode", got=error.object) from error

    @property
    def changes_nothing(self) -> bool:
        """Whether it may be sent again although it may have been done."""
        return self.path in ("/v1/recommend", "/v1/similar", "/v1/embed")


def forgetting(query_id: object) -> Call:
    """Ask to forget a query.

    Args:
        query_id: its id.

    Returns:
        The request.

    Example:
        >>> forgetting("..").path
        '/v1/queries/%2E%2E'
    """
    try:
        # Points that stay points would lead to another address.
        return Call("DELETE", "/v1/queries/" + quote(str(query_id), safe="").replace(".", "%2E"))
    except UnicodeEncodeError as error:
        raise QueryError("the query id is no Unicode", got=query_id) from error


def ids_of(ids: Iterable[str | int]) -> list[str | int]:
    """List ids.

    Args:
        ids: external ids.

    Returns:
        The same.

    Raises:
        QueryError: if they are one string.
    """
    require_several(ids)
    return list(ids)


def require_k(k: int) -> None:
    """Check a number of answers.

    Args:
        k: answers for each query.

    Raises:
        QueryError: if it is not a positive whole number.
    """
    check_search(_NOTHING, dim=1, k=k, exclude=None)


def of_one_version(contents: Sequence[bytes]) -> bool:
    """Say whether answers came from one version of the model.

    Args:
        contents: the bodies of the answers.

    Returns:
        Whether there is no second version.
    """
    return len({msgspec.json.decode(one, type=_Answer).model_version for one in contents}) < 2


def rows_of(table: Columns | pl.DataFrame) -> list[dict[str, object]]:
    """The rows of columns.

    Args:
        table: columns by name, of one length.

    Returns:
        An object for each row.

    Raises:
        QueryError: if there are none, they differ in length, or one cannot be used.

    Example:
        >>> rows_of({"user": [1, 2], "country": ["no", None]})
        [{'user': 1, 'country': 'no'}, {'user': 2, 'country': None}]
    """
    names = table.columns if isinstance(table, pl.DataFrame) else list(table)
    if not names:
        raise QueryError("the query has no columns")
    columns: list[list[object]] = []
    for name in names:
        if isinstance(table[name], str | bytes):
            what = f"the column {name} of the queries is one value"
            raise QueryError(what, got=table[name], fix=f"Write [{table[name]!r}].")
        column = table[name]
        listed = column.tolist() if isinstance(column, np.ndarray) else list(column)
        _require_values(listed, name)
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
    require_k(k)
    none = Candidates([], _NOTHING)
    exclusions.named(none, exclude, queries=len(rows))
    filter_of(none, allow=allow, deny=deny)
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
    dim = answers[0].dim if answers else 0
    vectors = np.full((len(rows), dim), np.nan, dtype=np.float32)
    for place, row in enumerate(rows):
        if row is not None:
            vectors[place] = row
    return vectors


def error_of(answer: httpx.Response) -> TurretError:
    """What a refusal means.

    Args:
        answer: with a status that is no success.

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


class _Answer(msgspec.Struct):
    model_version: str


def _require_values(values: list[object], name: str) -> None:
    """Refuse what a recommender refuses and JSON would turn into something else."""
    try:
        dtype = as_series(values, name=name).dtype
    except UnicodeEncodeError as error:
        raise QueryError(f"the column {name} is no Unicode", got=error.object) from error
    while isinstance(dtype, pl.List | pl.Array):
        dtype = dtype.inner
    if dtype == pl.Binary:
        what = f"the column {name} of the queries holds bytes"
        raise QueryError(what, expected="text or numbers", fix="Decode them first.")


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return cast("object", value.tolist())
    if isinstance(value, pl.Series):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")
