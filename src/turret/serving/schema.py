"""What requests and answers look like.

A request names features by the columns of a bundle, so its exact type is made for each bundle:
`RequestTypes.of`. Decoding against it is strict: an unknown field, a wrong type, or a list that is
too long is refused with its path.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

import msgspec
import polars as pl
from msgspec import UNSET, Meta, UnsetType

from turret.bundle.bundle import Bundle
from turret.serving.settings import Limits

__all__ = [
    "EmbedAnswer",
    "MAX_CONDITION",
    "EmbedRequest",
    "Id",
    "RecommendAnswer",
    "RecommendRequest",
    "RequestTypes",
    "SimilarAnswer",
    "SimilarRequest",
    "features_of",
]

_WHOLE = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Id = str | _WHOLE
"""An external id: text or a whole number, which are one id when they read the same."""

MAX_CONDITION = 2000
"""Characters of a condition, at most."""

R = TypeVar("R", bound=msgspec.Struct)


class RecommendRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Asks for the best candidates of some queries.

    Attributes:
        queries: each its id, or an object of its id and features by name.
        k: answers for each.
        exclude_seen: leave out what a query has met.
        exclude: for each query the candidate ids to leave out.
        allow: candidate ids of which all answers are taken.
        deny: candidate ids to leave out for all queries.
        where: a condition on the candidates' columns that all answers fulfil.
        fields: columns of the candidates to return with each answer.
    """

    queries: list[Any]
    k: int = 10
    exclude_seen: bool = False
    exclude: list[list[Id]] | None = None
    allow: list[Id] | None = None
    deny: list[Id] | None = None
    where: str | None = None
    fields: list[str] = []


class SimilarRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Asks for the candidates most like some candidates.

    Attributes:
        candidate_ids: their ids.
        k: answers for each.
        fields: columns of the candidates to return with each answer.
    """

    candidate_ids: list[Id]
    k: int = 10
    fields: list[str] = []


class EmbedRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Asks for vectors.

    Attributes:
        queries: each its id, or an object of its id and features by name.
        candidates: the same for candidates.
    """

    queries: list[Any] = []
    candidates: list[Any] = []


class RecommendAnswer(msgspec.Struct, kw_only=True):
    """The best candidates of each query, best first.

    Attributes:
        ids: for each query the ids of its candidates, as many as there are.
        scores: their scores.
        counts: how many each query has.
        fallback: whether nothing is known of a query, so that it got the popular candidates.
        fields: for each column asked for, its values beside the ids.
        model_version: the version of the model that answered.
    """

    ids: list[list[str]]
    scores: list[list[float]]
    counts: list[int]
    fallback: list[bool]
    fields: dict[str, list[list[Any]]] | UnsetType = UNSET
    model_version: str


class SimilarAnswer(msgspec.Struct, kw_only=True):
    """The candidates most like each candidate, best first.

    Attributes:
        ids: for each candidate the ids of those like it.
        scores: the cosines of the angles between their vectors.
        counts: how many each has.
        fields: for each column asked for, its values beside the ids.
        model_version: the version of the model that answered.
    """

    ids: list[list[str]]
    scores: list[list[float]]
    counts: list[int]
    fields: dict[str, list[list[Any]]] | UnsetType = UNSET
    model_version: str


class EmbedAnswer(msgspec.Struct, kw_only=True):
    """Vectors.

    Attributes:
        queries: one for each query; null when nothing is known of it.
        candidates: one for each candidate.
        model_version: the version of the model that answered.
    """

    queries: list[list[float] | None]
    candidates: list[list[float]]
    model_version: str


@dataclass(frozen=True)
class RequestTypes:
    """The types of the requests to one bundle.

    Attributes:
        query: a query with its features.
        candidate: a candidate with its features.
        recommend: decodes `RecommendRequest`.
        similar: decodes `SimilarRequest`.
        embed: decodes `EmbedRequest`.
    """

    query: type[msgspec.Struct]
    candidate: type[msgspec.Struct]
    recommend: type[RecommendRequest]
    similar: type[SimilarRequest]
    embed: type[EmbedRequest]

    @classmethod
    def of(cls, bundle: Bundle, limits: Limits) -> "RequestTypes":
        """Make the types.

        Args:
            bundle: names the features.
            limits: how long lists may be.

        Returns:
            The types.
        """
        query = _features(
            "Query", bundle.query_id, bundle.query_encoder.columns, bundle.queries, limits
        )
        candidate = _features(
            "Candidate",
            bundle.candidate_id,
            bundle.candidate_encoder.columns,
            bundle.candidates,
            limits,
        )
        some, many = limits.max_queries, limits.max_ids
        k, fields = (Annotated[int, Meta(ge=1, le=limits.max_k)], 10), (list[str], ())
        ids = _list_of(Id, most=many)
        return cls(
            query=query,
            candidate=candidate,
            recommend=_narrowed(
                RecommendRequest,
                queries=(_list_of(Id | query, least=1, most=some), msgspec.NODEFAULT),
                k=k,
                exclude=(_or_none(_list_of(ids, most=some)), None),
                allow=(_or_none(ids), None),
                deny=(_or_none(ids), None),
                where=(_or_none(Annotated[str, Meta(max_length=MAX_CONDITION)]), None),
                fields=fields,
            ),
            similar=_narrowed(
                SimilarRequest,
                candidate_ids=(_list_of(Id, least=1, most=some), msgspec.NODEFAULT),
                k=k,
                fields=fields,
            ),
            embed=_narrowed(
                EmbedRequest,
                queries=(_list_of(Id | query, most=some), ()),
                candidates=(_list_of(Id | candidate, most=some), ()),
            ),
        )


def features_of(value: object) -> Mapping[str, object]:
    """The features of a query or a candidate that a request brought.

    Args:
        value: of a type that `RequestTypes` made.

    Returns:
        Those that were given, by name.
    """
    struct = cast("msgspec.Struct", value)
    names = zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    given = {name: getattr(struct, field) for field, name in names}
    return {name: inner for name, inner in given.items() if inner is not UNSET}


def _features(
    title: str, id_column: str, columns: Iterable[str], table: pl.DataFrame, limits: Limits
) -> type[msgspec.Struct]:
    names = list(dict.fromkeys((id_column, *columns)))
    kinds = {name: _kind(table.schema.get(name, pl.String()), limits) for name in names}
    kinds[id_column] = Id | None
    # A column may have any name, a field may not.
    made = msgspec.defstruct(
        title,
        [(f"f{i}", kinds[name] | UnsetType, UNSET) for i, name in enumerate(names)],
        rename={f"f{i}": name for i, name in enumerate(names)},
        forbid_unknown_fields=True,
        kw_only=True,
    )
    made.__doc__ = f"A {title.lower()}, by its id, its features or both."
    return made


def _kind(dtype: Any, limits: Limits) -> Any:
    """What JSON may hold for a column: ids may be numbers, and numbers text."""
    if isinstance(dtype, pl.List | pl.Array):
        inner = _kind(dtype.inner, limits)
        return _or_none(_list_of(inner, most=limits.max_history))
    if isinstance(dtype, pl.Boolean):
        return bool | str | None
    return _or_none(Id | float if dtype.is_numeric() else Id)


def _list_of(kind: Any, *, most: int, least: int | None = None) -> Any:
    return Annotated[list[kind], Meta(min_length=least, max_length=most)]


def _or_none(kind: Any) -> Any:
    return kind | None


def _narrowed(base: type[R], **fields: tuple[Any, Any]) -> type[R]:
    """The same struct with narrower types."""
    described: list[Any] = [
        (name, kind) if default is msgspec.NODEFAULT else (name, kind, _default(default))
        for name, (kind, default) in fields.items()
    ]
    made = msgspec.defstruct(
        base.__name__, described, bases=(base,), kw_only=True, forbid_unknown_fields=True
    )
    made.__doc__ = base.__doc__
    return cast("type[R]", made)


def _default(value: object) -> Any:
    return msgspec.field(default_factory=list[Any]) if value == () else value
