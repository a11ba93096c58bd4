"""What tells one recommender's answers from another's."""

import hashlib

import msgspec

from turret.bundle.bundle import Bundle
from turret.index.base import Index
from turret.index.live_view import LiveView
from turret.recommender.memory import Memory

__all__ = ["fingerprint"]

_ROWS = 1 << 16


def fingerprint(bundle: Bundle, index: Index, memory: Memory) -> str:
    """Hashes what the answers to the queries of a bundle depend on.

    Args:
        bundle: the bundle; its provenance stands for its tables.
        index: what is searched: its kind and settings, its vectors, and the changes to it.
        memory: what became known of queries since.

    Returns:
        64 hexadecimal digits.
    """
    base = index.base if isinstance(index, LiveView) else index
    changes = index.change if isinstance(index, LiveView) else 0
    # What is to be forgotten is kept in no order.
    since = sorted(memory.changes(), key=lambda change: (change.op, change.query))
    facts = (bundle.provenance, base.kind, base.settings, changes, since)
    found = hashlib.sha256(msgspec.json.encode(facts, order="sorted"))
    for vectors in (bundle.query_vectors, index.vectors):
        found.update(repr(vectors.shape).encode())
        for start in range(0, vectors.shape[0], _ROWS):
            found.update(vectors[start : start + _ROWS].tobytes())
    return found.hexdigest()
