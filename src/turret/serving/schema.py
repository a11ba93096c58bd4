"""What requests and answers look like."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "EmbedAnswer",
    "EmbedRequest",
    "Event",
    "EventsRequest",
    "Id",
    "PutRequest",
    "RecommendAnswer",
    "RecommendRequest",
    "RemoveRequest",
    "SimilarAnswer",
    "SimilarRequest",
]

_WHOLE = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Id = str | _WHOLE
"""An external id: text or a whole number, which are one id when they read the same."""


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
        dim: numbers in each.
        model_version: the version of the model that answered.
    """

    queries: list[list[float] | None]
    candidates: list[list[float]]
    dim: int
    model_version: str


class PutRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Adds candidates, and replaces those of the same ids.

    Attributes:
        candidates: each an object of its id and its columns.
    """

    candidates: list[Any]


class RemoveRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Takes candidates away.

    Attributes:
        candidate_ids: their ids; those that are not there are passed over.
    """

    candidate_ids: list[Id]


class Event(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a query has just seen.

    Attributes:
        query_id: the id of the query.
        candidate_ids: the ids of the candidates, the most recent last.
    """

    query_id: Id
    candidate_ids: list[Id]


class EventsRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Notes what queries have just seen, for `exclude_seen` and their histories.

    Attributes:
        events: in their order.
    """

    events: list[Event]
