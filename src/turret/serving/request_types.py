"""The exact types of the requests to one bundle.

A request names features by the columns of a bundle, so its type is made for each. Decoding against
it is strict: an unknown field, a wrong type, or a list that is too long is refused with its path.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

import msgspec
import polars as pl
from msgspec import NODEFAULT, UNSET, Meta, UnsetType

from turret.bundle.bundle import Bundle
from turret.serving.schema import (
    EmbedRequest,
    Event,
    EventsRequest,
    Id,
    PutRequest,
    RecommendRequest,
    RemoveRequest,
    SimilarRequest,
)
from turret.serving.settings import Limits

__all__ = ["MAX_CONDITION", "RequestTypes", "features_of"]

MAX_CONDITION = 2000
"""Characters of a condition, at most."""

R = TypeVar("R", bound=msgspec.Struct)


@dataclass(frozen=True)
class RequestTypes:
    """The types of the requests to one bundle.

    Attributes:
        query: a query with its features.
        candidate: a candidate with its features.
        recommend: decodes `RecommendRequest`.
        similar: decodes `SimilarRequest`.
        embed: decodes `EmbedRequest`.
        put: decodes `PutRequest`.
        remove: decodes `RemoveRequest`.
        events: decodes `EventsRequest`.
    """

    query: type[msgspec.Struct]
    candidate: type[msgspec.Struct]
    recommend: type[RecommendRequest]
    similar: type[SimilarRequest]
    embed: type[EmbedRequest]
    put: type[PutRequest]
    remove: type[RemoveRequest]
    events: type[EventsRequest]

    @classmethod
    def of(cls, bundle: Bundle, limits: Limits) -> "RequestTypes":
        """Make the types.

        Args:
            bundle: names the features.
            limits: how long lists may be.

        Returns:
            The types.
        """
        queries, candidates = bundle.queries, bundle.candidates
        query_columns, columns = bundle.query_encoder.columns, bundle.candidate_encoder.columns
        query = _features("Query", bundle.query_id, query_columns, queries, limits)
        name = bundle.candidate_id
        candidate = _features("Candidate", name, columns, candidates, limits)
        everything = (*columns, *candidates.columns)
        whole = _features("NewCandidate", name, everything, candidates, limits)
        recommend, similar = _asking(query, limits)
        put, remove, events = _changing(whole, limits)
        some = limits.max_queries
        embed = _narrowed(
            EmbedRequest,
            queries=(_list_of(Id | query, most=some), ()),
            candidates=(_list_of(Id | candidate, most=some), ()),
        )
        return cls(query, candidate, recommend, similar, embed, put, remove, events)


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


def _asking(query: Any, limits: Limits) -> tuple[type[RecommendRequest], type[SimilarRequest]]:
    some, ids = limits.max_queries, _list_of(Id, most=limits.max_ids)
    k: Any = Annotated[int, Meta(ge=1, le=limits.max_k)]
    recommend = _narrowed(
        RecommendRequest,
        queries=(_list_of(Id | query, least=1, most=some), NODEFAULT),
        k=(k, 10),
        exclude=(_or_none(_list_of(ids, most=some)), None),
        allow=(_or_none(ids), None),
        deny=(_or_none(ids), None),
        where=(_or_none(Annotated[str, Meta(max_length=MAX_CONDITION)]), None),
        fields=(list[str], ()),
    )
    similar = _narrowed(
        SimilarRequest,
        candidate_ids=(_list_of(Id, least=1, most=some), NODEFAULT),
        k=(k, 10),
        fields=(list[str], ()),
    )
    return recommend, similar


def _changing(
    candidate: Any, limits: Limits
) -> tuple[type[PutRequest], type[RemoveRequest], type[EventsRequest]]:
    some = limits.max_queries
    ids = _list_of(Id, least=1, most=some), NODEFAULT
    event: Any = _narrowed(Event, query_id=(Id, NODEFAULT), candidate_ids=ids)
    candidates = _list_of(candidate, least=1, most=some), NODEFAULT
    return (
        _narrowed(PutRequest, candidates=candidates),
        _narrowed(RemoveRequest, candidate_ids=ids),
        _narrowed(EventsRequest, events=(_list_of(event, least=1, most=some), NODEFAULT)),
    )


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
        (name, kind) if default is NODEFAULT else (name, kind, _default(default))
        for name, (kind, default) in fields.items()
    ]
    made = msgspec.defstruct(
        base.__name__, described, bases=(base,), kw_only=True, forbid_unknown_fields=True
    )
    made.__doc__ = base.__doc__
    return cast("type[R]", made)


def _default(value: object) -> Any:
    return msgspec.field(default_factory=list[Any]) if value == () else value
