"""Where the changes of a bundle are logged, and the bundle that a compaction writes."""

import hashlib
import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from turret.bundle.bundle import Bundle
from turret.errors import BundleError
from turret.index import registry
from turret.index.changes import Change, ChangeLog
from turret.index.live import LiveIndex
from turret.index.live_view import LiveView
from turret.recommender.memory import Memory
from turret.storage.files import read_object

__all__ = ["compacted", "identity_of", "log_of", "opened", "stands", "view_of"]

_ATTEMPTS = 5


def identity_of(bundle: Bundle) -> str:
    """Tells a bundle from the others that stood or will stand at its place.

    Args:
        bundle: the bundle.

    Returns:
        32 hexadecimal digits out of its provenance. Building its index anew does not change them.
    """
    text = msgspec.json.encode(bundle.provenance, order="sorted")
    return hashlib.sha256(text).hexdigest()[:32]


def log_of(path: str | os.PathLike[str], bundle: Bundle) -> Path:
    """Names the log of the changes to a bundle.

    Args:
        path: the directory of the bundle.
        bundle: the bundle that stands there.

    Returns:
        A file in the folder `NAME.changes` beside the bundle.
    """
    place = Path(path).resolve()
    return place.with_name(f"{place.name}.changes") / f"{identity_of(bundle)}.log"


def opened(
    path: str | os.PathLike[str], *, allow_custom: Collection[str] = ()
) -> tuple[Bundle, list[Change]]:
    """Opens a bundle together with the changes that were logged beside it.

    Args:
        path: the directory of the bundle.
        allow_custom: see `Bundle.open`.

    Returns:
        The bundle and its changes, the oldest first, both of the same moment.

    Raises:
        BundleError: if there is no bundle, it is damaged, or it is replaced all the time.
        CandidateIndexError: if the log is damaged.
    """
    place = Path(path)
    for _ in range(_ATTEMPTS):
        bundle = Bundle.open(place, allow_custom=allow_custom)
        changes = ChangeLog.peek(log_of(place, bundle), belongs_to=identity_of(bundle))
        # A compaction that ends in between takes the old log away with the old bundle.
        if changes or read_object(place / "provenance.json") == bundle.provenance:
            return bundle, changes
    raise BundleError(f"{place} is replaced again and again while it is read")


def view_of(bundle: Bundle, changes: Iterable[Change]) -> LiveView:
    """Makes changes in the index of a bundle.

    Args:
        bundle: the bundle.
        changes: what `opened` gave beside it; those of queries are passed over.

    Returns:
        The index as of the last one.
    """
    live = LiveIndex(bundle.index)
    for change in changes:
        if change.of_candidates:
            live.apply(change)
    return live.view()


def stands(path: str | os.PathLike[str], bundle: Bundle) -> bool:
    """Says whether a bundle stands at a place, or another one.

    Args:
        path: the directory.
        bundle: the bundle.

    Returns:
        Whether it is that one; False also where nothing can be read.
    """
    try:
        return read_object(Path(path) / "provenance.json") == bundle.provenance
    except BundleError:
        return False


def compacted(bundle: Bundle, view: LiveView, memory: Memory, *, number: int) -> Bundle:
    """Makes a bundle of another one and the changes to its candidates.

    Args:
        bundle: the bundle before.
        view: its candidates as of some change.
        memory: knows which queries are to be forgotten.
        number: counts the compactions, so that the new bundle has another identity.

    Returns:
        A bundle of the candidates that are there. What queries have seen, and how often, stays with
        the ids; queries to be forgotten are not there any more.
    """
    bundle = _without_forgotten(bundle, memory)
    remaining = view.remaining()
    table = remaining.columns
    assert table is not None
    now = remaining.find(bundle.candidates[bundle.candidate_id])
    counts = np.zeros(len(remaining), dtype=np.int64)
    counts[now[now >= 0]] = bundle.candidate_count[now >= 0]
    seen = now[bundle.seen_rows]
    query = np.repeat(np.arange(bundle.queries.height), np.diff(bundle.seen_indptr))
    query, seen = query[seen >= 0], seen[seen >= 0]
    order = np.lexsort((seen, query))
    indptr = np.zeros(bundle.queries.height + 1, dtype=np.int64)
    np.cumsum(np.bincount(query, minlength=bundle.queries.height), out=indptr[1:])
    return replace(
        bundle,
        candidates=table,
        index=registry.again(view.base, remaining),
        candidate_count=counts,
        seen_indptr=indptr,
        seen_rows=seen[order].astype(np.int32),
        provenance={**bundle.provenance, "compactions": number},
        curve=None,
    )


def _without_forgotten(bundle: Bundle, memory: Memory) -> Bundle:
    names = bundle.queries[bundle.query_id].to_list()
    kept = np.array([not memory.forgets(name) for name in names], dtype=bool)
    if kept.all():
        return bundle
    lengths = np.diff(bundle.seen_indptr)
    indptr = np.zeros(int(kept.sum()) + 1, dtype=np.int64)
    np.cumsum(lengths[kept], out=indptr[1:])
    return replace(
        bundle,
        queries=bundle.queries.filter(kept),
        query_vectors=bundle.query_vectors[kept],
        known_queries=bundle.known_queries[kept],
        seen_indptr=indptr,
        seen_rows=bundle.seen_rows[np.repeat(kept, lengths)],
    )
